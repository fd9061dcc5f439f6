"""Pairs for embeddings: no batch holds a text twice on one side where that can be avoided."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.support import check_keys, check_source, epoch, rows
from tinyllm.data import ContrastivePairs

PAD = 0
ROW = st.lists(st.integers(1, 3), min_size=1, max_size=2)
PAIRS = st.lists(st.tuples(ROW, ROW), min_size=1, max_size=25)


def make(pairs, batch_size=4, max_length=9, seed=0):
    one, other = zip(*pairs, strict=True)
    return ContrastivePairs(one, other, batch_size, max_length, PAD, seed)


def contents(batches):
    return list(zip(rows(batches), rows(batches, "other_ids", "other_mask"), strict=True))


@given(PAIRS, st.integers(1, 6), st.integers(1, 3), st.integers(0, 2**40), st.integers(0, 20))
def test_every_pair_once_an_epoch(pairs, batch_size, max_length, seed, number):
    check_source(lambda seed: make(pairs, batch_size, max_length, seed), contents, seed, number)
    source = make(pairs, batch_size, max_length, seed)
    cut = [(tuple(one[:max_length]), tuple(other[:max_length])) for one, other in pairs]
    assert contents(list(source.evaluation())) == cut
    for batch in epoch(source, number):
        check_keys(batch, "ids", "attention_mask", "other_ids", "other_mask")
    sizes = [len(batch["ids"]) for batch in epoch(source, number)]
    assert max(sizes) - min(sizes) <= 1


@given(PAIRS)
def test_groups_are_the_components_of_shared_texts(pairs):
    groups = make(pairs).groups
    n = len(pairs)
    near = np.array([[a[0] == b[0] or a[1] == b[1] for b in pairs] for a in pairs])
    for _ in range(n):
        near = near @ near
    for i in range(n):
        assert groups[i] == np.flatnonzero(near[i]).min()


@given(PAIRS, st.integers(1, 6), st.integers(0, 99), st.integers(0, 5))
def test_linked_pairs_do_not_meet_while_there_are_batches_enough(pairs, batch_size, seed, number):
    source = make(pairs, batch_size, seed=seed)
    largest = max(np.bincount(source.groups))
    for batch in epoch(source, number):
        if largest <= source.steps_per_epoch:
            assert len(set(rows([batch]))) == len(set(rows([batch], "other_ids", "other_mask"))) == len(batch["ids"])


def test_who_meets_whom_changes_and_is_even():
    source = make([([i + 1], [i + 1]) for i in range(12)], batch_size=4)
    met = np.zeros((13, 13))
    for number in range(600):
        for batch in epoch(source, number):
            ids = batch["ids"][:, 0]
            met[np.ix_(ids, ids)] += 1
    apart = met[1:, 1:][~np.eye(12, dtype=bool)]        # two of twelve share one of three batches with chance 3/11
    assert abs(apart - 600 * 3 / 11).max() < 5 * np.sqrt(600 * 3 / 11 * 8 / 11)


def test_pairs_refuse():
    with pytest.raises(ValueError, match="2 rows and 1 others: give each row its other"):
        ContrastivePairs([[1], [2]], [[1]], 2, 4, PAD)
    with pytest.raises(ValueError, match="other 1 has no tokens"):
        ContrastivePairs([[1], [2]], [[1], []], 2, 4, PAD)
