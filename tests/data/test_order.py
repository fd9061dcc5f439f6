"""The order of an epoch: a permutation; with lengths, rows of like length meet, and yet neighbours change."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyllm.data.order import POOL, ShuffledRows, slices


@given(st.integers(1, 300), st.integers(1, 9), st.integers(0, 2**40), st.integers(0, 30), st.booleans())
def test_every_row_once_an_epoch(n, batch_size, seed, epoch, by_length):
    lengths = np.random.default_rng(n).integers(1, 20, (n, 2)) if by_length else None
    order, fresh = (ShuffledRows(n, batch_size, seed, lengths) for _ in range(2))
    steps = order.steps_per_epoch
    assert steps == -(-n // batch_size)
    batches = [order.of(epoch * steps + i) for i in range(steps)]
    assert sorted(np.concatenate(batches).tolist()) == list(range(n))
    assert sorted(map(len, batches), reverse=True) == [batch_size] * (n // batch_size) + [n % batch_size] * (n % batch_size > 0)
    for i in reversed(range(steps)):
        fresh.of(i)
        np.testing.assert_array_equal(fresh.of(epoch * steps + i), batches[i])


@pytest.mark.parametrize("columns", [1, 2])
def test_rows_of_like_length_share_a_batch(columns, rng):
    lengths = rng.integers(1, 101, (4000, columns))
    order = ShuffledRows(4000, 8, 0, lengths if columns == 2 else lengths[:, 0])
    batches = [order.of(step) for step in range(500)]
    first = lengths[:, -1]                  # the last column decides first, as np.lexsort has it
    padding = sum(len(rows) * first[rows].max() - first[rows].sum() for rows in batches) / first.sum()
    assert padding < 0.03                   # 8 random rows would give about 0.7
    # Short ones do not come first: the mean length of a batch says nothing about its place.
    means = [first[rows].mean() for rows in batches]
    assert abs(np.corrcoef(np.arange(500), means)[0, 1]) < 0.2
    # Within a pool all rows are sorted, and pools are drawn anew: who shares a batch changes.
    neighbours = {(*sorted(rows.tolist()),) for rows in batches}
    assert len(neighbours & {(*sorted(order.of(500 + step).tolist()),) for step in range(500)}) == 0
    assert POOL * 8 < 4000


def test_equal_lengths_are_shuffled():
    order = ShuffledRows(30, 30, 0, np.ones(30, int))
    assert len({order.of(epoch).tobytes() for epoch in range(10)}) == 10


@given(st.integers(0, 50), st.integers(1, 9))
def test_slices_cover_in_order(n, size):
    assert [i for part in slices(n, size) for i in range(n)[part]] == list(range(n))
    assert all(0 < part.stop - part.start <= size for part in slices(n, size))
