"""A few labels of every class."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyllm.data import LabelledTexts

LABELS = np.array([0, 1, 2, 2, 1, 0, 0, 1, 2, 0, 2, 1, 1, 0])
TEXTS = LabelledTexts(tuple(f"{label} {i}" for i, label in enumerate(LABELS)), LABELS, ("a", "b", "c"))


@given(st.integers(1, 4), st.integers(0, 2**40))
def test_few_takes_k_different_rows_a_class_with_their_labels(k, seed):
    few = TEXTS.few(k, seed)
    assert len(few) == 3 * k == len(set(few.texts))
    assert np.bincount(few.labels).tolist() == [k] * 3
    assert set(few.texts) <= set(TEXTS.texts)
    assert [int(text.split()[0]) for text in few.texts] == few.labels.tolist()
    assert few.names == TEXTS.names
    assert TEXTS.few(k, seed).texts == few.texts


@given(st.integers(1, 3), st.integers(0, 99))
def test_more_labels_keep_the_few(k, seed):
    assert set(TEXTS.few(k, seed).texts) < set(TEXTS.few(k + 1, seed).texts)


def test_seeds_draw_different_rows():
    assert len({TEXTS.few(2, seed).texts for seed in range(20)}) > 10


def test_classes_of_one_size_draw_independently_of_each_other():
    first, second = (list(np.flatnonzero(label == LABELS)) for label in range(2))

    def places(seed):
        numbers = [int(text.split()[1]) for text in TEXTS.few(1, seed).texts]
        return [rows.index(i) for rows in (first, second) for i in numbers if i in rows]

    assert len({tuple(places(seed)) for seed in range(100)}) > 15      # of 25 combinations


def test_rows_come_in_the_order_asked_for():
    assert TEXTS.rows(np.array([3, 0])).texts == ("2 3", "0 0")


@pytest.mark.parametrize(("k", "message"), [(0, "0 labels a class: take at least 1"), (5, "'c' has 4 rows, fewer")])
def test_few_refuses(k, message):
    with pytest.raises(ValueError, match=message):
        TEXTS.few(k)
