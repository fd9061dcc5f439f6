"""x[key], x[key] = value, cupy.add.at(x, key, value) on the values of a stand-in array, with CuPy's limits and others.

CuPy copies host arrays in a key or on the right-hand side to the device without a word; here they are refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .dispatch import SCALARS, refuse_host
from .traffic import record


def get(values: np.ndarray, key: Any, kind: type) -> np.ndarray:
    parts, makes_copy = _parts(key, kind)
    result = values[parts]
    return np.array(result) if makes_copy else result


def put(values: np.ndarray, key: Any, value: Any, kind: type) -> None:
    if not isinstance(value, kind) and type(value) not in SCALARS:
        refuse_host(value)
        raise TypeError(f"the right-hand side is a {type(value).__name__}: only arrays and numbers go to a CuPy array")
    parts, scatters = _parts(key, kind)
    new = value._values if isinstance(value, kind) else value
    if scatters:
        values[parts] = new
        _refuse_conflict(values[parts], new)
        return
    place = values[parts]
    if isinstance(value, kind) and not _same_memory(place, new) and np.shares_memory(place, new):
        raise ValueError("the right-hand side overlaps the left one: on a GPU either may be read first, copy it")
    place[...] = new


def at(ufunc: np.ufunc, values: np.ndarray, key: Any, value: Any, kind: type) -> None:
    refuse_host(value)
    parts, _ = _parts(key, kind)
    ufunc.at(values, parts, value._values if isinstance(value, kind) else value)


def _parts(key: Any, kind: type) -> tuple[tuple[Any, ...], bool]:
    """The key in NumPy's terms, ending in an Ellipsis so that no answer is a scalar, and whether it holds arrays."""
    parts = []
    holds_arrays = False
    for part in key if isinstance(key, tuple) else (key,):
        if isinstance(part, kind):
            if part.dtype.kind not in "biu":
                raise IndexError(f"an index array has integers or booleans, not {part.dtype}")
            if part.dtype == bool:
                record("to host: size of a boolean index")
            holds_arrays = True
            part = part._values
        elif isinstance(part, (list, tuple)):
            for item in part:
                refuse_host(item)
            record("to device: a list as an index")
            holds_arrays = True
            part = np.asarray(part, dtype=None if len(part) else np.intp)
        elif not (part is None or part is Ellipsis or isinstance(part, slice) or type(part) in SCALARS):
            refuse_host(part)
            raise IndexError(f"an index is a number, a slice, None, ... or a CuPy array, not {type(part).__name__}")
        parts.append(part)
    if not any(part is Ellipsis for part in parts):
        parts.append(Ellipsis)
    return tuple(parts), holds_arrays


def _same_memory(a: np.ndarray, b: np.ndarray) -> bool:
    return (a.ctypes.data, a.shape, a.strides) == (b.ctypes.data, b.shape, b.strides)


def _refuse_conflict(stored: np.ndarray, new: Any) -> None:
    """Two values for one place: NumPy keeps the last, CuPy any of them. Then what is stored is not what was given."""
    given = np.empty_like(stored)
    given[...] = new
    if not np.array_equal(stored, given, equal_nan=stored.dtype.kind in "fc"):
        raise ValueError("the index names a place twice with different values: CuPy leaves open which one stays")
