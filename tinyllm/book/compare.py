"""Do two answers agree? And if not, where do they part?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..autograd import Tensor


def difference(got: Any, expected: Any, rtol: float = 1e-5, atol: float = 1e-8) -> str | None:
    """None when the two agree, otherwise a few words that say how they differ.

    Numbers and arrays agree within atol + rtol · |expected|, NaN with NaN; sequences and dicts entry by entry; all else by ==.
    A Tensor counts as the array it holds. Shapes must be equal: an array that would merely broadcast to the expected one is
    wrong.
    """
    got, expected = plain(got), plain(expected)
    if isinstance(expected, np.ndarray):
        return _array_difference(got, expected, rtol, atol)
    if isinstance(expected, Mapping):
        if not isinstance(got, Mapping) or got.keys() != expected.keys():
            return f"not the keys {', '.join(map(repr, expected))}"
        return _first_difference({f"at {key!r}": (got[key], expected[key]) for key in expected}, rtol, atol)
    if isinstance(expected, list | tuple):
        if not isinstance(got, Sequence | np.ndarray) or isinstance(got, str) or len(got) != len(expected):
            return f"not {len(expected)} values"
        return _first_difference({f"value {i + 1}": pair for i, pair in enumerate(zip(got, expected, strict=True))}, rtol, atol)
    same = isinstance(got, type(expected)) and got == expected
    return None if same else "not the same"


def plain(x: Any) -> Any:
    """Tensors and numbers as arrays, NumPy's booleans as Python's; anything else as it is."""
    if isinstance(x, Tensor):
        return x.data
    if isinstance(x, bool | np.bool_):
        return bool(x)
    if isinstance(x, np.generic | int | float):
        return np.asarray(x)
    return x


def _first_difference(pairs: Mapping[str, tuple[Any, Any]], rtol: float, atol: float) -> str | None:
    for where, (got, expected) in pairs.items():
        if problem := difference(got, expected, rtol, atol):
            return f"{where}: {problem}"
    return None


def _array_difference(got: Any, expected: np.ndarray, rtol: float, atol: float) -> str | None:
    if isinstance(got, list | tuple):
        try:
            got = np.asarray(got)
        except ValueError:
            return f"rows of unequal length, not an array of shape {expected.shape}"
    if not isinstance(got, np.ndarray):
        return f"a {type(got).__name__}, not " + ("a number" if expected.ndim == 0 else f"an array of shape {expected.shape}")
    if got.shape != expected.shape:
        return f"shape {got.shape}, not {expected.shape}"
    if got.dtype.kind not in "biufc" or expected.dtype.kind not in "biufc":
        return None if np.array_equal(got, expected) else "other entries"
    wrong = ~np.isclose(got, expected, rtol, atol, equal_nan=True)
    if not wrong.any():
        return None
    if expected.ndim == 0:
        return "another number"
    at = tuple(int(i) for i in np.argwhere(wrong)[0])
    return f"{int(wrong.sum())} of {wrong.size} entries are off, the first at [{', '.join(map(str, at))}]"
