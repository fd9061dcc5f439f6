"""The operators and methods of the stand-in's array, from tables: operators call ufuncs, methods check arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import api
from .dispatch import compute
from .traffic import record

ARITHMETIC = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.true_divide, "floordiv": np.floor_divide,
    "mod": np.remainder, "pow": np.power, "and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor,
    "lshift": np.left_shift, "rshift": np.right_shift,
}
NOT_IN_PLACE = {"matmul": np.matmul, "divmod": np.divmod}
COMPARISONS = {
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
}
UNARY = {"neg": np.negative, "pos": np.positive, "abs": np.absolute, "invert": np.invert}
WRITES_FILES = ("dump", "dumps", "tofile")


def fill(kind: type) -> None:
    """Give the array class its operators, and the methods of CuPy's array that it has not written out itself."""
    for name, ufunc in {**ARITHMETIC, **NOT_IN_PLACE}.items():
        setattr(kind, f"__{name}__", _operator(ufunc))
        setattr(kind, f"__r{name}__", _operator(ufunc, reflected=True))
    for name, ufunc in ARITHMETIC.items():
        setattr(kind, f"__i{name}__", _in_place(ufunc))
    for name, ufunc in COMPARISONS.items():
        setattr(kind, f"__{name}__", _operator(ufunc))
    for name, ufunc in UNARY.items():
        setattr(kind, f"__{name}__", _unary(ufunc))
    for name, words in api.METHODS.items():
        if hasattr(np.ndarray, name) and name not in vars(kind) and name not in WRITES_FILES:
            setattr(kind, name, _method(kind, name, words))


def _operator(ufunc: np.ufunc, reflected: bool = False) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        if getattr(other, "__array_ufunc__", True) is None:
            return NotImplemented
        return ufunc(other, self) if reflected else ufunc(self, other)

    return method


def _in_place(ufunc: np.ufunc) -> Callable[[Any, Any], Any]:
    return lambda self, other: ufunc(self, other, out=self)


def _unary(ufunc: np.ufunc) -> Callable[[Any], Any]:
    return lambda self: ufunc(self)


def _method(kind: type, name: str, words: str) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        api.check_call(f"ndarray.{name}", words, args, kwargs)
        if name in ("nonzero", "compress"):
            record(f"to host: size of {name}()")
        return compute(kind, getattr(np.ndarray, name), (self, *args), kwargs)

    return method
