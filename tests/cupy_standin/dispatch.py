"""From a call that meets a stand-in array to NumPy and back: check against CuPy's table, unwrap, compute, wrap.

`kind` is always the stand-in's array class. Nothing here knows one NumPy function from another, but for the few
whose answers or arguments CuPy treats in a way of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import api, devices
from .traffic import record

SCALARS = {int, float, bool, complex, *(np.dtype(c).type for c in "?bhilqBHILQefdFD")}
"""What CuPy takes beside its own arrays: Python's numbers and NumPy's scalars, exactly these types."""

UPLOADS = {"array", "asarray", "asanyarray", "ascontiguousarray", "asfortranarray"}
TAKES_FUNCTIONS = {"apply_along_axis", "apply_over_axes", "piecewise", "fromfunction", "mask_indices"}
ANSWERS_ARRAY = {"allclose", "array_equal", "array_equiv", "count_nonzero"}
"""NumPy answers a Python bool or int, CuPy an array without axes that stays on the device."""

WAITS_FOR_SIZE = {"nonzero", "flatnonzero", "argwhere", "extract", "compress", "bincount", "trim_zeros", "unique",
                  "unique_all", "unique_values", "unique_counts", "unique_inverse"}
"""The size of the answer depends on the values: CuPy fetches it from the device, and the host waits."""


def refuse_host(x: Any) -> None:
    if isinstance(x, np.ndarray):
        raise TypeError(f"a NumPy array {x.shape} meets a CuPy array: move it first, cupy.asarray(x)")


class Unwrapped:
    """Arguments with NumPy arrays in the place of stand-in arrays, remembered so that an answer that is one of them is
    handed back as itself (`out=`, `asarray` of an array)."""

    def __init__(self, kind: type) -> None:
        self.kind = kind
        self.arrays: list[Any] = []

    def __call__(self, x: Any) -> Any:
        refuse_host(x)
        if isinstance(x, self.kind):
            if x.device.id != devices.current():
                raise ValueError(f"array on device {x.device.id}, current device {devices.current()}: `with Device(…)`")
            self.arrays.append(x)
            return x._values
        if isinstance(x, (list, tuple)):
            items = [self(item) for item in x]
            return type(x)(*items) if hasattr(x, "_fields") else type(x)(items)
        return x

    def wrap(self, result: Any) -> Any:
        for x in self.arrays:
            if result is x._values:
                return x
        if isinstance(result, (np.ndarray, np.generic)):
            return self.kind._of(np.asarray(result))
        if isinstance(result, (list, tuple)):
            items = [self.wrap(item) for item in result]
            return type(result)(*items) if hasattr(result, "_fields") else type(result)(items)
        return result


def compute(kind: type, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    unwrap = Unwrapped(kind)
    return unwrap.wrap(fn(*unwrap(args), **{name: unwrap(value) for name, value in kwargs.items()}))


def call_function(kind: type, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """np.function(*args, **kwargs) as CuPy would answer it."""
    found = api.find_function(function)
    if found is None:
        raise TypeError(f"CuPy has no {function.__module__.replace('numpy', 'np', 1)}.{function.__name__}")
    name, words = found
    api.check_call(name, words, args, kwargs)
    api.check_positions(name, function, words, len(args))
    plain = function.__name__
    if plain in TAKES_FUNCTIONS:
        raise TypeError(f"{name} hands arrays to a function of yours: the stand-in does not run it")
    if plain == "ascontiguousarray":
        kwargs = {**kwargs, "order": "C"}
    if plain in UPLOADS:
        return kind._asarray(args[0], *args[1:], **kwargs)
    if plain == "where" and not hasattr(args[0], "astype"):
        raise TypeError(f"CuPy's np.where needs an array or a NumPy scalar as its condition, not {args[0]!r}")
    if _waits_for_size(plain, args, kwargs):
        record(f"to host: size of {name}")
    result = compute(kind, function, args, kwargs)
    return kind._of(np.asarray(result)) if plain in ANSWERS_ARRAY and not isinstance(result, kind) else result


def _waits_for_size(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    if name == "repeat":
        given = {**dict(zip(("a", "repeats"), args, strict=False)), **kwargs}
        return not np.isscalar(given["repeats"])
    return name in WAITS_FOR_SIZE or (name == "where" and len(args) == 1)


def call_ufunc(kind: type, ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """ufunc(*inputs) or ufunc.method(*inputs) as CuPy would answer it; NotImplemented leaves it to another class."""
    operands = (*inputs, *kwargs.get("out", ()))
    strangers = [x for x in operands if type(x) not in SCALARS and not isinstance(x, (kind, np.ndarray))]
    if any(hasattr(x, "__array_ufunc__") for x in strangers):
        return NotImplemented
    api.check_ufunc(ufunc, method, kwargs)
    title = f"np.{ufunc.__name__}" + ("" if method == "__call__" else f".{method}")
    if strangers:
        raise TypeError(f"CuPy's {title} takes arrays and numbers, not {type(strangers[0]).__name__}")
    if len(kwargs.get("out", (None,))) != 1:
        raise ValueError(f"CuPy's {title} takes out= for one result only")
    for x in operands:
        refuse_host(x)
    if method == "at":
        api.check_at(ufunc, inputs[0].dtype)
    elif method == "__call__" and "dtype" not in kwargs:
        api.check_loop(ufunc, [getattr(x, "dtype", None) for x in inputs[: ufunc.nin]])
    return compute(kind, getattr(ufunc, method), inputs, kwargs)
