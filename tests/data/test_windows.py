"""Windows of a text: targets one place on, batches from (seed, step) alone, everything evaluated once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyllm.data import CausalWindows
from tinyllm.data.windows import ShuffledStarts


@st.composite
def sources(draw):
    context = draw(st.integers(1, 9))
    length = draw(st.integers(context + 1, 60))
    return CausalWindows(np.arange(length) + 100, context, draw(st.integers(1, 7)), draw(st.integers(0, 2**40)))


@given(sources(), st.integers(0, 2**40))
def test_targets_are_the_text_one_place_on(source, step):
    batch = source.batch(step)
    assert set(batch) == {"ids", "targets"}
    assert batch["ids"].shape == batch["targets"].shape == (source.batch_size, source.context)
    assert batch["ids"].dtype == batch["targets"].dtype == np.int64
    # The text counts up, so a window is consecutive and each target is its token plus one.
    np.testing.assert_array_equal(np.diff(batch["ids"], axis=1), 1)
    np.testing.assert_array_equal(batch["targets"], batch["ids"] + 1)
    assert batch["ids"].min() >= 100 and batch["targets"].max() <= source.tokens[-1]


@given(sources(), st.lists(st.integers(0, 30), min_size=1, max_size=5))
def test_a_batch_depends_on_seed_and_step_alone(source, steps):
    fresh = CausalWindows(source.tokens, source.context, source.batch_size, source.seed)
    for step in steps:
        source.batch(step + 1)
        for key in ("ids", "targets"):
            np.testing.assert_array_equal(source.batch(step)[key], fresh.batch(step)[key])


def test_seeds_and_steps_give_different_batches():
    tokens = np.arange(10_000)
    drawn = {
        CausalWindows(tokens, 8, 4, seed).batch(step)["ids"].tobytes() for seed in range(5) for step in range(5)
    }
    assert len(drawn) == 25


def test_every_start_is_drawn_from_the_first_to_the_last():
    source = CausalWindows(np.arange(7), context=3, batch_size=64)      # starts 0, 1, 2, 3
    starts = np.concatenate([source.batch(step)["ids"][:, 0] for step in range(50)])
    counts = np.bincount(starts, minlength=4)
    assert counts.shape == (4,)
    assert (abs(counts - 800) < 5 * np.sqrt(3200 * 3 / 16)).all()       # five standard deviations


@given(st.integers(1, 9), st.integers(1, 12), st.integers(1, 5), st.integers(0, 5))
def test_an_epoch_reads_the_text_evenly(context, windows, batch_size, seed):
    """Where windows fill the text exactly, an epoch's begin once at every multiple of the context, from some place on."""
    n = context * windows
    starts = ShuffledStarts(n, context, batch_size, seed)
    drawn = np.concatenate([starts.of(step) for step in range(3 * windows)])
    for epoch in drawn.reshape(-1, windows):
        first = epoch.min()
        assert first < context
        assert sorted(epoch) == [first + context * i for i in range(windows)]
    assert starts.an_epoch == windows


def test_the_order_and_the_place_change_from_epoch_to_epoch():
    starts = ShuffledStarts(1000, 10, 100, 0)
    epochs = [starts.of(step) for step in range(20)]
    assert len({epoch.tobytes() for epoch in epochs}) == 20
    assert len({int(epoch.min()) for epoch in epochs}) > 5
    assert all((np.diff(epoch) < 0).any() for epoch in epochs)


@given(sources(), st.none() | st.integers(1, 9))
def test_evaluation_counts_every_token_but_the_first_exactly_once(source, batch_size):
    counted = []
    for batch in source.evaluation(batch_size):
        assert 1 <= len(batch["ids"]) <= (batch_size or source.batch_size)
        assert batch["ids"].shape == batch["targets"].shape == (len(batch["ids"]), source.context)
        np.testing.assert_array_equal(np.diff(batch["ids"], axis=1), 1)
        real = batch["targets"] != -100
        np.testing.assert_array_equal(batch["targets"][real], batch["ids"][real] + 1)
        counted += batch["targets"][real].tolist()
    assert counted == source.tokens[1:].tolist()


def test_evaluation_is_the_same_each_time():
    source = CausalWindows(np.arange(50), 8, 3)
    for one, other in zip(source.evaluation(), source.evaluation(), strict=True):
        np.testing.assert_array_equal(one["targets"], other["targets"])


def test_a_corpus_kept_in_two_bytes_a_token_is_read_where_it_is(tmp_path):
    np.save(tmp_path / "tokens.npy", np.arange(40, dtype=np.uint16) + 60_000)
    tokens = np.load(tmp_path / "tokens.npy", mmap_mode="r")
    source = CausalWindows(tokens, 8, 2)
    assert np.shares_memory(source.tokens, tokens)
    for batch in (source.batch(0), next(source.evaluation())):
        assert batch["ids"].dtype == batch["targets"].dtype == np.int64
        assert batch["targets"].max() > 60_000


@pytest.mark.parametrize(
    ("tokens", "context", "batch_size", "error", "message"),
    [
        (np.arange(8), 8, 1, ValueError, "the text has 8 tokens, context 8 needs at least 9: .* at most 7"),
        (np.arange(0), 8, 1, ValueError, "the text has 0 tokens, context 8 needs at least 9"),
        (np.arange(8).reshape(2, 4), 2, 1, ValueError, r"tokens of shape \(2, 4\): give one sequence"),
        (np.arange(8.0), 2, 1, TypeError, "tokens of type float64: give integers"),
        (np.arange(8), 0, 1, ValueError, "context 0 and batch_size 1: both are at least 1"),
        (np.arange(8), 2, 0, ValueError, "context 2 and batch_size 0: both are at least 1"),
    ],
)
def test_windows_refuse(tokens, context, batch_size, error, message):
    with pytest.raises(error, match=message):
        CausalWindows(tokens, context, batch_size)


def test_the_shortest_text_has_one_window():
    batch = CausalWindows(np.arange(4), context=3, batch_size=2).batch(0)
    assert batch["ids"].tolist() == [[0, 1, 2]] * 2 and batch["targets"].tolist() == [[1, 2, 3]] * 2
