"""Padding says what is real; splitting loses and repeats nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyllm.data import pad_batch, split_batch

ROWS = st.lists(st.lists(st.integers(0, 50), min_size=1, max_size=9), min_size=1, max_size=8)


@given(ROWS, st.integers(0, 50), st.none() | st.integers(1, 10))
def test_the_mask_marks_each_rows_tokens_and_the_rest_is_padding(rows, pad_id, max_length):
    ids, mask = pad_batch(rows, pad_id, max_length)
    kept = [row[:max_length] for row in rows]
    assert ids.shape == mask.shape == (len(rows), max(map(len, kept)))
    assert ids.dtype == np.int64 and mask.dtype == bool
    for i, row in enumerate(kept):
        assert ids[i].tolist() == row + [pad_id] * (ids.shape[1] - len(row))
        assert mask[i].tolist() == [True] * len(row) + [False] * (ids.shape[1] - len(row))


def test_padding_takes_arrays_of_any_integer_type():
    ids, mask = pad_batch([np.array([60000], dtype=np.uint16), [1, 2]], pad_id=9)
    assert ids.tolist() == [[60000, 9], [1, 2]]
    assert mask.tolist() == [[True, False], [True, True]]


@pytest.mark.parametrize(
    ("rows", "max_length", "message"),
    [
        ([], None, "no rows: give at least one"),
        ([[1], []], None, "row 1 has no tokens: drop it"),
        ([[1]], 0, "max_length 0 leaves no token: take at least 1"),
    ],
)
def test_padding_refuses(rows, max_length, message):
    with pytest.raises(ValueError, match=message):
        pad_batch(rows, 0, max_length)


@pytest.mark.parametrize("rows", [[[1.7, 2.2]], [1, 2], ["ab"], [[[1], [2]]]])
def test_padding_refuses_what_is_no_row_of_ids(rows):
    with pytest.raises(TypeError, match=r"row 0 has shape .* give token ids, shape \(T,\)"):
        pad_batch(rows, 0)


@given(st.integers(1, 12), st.integers(1, 15))
def test_parts_are_contiguous_equal_and_together_the_batch(rows, n):
    batch = {"ids": np.arange(rows * 3).reshape(rows, 3), "labels": np.arange(rows) * 10}
    parts = split_batch(batch, n)
    sizes = [len(part["labels"]) for part in parts]
    assert len(parts) == min(n, rows)
    assert max(sizes) - min(sizes) <= 1 and sizes == sorted(sizes, reverse=True)
    for key, array in batch.items():
        np.testing.assert_array_equal(np.concatenate([part[key] for part in parts]), array)
        assert all(np.shares_memory(part[key], array) for part in parts)


@pytest.mark.parametrize(
    ("batch", "n", "message"),
    [
        ({"ids": np.zeros((2, 3))}, 0, "0 parts: take at least 1"),
        ({"ids": np.zeros((2, 3)), "labels": np.zeros(3)}, 2, "one and the same number of rows.*'ids': 2, 'labels': 3"),
        ({"ids": np.zeros((0, 3))}, 2, "at least 1: got {'ids': 0}"),
        ({}, 2, "at least 1: got {}"),
    ],
)
def test_splitting_refuses(batch, n, message):
    with pytest.raises(ValueError, match=message):
        split_batch(batch, n)
