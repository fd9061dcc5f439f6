"""The operators and methods of an ndarray, on Tensors: each is NumPy's function of that name, found in the derivative table."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..backend import Array

if TYPE_CHECKING:
    from .tensor import Tensor

TABLE: dict[Callable, Callable[[tuple, dict], Any]] = {}
"""NumPy function → what it does when it meets a Tensor. The kinds of entry are in table.py, the entries in rules/."""


def apply(fn: Callable, *args: Any, **kwargs: Any) -> Any:
    """fn(*args, **kwargs), where some arguments are Tensors."""
    entry = TABLE.get(fn)
    if entry is None:
        raise TypeError(
            f"{getattr(fn, '__name__', fn)} has no row in the derivative table: write it with functions that have one, give "
            "it a gradient with @tinyllm.operation, or leave the graph with .detach().numpy()"
        )
    return entry(args, kwargs)


class Operators:
    """What Tensor shares with numpy.ndarray. Written out rather than taken from NDArrayOperatorsMixin: half the cost a call."""

    __slots__ = ()
    __hash__ = object.__hash__                        # identity: == compares elementwise, as NumPy's does

    def __add__(self, other: Any) -> Tensor:
        return apply(np.add, self, other)

    def __radd__(self, other: Any) -> Tensor:
        return apply(np.add, other, self)

    def __sub__(self, other: Any) -> Tensor:
        return apply(np.subtract, self, other)

    def __rsub__(self, other: Any) -> Tensor:
        return apply(np.subtract, other, self)

    def __mul__(self, other: Any) -> Tensor:
        return apply(np.multiply, self, other)

    def __rmul__(self, other: Any) -> Tensor:
        return apply(np.multiply, other, self)

    def __truediv__(self, other: Any) -> Tensor:
        return apply(np.divide, self, other)

    def __rtruediv__(self, other: Any) -> Tensor:
        return apply(np.divide, other, self)

    def __pow__(self, other: Any) -> Tensor:
        return apply(np.square, self) if type(other) is int and other == 2 else apply(np.power, self, other)

    def __rpow__(self, other: Any) -> Tensor:
        return apply(np.power, other, self)

    def __mod__(self, other: Any) -> Tensor:
        return apply(np.remainder, self, other)

    def __rmod__(self, other: Any) -> Tensor:
        return apply(np.remainder, other, self)

    def __floordiv__(self, other: Any) -> Array:
        return apply(np.floor_divide, self, other)

    def __rfloordiv__(self, other: Any) -> Array:
        return apply(np.floor_divide, other, self)

    def __matmul__(self, other: Any) -> Tensor:
        return apply(np.matmul, self, other)

    def __rmatmul__(self, other: Any) -> Tensor:
        return apply(np.matmul, other, self)

    def __neg__(self) -> Tensor:
        return apply(np.negative, self)

    def __pos__(self) -> Tensor:
        return apply(np.positive, self)

    def __abs__(self) -> Tensor:
        return apply(np.absolute, self)

    def __eq__(self, other: object) -> Array:
        return apply(np.equal, self, other)

    def __ne__(self, other: object) -> Array:
        return apply(np.not_equal, self, other)

    def __lt__(self, other: Any) -> Array:
        return apply(np.less, self, other)

    def __le__(self, other: Any) -> Array:
        return apply(np.less_equal, self, other)

    def __gt__(self, other: Any) -> Array:
        return apply(np.greater, self, other)

    def __ge__(self, other: Any) -> Array:
        return apply(np.greater_equal, self, other)

    # ------------------------------------------------------------ methods, each NumPy's function of that name

    @property
    def T(self) -> Tensor:
        return apply(np.transpose, self)

    @property
    def mT(self) -> Tensor:
        return apply(np.swapaxes, self, -1, -2)

    def transpose(self, *axes: Any) -> Tensor:
        return apply(np.transpose, self, axes[0] if len(axes) == 1 else axes or None)

    def reshape(self, *shape: Any) -> Tensor:
        return apply(np.reshape, self, shape[0] if len(shape) == 1 else shape)

    def swapaxes(self, axis1: int, axis2: int) -> Tensor:
        return apply(np.swapaxes, self, axis1, axis2)

    def ravel(self) -> Tensor:
        return apply(np.reshape, self, -1)

    def flatten(self) -> Tensor:
        return apply(np.reshape, self, -1)

    def squeeze(self, axis: Any = None) -> Tensor:
        return apply(np.squeeze, self, axis=axis)

    def sum(self, axis: Any = None, **kwargs: Any) -> Tensor:
        return apply(np.sum, self, axis=axis, **kwargs)

    def mean(self, axis: Any = None, **kwargs: Any) -> Tensor:
        return apply(np.mean, self, axis=axis, **kwargs)

    def var(self, axis: Any = None, **kwargs: Any) -> Tensor:
        return apply(np.var, self, axis=axis, **kwargs)

    def std(self, axis: Any = None, **kwargs: Any) -> Tensor:
        return apply(np.std, self, axis=axis, **kwargs)

    def prod(self, axis: Any = None, **kwargs: Any) -> Tensor:
        return apply(np.prod, self, axis=axis, **kwargs)

    def max(self, axis: Any = None, **kwargs: Any) -> Tensor:
        return apply(np.max, self, axis=axis, **kwargs)

    def min(self, axis: Any = None, **kwargs: Any) -> Tensor:
        return apply(np.min, self, axis=axis, **kwargs)

    def cumsum(self, axis: Any = None) -> Tensor:
        return apply(np.cumsum, self, axis=axis)

    def cumprod(self, axis: Any = None) -> Tensor:
        return apply(np.cumprod, self, axis=axis)

    def clip(self, min: Any = None, max: Any = None) -> Tensor:
        return apply(np.clip, self, min, max)

    def round(self, decimals: int = 0) -> Array:
        return apply(np.round, self, decimals)

    def dot(self, other: Any) -> Tensor:
        return apply(np.dot, self, other)

    def repeat(self, repeats: Any, axis: int | None = None) -> Tensor:
        return apply(np.repeat, self, repeats, axis=axis)

    def take(self, indices: Any, axis: int | None = None) -> Tensor:
        return apply(np.take, self, indices, axis=axis)

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
        return apply(np.diagonal, self, offset, axis1, axis2)

    def trace(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
        return apply(np.trace, self, offset, axis1, axis2)

    def copy(self) -> Tensor:
        return apply(np.copy, self)

    def argmax(self, axis: int | None = None, **kwargs: Any) -> Array:
        return apply(np.argmax, self, axis=axis, **kwargs)

    def argmin(self, axis: int | None = None, **kwargs: Any) -> Array:
        return apply(np.argmin, self, axis=axis, **kwargs)

    def argsort(self, axis: int = -1, **kwargs: Any) -> Array:
        return apply(np.argsort, self, axis=axis, **kwargs)

    def nonzero(self) -> tuple[Array, ...]:
        return apply(np.nonzero, self)

    def any(self, axis: Any = None, **kwargs: Any) -> Array:
        return apply(np.any, self, axis=axis, **kwargs)

    def all(self, axis: Any = None, **kwargs: Any) -> Array:
        return apply(np.all, self, axis=axis, **kwargs)
