"""Two answers agree, or the difference is named."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyllm import Tensor
from tinyllm.book.compare import difference
from tinyllm.book.draws import arrays

NAN = float("nan")


@given(arrays("T C"))
def test_equal_arrays_agree_and_nudged_ones_do_not(args):
    (x,) = args
    assert difference(x.copy(), x) is None
    nudged = x.copy()
    nudged[-1, -1] += 1e-3
    assert difference(nudged, x) == f"1 of {x.size} entries are off, the first at [{x.shape[0] - 1}, {x.shape[1] - 1}]"


@pytest.mark.parametrize("got, expected", [
    (1.0, 1), (np.float32(2), 2.0), (Tensor([1.0, 2.0]), np.array([1.0, 2.0])), ([1.0, 2.0], np.array([1.0, 2.0])),
    (NAN, NAN), ((2, 3), (2, 3)), ([2, 3], (2, 3)), ({"a": 1.0}, {"a": 1.0}), ("yes", "yes"), (True, True), (np.True_, True),
    (np.array(["a"]), np.array(["a"])),
])
def test_what_agrees(got, expected):
    assert difference(got, expected) is None


@pytest.mark.parametrize("got, expected, words", [
    (1.1, 1.0, "another number"),
    (np.zeros((3, 1)), np.zeros(3), r"shape \(3, 1\), not \(3,\)"),
    (np.zeros(()), np.zeros(3), r"shape \(\), not \(3,\)"),
    ("1", 1.0, "a str, not a number"),
    ([[1.0], [1.0, 2.0]], np.zeros((2, 2)), "rows of unequal length"),
    ((1, 2), (1, 2, 3), "not 3 values"),
    ((1, 2), (1, 3), "value 2: another number"),
    ("no", "yes", "not the same"),
    (1, True, "not the same"),
    ({"a": 1.0}, {"b": 1.0}, "not the keys 'b'"),
    ({"a": 1.0}, {"a": 2.0}, "at 'a': another number"),
    (np.array([1.0, NAN]), np.array([1.0, 2.0]), r"1 of 2 entries are off, the first at \[1\]"),
])
def test_what_does_not(got, expected, words):
    with pytest.raises(AssertionError, match=words):
        assert not (problem := difference(got, expected)), problem


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_a_number_is_no_text(x):
    assert difference(str(x), x) is not None and difference(x, str(x)) is not None
