"""Labelled batches: an epoch is a permutation, rows keep their labels, hiding touches training only."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyllm.data import LabelledBatches

PAD, MASK = 0, 1


def numbered(n, batch_size, **options):
    """Row i is i + 10, repeated as often as i % 3 says; its label is i."""
    rows = [[i + 10] * (i % 3 + 1) for i in range(n)]
    return LabelledBatches(rows, np.arange(n), batch_size, **{"max_length": 8, "pad_id": PAD, **options})


def rows_of(batch):
    return [ids[mask].tolist() for ids, mask in zip(batch["ids"], batch["attention_mask"], strict=True)]


@given(st.integers(1, 40), st.integers(1, 12), st.integers(0, 2**40), st.integers(0, 50))
def test_an_epoch_visits_every_row_once_with_its_label(n, batch_size, seed, epoch):
    source = numbered(n, batch_size, seed=seed)
    steps = source.steps_per_epoch
    assert steps == -(-n // batch_size)
    batches = [source.batch(epoch * steps + i) for i in range(steps)]
    assert [len(batch["labels"]) for batch in batches[:-1]] == [batch_size] * (steps - 1)
    labels = np.concatenate([batch["labels"] for batch in batches])
    assert sorted(labels.tolist()) == list(range(n))
    for batch in batches:
        assert rows_of(batch) == [[i + 10] * (i % 3 + 1) for i in batch["labels"]]
        assert (batch["ids"][~batch["attention_mask"]] == PAD).all()


@given(st.integers(1, 30), st.integers(1, 9), st.integers(0, 99), st.lists(st.integers(0, 40), min_size=1, max_size=4))
def test_a_batch_depends_on_seed_and_step_alone(n, batch_size, seed, steps):
    options = {"seed": seed, "hide_p": 0.3, "mask_id": MASK}
    source, fresh = numbered(n, batch_size, **options), numbered(n, batch_size, **options)
    for step in steps:
        source.batch(step + 1)
        one, other = source.batch(step), fresh.batch(step)
        assert set(one) == set(other) == {"ids", "attention_mask", "labels"}
        for key in one:
            np.testing.assert_array_equal(one[key], other[key])


def test_epochs_and_seeds_have_orders_of_their_own():
    orders = {
        tuple(numbered(30, 30, seed=seed).batch(epoch)["labels"]) for seed in range(4) for epoch in range(4)
    }
    assert len(orders) == 16


def test_long_rows_lose_their_end():
    source = LabelledBatches([[5, 6, 7, 8]], [0], 1, max_length=2, pad_id=PAD)
    assert source.batch(0)["ids"].tolist() == [[5, 6]]


@given(st.integers(1, 40), st.integers(1, 12), st.none() | st.integers(1, 12))
def test_evaluation_gives_every_row_once_in_order_and_hides_nothing(n, batch_size, other):
    source = numbered(n, batch_size, hide_p=0.9, mask_id=MASK)
    batches = list(source.evaluation(other))
    assert np.concatenate([batch["labels"] for batch in batches]).tolist() == list(range(n))
    assert [row for batch in batches for row in rows_of(batch)] == [[i + 10] * (i % 3 + 1) for i in range(n)]
    assert max(len(batch["labels"]) for batch in batches) <= (other or batch_size)


def test_hiding_takes_its_share_of_the_words_and_leaves_padding_and_special_tokens():
    rows = [[7] + [20] * 50, [7] + [20] * 99]
    source = LabelledBatches(rows, [0, 1], 2, 100, PAD, hide_p=0.1, mask_id=MASK, special_ids=[7])
    hidden = words = 0
    for step in range(200):
        batch = source.batch(step)
        ids, mask = batch["ids"], batch["attention_mask"]
        assert (ids[~mask] == PAD).all() and (ids[:, 0] == 7).all()
        assert mask.sum() == 151
        assert np.isin(ids[mask], [7, 20, MASK]).all()
        hidden += (ids[mask] == MASK).sum()
        words += 149
    assert abs(hidden - 0.1 * words) < 5 * np.sqrt(words * 0.09)


def test_what_is_hidden_changes_from_step_to_step_and_from_seed_to_seed():
    sources = [LabelledBatches([[20] * 60], [0], 1, 60, PAD, seed, hide_p=0.3, mask_id=MASK) for seed in range(3)]
    assert len({source.batch(step)["ids"].tobytes() for source in sources for step in range(20)}) == 60


GOOD = {"rows": [[1], [2, 3]], "labels": [0, 1], "batch_size": 2, "max_length": 4, "pad_id": PAD}


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"labels": [0]}, ValueError, r"2 rows and labels of shape \(1,\): give one label a row"),
        ({"labels": [0.0, 1.0]}, TypeError, "labels of type float64: give integers"),
        ({"labels": [0, -1]}, ValueError, "label -1 at row 1: labels count from 0"),
        ({"rows": [], "labels": []}, ValueError, "no rows: give at least one"),
        ({"rows": [[1], []]}, ValueError, "row 1 has no tokens: drop it"),
        ({"batch_size": 0}, ValueError, "batch_size 0 and max_length 4: both are at least 1"),
        ({"max_length": 0}, ValueError, "batch_size 2 and max_length 0: both are at least 1"),
        ({"hide_p": 0.1}, ValueError, "hide_p 0.1 needs a mask_id"),
        ({"hide_p": 1.0, "mask_id": 1}, ValueError, "hide_p 1.0: a probability"),
    ],
)
def test_labelled_batches_refuse(change, error, message):
    with pytest.raises(error, match=message):
        LabelledBatches(**{**GOOD, **change})
    LabelledBatches(**GOOD)
