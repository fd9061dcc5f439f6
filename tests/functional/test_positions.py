"""Distances as numbers: T5's buckets and ALiBi's slopes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyllm import functional as F


@given(distance=st.integers(-300, 300), n=st.sampled_from([4, 8, 32, 33]), far=st.sampled_from([20, 128]), causal=st.booleans())
def test_the_bucket_of_a_distance(distance, n, far, causal):
    bucket = int(F.relative_buckets(distance, n, far, causal))
    side = n if causal else n // 2
    exact, d = side // 2, max(-distance, 0) if causal else abs(distance)
    upper = side if not causal and distance > 0 else 0
    assert upper <= bucket < upper + side
    if d < exact:
        assert bucket == upper + d
    elif d >= far:
        assert bucket == upper + side - 1
    else:                                                           # evenly spaced in the logarithm, up to a rounded edge
        place = exact + math.log(d / exact) / math.log(far / exact) * (side - exact)
        assert min(abs(bucket - upper - math.floor(place + e)) for e in (-1e-5, 1e-5)) == 0


def test_alibi_slopes_are_the_papers():
    np.testing.assert_allclose(F.alibi_slopes(8), 0.5 ** np.arange(1, 9))
    np.testing.assert_allclose(F.alibi_slopes(2), [2.0**-4, 2.0**-8])
    np.testing.assert_allclose(F.alibi_slopes(7), [2.0**-2, 2.0**-4, 2.0**-6, 2.0**-8, 2.0**-1, 2.0**-3, 2.0**-5])
    np.testing.assert_allclose(F.alibi_slopes(1), [2.0**-8])


def test_buckets_by_hand():
    """Past: 0 and 1 for themselves, then 2 + ⌊2 ln(d/2) / ln 4⌋: 2 up to d = 3, 3 from 4 on. The future shares 0."""
    np.testing.assert_array_equal(F.relative_buckets(-np.arange(9), 4, 8, causal=True), [0, 1, 2, 2, 3, 3, 3, 3, 3])
    np.testing.assert_array_equal(F.relative_buckets(np.arange(5), 4, 8, causal=True), 0)
    np.testing.assert_array_equal(F.relative_buckets(np.arange(-4, 5), 8, 8), [3, 2, 2, 1, 0, 5, 6, 6, 7])


def test_bad_input():
    for n_buckets, far, causal in ((2, 128, False), (1, 128, True), (32, 8, False), (32, 16, True), (0, 1, True)):
        with pytest.raises(ValueError, match="take 4 buckets or more"):
            F.relative_buckets(0, n_buckets, far, causal)
    F.relative_buckets(0, 2, 2, causal=True), F.relative_buckets(0, 4, 2)           # the smallest that make sense
    with pytest.raises(ValueError, match="0 heads have no slopes"):
        F.alibi_slopes(0)
