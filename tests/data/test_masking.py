"""Hidden tokens: how many, replaced by what, never special ones, the original as target."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyllm.data import MaskedWindows, mask_tokens
from tinyllm.data.masking import ordinary_ids

MASK = 3
SPECIAL = (0, 1, 2)


@st.composite
def sources(draw):
    context = draw(st.integers(1, 9))
    length = draw(st.integers(context, 60))
    vocab_size = draw(st.integers(5, 30))
    tokens = np.random.default_rng(draw(st.integers(0, 99))).integers(vocab_size, size=length)
    p = draw(st.sampled_from([0.01, 0.15, 0.5, 1.0]))
    batch_size, seed = draw(st.integers(1, 7)), draw(st.integers(0, 2**40))
    return MaskedWindows(tokens, context, batch_size, seed, MASK, vocab_size, p=p, special_ids=SPECIAL)


def again(source):
    return MaskedWindows(
        source.tokens, source.context, source.batch_size, source.seed, MASK, len(source.ordinary), source.p, SPECIAL
    )


@given(sources(), st.integers(0, 2**40))
def test_targets_are_the_originals_of_what_was_hidden(source, step):
    batch = source.batch(step)
    ids, targets = batch["ids"], batch["targets"]
    assert ids.shape == targets.shape == (source.batch_size, source.context)
    assert ids.dtype == targets.dtype == np.int64
    original = np.where(targets == -100, ids, targets)
    windows = np.lib.stride_tricks.sliding_window_view(source.tokens, source.context)
    assert all((windows == row).all(axis=1).any() for row in original)
    assert not np.isin(targets, [*SPECIAL, MASK]).any()
    changed = ids != original
    assert not np.isin(ids[changed], SPECIAL).any()
    assert (targets[changed] != -100).all()


@given(sources(), st.integers(0, 100))
def test_every_row_with_an_ordinary_token_has_a_target(source, step):
    batch = source.batch(step)
    ordinary = ~np.isin(np.where(batch["targets"] == -100, batch["ids"], batch["targets"]), [*SPECIAL, MASK])
    np.testing.assert_array_equal((batch["targets"] != -100).any(axis=1), ordinary.any(axis=1))


@given(sources(), st.lists(st.integers(0, 30), min_size=1, max_size=4))
def test_a_batch_depends_on_seed_and_step_alone(source, steps):
    fresh = again(source)
    for step in steps:
        source.batch(step + 1)
        for key in ("ids", "targets"):
            np.testing.assert_array_equal(source.batch(step)[key], fresh.batch(step)[key])


def test_the_mask_of_a_window_changes_from_step_to_step():
    source = MaskedWindows(np.arange(4, 36), 32, 1, 0, MASK, 40)        # one window only
    assert len({source.batch(step)["targets"].tobytes() for step in range(20)}) == 20


def test_first_and_last_window_are_drawn():
    source = MaskedWindows(np.arange(4, 10), 4, 32, 0, MASK, 10, p=0.01)
    batch = source.batch(0)
    firsts = np.where(batch["targets"] == -100, batch["ids"], batch["targets"])[:, 0]
    assert set(firsts.tolist()) == {4, 5, 6}


def test_shares_are_p_and_80_10_10():
    vocab_size, n = 1000, 200_000
    rng = np.random.default_rng(0)
    ids = rng.integers(10, vocab_size, size=(n // 1000, 1000))
    ordinary = ordinary_ids(vocab_size, MASK, range(10))
    shown, targets = mask_tokens(ids, np.random.default_rng(1), MASK, ordinary, 0.15)
    hidden = targets != -100
    np.testing.assert_array_equal(targets[hidden], ids[hidden])
    np.testing.assert_array_equal(shown[~hidden], ids[~hidden])

    def close(hits, total, share):     # within five standard deviations of a binomial
        assert abs(hits - share * total) < 5 * np.sqrt(total * share * (1 - share)), (hits, total, share)

    total = hidden.sum()
    close(total, n, 0.15)
    became_mask, stayed = shown[hidden] == MASK, shown[hidden] == ids[hidden]
    same = 0.1 / (vocab_size - 10)      # a random word may be the word itself
    close(became_mask.sum(), total, 0.8)
    close(stayed.sum(), total, 0.1 + same)
    drawn = shown[hidden][~became_mask & ~stayed]
    close(len(drawn), total, 0.1 - same)
    # Random words come from the whole ordinary vocabulary, evenly: chi square over ten bins, 9 degrees of freedom.
    bins = np.bincount((drawn - 10) * 10 // (vocab_size - 10), minlength=10)
    assert drawn.min() >= 10 and len(bins) == 10
    assert ((bins - bins.mean()) ** 2 / bins.mean()).sum() < 40
    # Where a token stands and how it is replaced are independent of each other: every column is hidden about as often.
    assert abs(hidden.sum(axis=0) - 30).max() < 5.5 * np.sqrt(200 * 0.15 * 0.85)


def test_hiding_is_even_over_the_places_also_where_one_token_is_forced():
    ids = np.full((6000, 4), 7)
    shown, targets = mask_tokens(ids, np.random.default_rng(0), MASK, ordinary_ids(9, MASK, ()), p=1e-9)
    hidden = targets != -100
    np.testing.assert_array_equal(hidden.sum(axis=1), 1)
    assert abs(hidden.sum(axis=0) - 1500).max() < 5 * np.sqrt(6000 * 3 / 16)
    assert abs((shown == MASK).sum() - 4800) < 5 * np.sqrt(6000 * 0.16)


def test_all_are_hidden_with_p_1_and_none_where_all_are_special():
    ids = np.array([[5, 6, MASK, 0], [0, 1, 2, 3]])
    shown, targets = mask_tokens(ids, np.random.default_rng(0), MASK, ordinary_ids(9, MASK, SPECIAL), p=1.0)
    assert targets.tolist() == [[5, 6, -100, -100], [-100] * 4]
    assert shown[1].tolist() == [0, 1, 2, 3]


@given(sources(), st.none() | st.integers(1, 9))
def test_evaluation_shows_every_token_once_where_it_can_be_hidden(source, batch_size):
    everything = MaskedWindows(
        source.tokens, source.context, source.batch_size, source.seed, MASK, len(source.ordinary), 1.0, SPECIAL
    )
    targets = np.concatenate([batch["targets"].ravel() for batch in everything.evaluation(batch_size)])
    # With p = 1 the hidden tokens, in order, are the text without its special tokens.
    assert targets[targets != -100].tolist() == source.tokens[source.ordinary[source.tokens]].tolist()


@given(sources(), st.integers(1, 9), st.integers(1, 9))
def test_evaluation_masks_are_fixed_whatever_the_batch_size(source, one, other):
    for key in ("ids", "targets"):
        first = np.concatenate([batch[key] for batch in source.evaluation(one)])
        source.batch(0)
        second = np.concatenate([batch[key] for batch in again(source).evaluation(other)])
        np.testing.assert_array_equal(first, second)
        assert all(len(batch[key]) <= one for batch in source.evaluation(one))


def test_evaluation_masks_differ_from_window_to_window_and_from_seed_to_seed():
    sources = [MaskedWindows(np.tile(np.arange(4, 36), 8), 32, 4, seed, MASK, 40, 0.5) for seed in range(3)]
    rows = {row.tobytes() for source in sources for batch in source.evaluation() for row in batch["targets"]}
    assert len(rows) == 3 * 8


GOOD = {"tokens": np.arange(4, 12), "context": 4, "batch_size": 2, "seed": 0, "mask_id": MASK, "vocab_size": 12}


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"context": 9}, ValueError, "the text has 8 tokens, context 9 needs at least 9: .* at most 8"),
        ({"tokens": np.arange(4.0, 12)}, TypeError, "tokens of type float64"),
        ({"vocab_size": 11}, ValueError, "token id 11 is outside the vocabulary of 11"),
        ({"tokens": np.array([4, -1, 5, 6])}, ValueError, "token id -1 is outside the vocabulary of 12"),
        ({"mask_id": 12}, ValueError, "special id 12 is outside the vocabulary of 12"),
        ({"special_ids": [-2]}, ValueError, "special id -2 is outside"),
        ({"special_ids": range(12)}, ValueError, "all 12 tokens of the vocabulary are special"),
        ({"p": 0.0}, ValueError, "p 0.0: the share of hidden tokens lies above 0"),
        ({"p": 1.5}, ValueError, "p 1.5"),
    ],
)
def test_masked_windows_refuse(change, error, message):
    with pytest.raises(error, match=message):
        MaskedWindows(**{**GOOD, **change})
    MaskedWindows(**GOOD)
