"""Derivatives of picking entries: the gradient is put back where the entries came from, and entries picked twice add up."""

import math
import operator
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ...backend import device_of, is_array
from ..operators import TABLE, apply
from ..table import composed, defvjp, raw
from ..tensor import Tensor

# ---------------------------------------------------------------- x[index] and its transpose


def _is_basic(index):
    """Slices and integers pick every entry at most once."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(p is None or p is Ellipsis or isinstance(p, slice | int | np.integer) for p in parts)


def scattered(values, index, shape):
    """An array of zeros of the given shape with values added at index: the transpose of x[index]."""
    flat = np.zeros_like(values, shape=(math.prod(shape),))
    result = np.reshape(flat, shape)                  # a view
    if _is_basic(index):
        result[index] = values
    elif is_array(index) and index.dtype.kind in "iu":
        np.add.at(result, index, values)
    else:                                             # each place as one number: CuPy's add.at takes no tuple and no list
        np.add.at(flat, np.reshape(np.arange(flat.size, like=flat), shape)[index], values)
    return result


def scatter_add(values: Any, index: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of `shape` with `values` added at `index`; an index that occurs twice adds twice.

    values of the shape of x[index] for an x of `shape` → `shape`. The transpose of indexing, and so its derivative: ∂L/∂values
    is g[index]. What np.add.at does, without writing into an array. Raises IndexError for an index that does not fit `shape`.
    """
    if isinstance(values, Tensor):
        return TABLE[scattered]((values, index, shape), {})
    return scattered(values, index, shape)


defvjp(operator.getitem, lambda g, _y, _x, index: scatter_add(g, index, _x.shape))
defvjp(scattered, lambda g, _y, _values, index, shape: g[index])

# ---------------------------------------------------------------- what is indexing under another name


@composed(np.take)
def take(a, indices, axis=None, mode="raise"):
    if axis is None:
        a, axis = np.reshape(a, -1), 0
    indices = _host_safe(indices, a)
    if mode != "raise":
        n = a.shape[axis]
        indices = indices % n if mode == "wrap" else np.clip(indices, 0, n - 1)
    return a[(slice(None),) * normalize_axis_index(axis, a.ndim) + (indices,)]


@composed(np.take_along_axis)
def take_along_axis(arr, indices, axis=-1):
    if axis is None:
        return np.reshape(arr, -1)[_host_safe(indices, arr)]
    return arr[_along(_host_safe(indices, arr), normalize_axis_index(axis, arr.ndim), arr.data)]


def _along(indices, axis, like):
    """The index arrays that pick x[i, …, indices[i, …, k], …]: every axis but one at its own place."""
    grid = [
        np.reshape(np.arange(n, like=like), [-1 if d == other else 1 for d in range(indices.ndim)])
        for other, n in enumerate(indices.shape)
    ]
    grid[axis] = indices
    return tuple(grid)


def _host_safe(indices, x):
    """Integers as an array where x lives; one on another device is refused, for CuPy would copy it there silently."""
    indices = indices.data if isinstance(indices, Tensor) else indices
    if is_array(indices):
        if device_of(indices) != x.device:
            raise TypeError(f"the index is on {device_of(indices)}, the Tensor on {x.device}: move one of them first")
        return indices
    return np.asarray(indices, like=x.data)


@composed(np.compress)
def compress(condition, a, axis=None):
    if np.ndim(condition) != 1:
        raise ValueError(f"condition of shape {np.shape(condition)}: np.compress takes one dimension; see also a[condition]")
    if axis is None:
        a, axis = np.reshape(a, -1), 0
    return np.take(a, np.flatnonzero(condition), axis=axis)


@composed(np.extract)
def extract(condition, arr):
    return np.reshape(arr, -1)[np.flatnonzero(condition)]


@composed(np.delete)
def delete(arr, obj, axis=None):
    if axis is None:
        arr, axis = np.reshape(arr, -1), 0
    return np.take(arr, np.delete(np.arange(arr.shape[axis], like=arr.data), obj), axis=axis)


@composed(np.diff)
def diff(a, n=1, axis=-1):
    before = (slice(None),) * normalize_axis_index(axis, a.ndim)
    for _ in range(n):
        a = a[(*before, slice(1, None))] - a[(*before, slice(None, -1))]
    return a


@composed(np.ediff1d)
def ediff1d(ary):
    return np.diff(np.reshape(ary, -1))


@composed(np.select)
def select(condlist, choicelist, default=0):
    result = default
    for condition, choice in zip(condlist[::-1], choicelist[::-1], strict=True):
        result = np.where(condition, choice, result)
    return result


# ---------------------------------------------------------------- order

@composed(np.sort)
def sort(a, axis=-1, *, stable=None):
    """Sorting is picking by argsort."""
    if axis is None:
        a, axis = np.reshape(a, -1), 0
    return np.take_along_axis(a, np.argsort(a, axis=axis, kind="stable"), axis=axis)


@composed(np.partition)
def partition(a, kth, axis=-1):
    if axis is None:
        a, axis = np.reshape(a, -1), 0
    return np.take_along_axis(a, np.argpartition(a, kth, axis=axis), axis=axis)


@composed(np.median)
def median(a, axis=None, keepdims=False):
    """The middle entry, or the mean of the two in the middle."""
    return np.quantile(a, 0.5, axis=axis, keepdims=keepdims)


@composed(np.quantile)
def quantile(a, q, axis=None, keepdims=False):
    """Between the two sorted entries next to place q (n − 1), in proportion (NumPy's method 'linear')."""
    if not np.isscalar(q) or not 0.0 <= q <= 1.0:
        raise ValueError(f"quantile q={q!r}: on Tensors one number between 0 and 1")
    if axis is None:
        result = np.quantile(np.reshape(a, -1), q, axis=0)
        return np.reshape(result, (1,) * a.ndim) if keepdims else result
    place = q * (a.shape[axis] - 1)
    low = int(place)
    ordered = np.moveaxis(np.sort(a, axis=axis), axis, 0)
    result = ordered[low] + (ordered[min(low + 1, len(ordered) - 1)] - ordered[low]) * (place - low)
    return np.expand_dims(result, axis) if keepdims else result


@composed(np.percentile)
def percentile(a, q, axis=None, keepdims=False):
    return np.quantile(a, q / 100.0, axis=axis, keepdims=keepdims)


# ---------------------------------------------------------------- diagonals and triangles

defvjp(np.tril, lambda g, _y, _m, k=0: np.tril(g, k))
defvjp(np.triu, lambda g, _y, _m, k=0: np.triu(g, k))


def diagonal_vjp(g, _y, _a, offset=0, axis1=0, axis2=1):
    """Zeros with g on the diagonal: entry (i − min(offset, 0), i + max(offset, 0)) is g_i."""
    axis1, axis2 = axis1 % _a.ndim, axis2 % _a.ndim
    i = np.arange(g.shape[-1], like=raw(g))
    index: list = [slice(None)] * _a.ndim
    index[axis1], index[axis2] = i + max(-offset, 0), i + max(offset, 0)
    order = [axis1, axis2, *(d for d in range(_a.ndim) if d not in (axis1, axis2))]
    shape = tuple(_a.shape[d] for d in order)
    filled = scatter_add(np.moveaxis(g, -1, 0), (index[axis1], index[axis2]), shape)        # the two axes in front
    return np.moveaxis(filled, tuple(range(_a.ndim)), tuple(order))


defvjp(np.diagonal, diagonal_vjp)


@composed(np.linalg.diagonal)
def linalg_diagonal(x, /, *, offset=0):
    return np.diagonal(x, offset, -2, -1)


@composed(np.trace)
def trace(a, offset=0, axis1=0, axis2=1):
    return np.sum(np.diagonal(a, offset, axis1, axis2), axis=-1)


@composed(np.linalg.trace)
def linalg_trace(x, /, *, offset=0):
    return np.trace(x, offset, -2, -1)


@composed(np.diag)
def diag(v, k=0):
    if v.ndim == 2:
        return np.diagonal(v, k)
    n = v.shape[0] + abs(k)
    i = np.arange(v.shape[0], like=v.data)
    return scatter_add(v, (i + max(-k, 0), i + max(k, 0)), (n, n))


@composed(np.diagflat)
def diagflat(v, k=0):
    return np.diag(np.reshape(v, -1), k)


# ---------------------------------------------------------------- sliding

@composed(np.convolve)
def convolve(a, v, mode="full"):
    """(a ∗ v)_n = Σ_m a_{n−m} v_m, of 'full', 'same' or 'valid' length."""
    n, m = np.shape(a)[0], np.shape(v)[0]
    if m > n:
        a, v, n, m = v, a, m, n
    full = sum(np.pad(a * v[i], (i, m - 1 - i)) for i in range(m))
    if mode == "full":
        return full
    cut = (m - 1) // 2 if mode == "same" else m - 1
    return full[cut: cut + (n if mode == "same" else n - m + 1)]


@composed(np.interp)
def interp(x, xp, fp):
    """Piecewise linear through the points (xp, fp), constant beyond them; xp is a constant."""
    if isinstance(xp, Tensor) and xp.requires_grad:
        raise TypeError("np.interp has no derivative rule for xp: .detach() it if the points are fixed")
    like = raw(x) if isinstance(x, Tensor) else raw(fp)
    x_data, xp, fp_data = (raw(a) if is_array(raw(a)) else np.asarray(a, like=like) for a in (x, xp, fp))
    i = np.clip(np.searchsorted(xp, x_data, side="right") - 1, 0, len(xp) - 2)
    weight = np.clip((x - xp[i]) / (xp[i + 1] - xp[i]), 0.0, 1.0)
    fp = fp if isinstance(fp, Tensor) else fp_data
    return fp[i] * (1.0 - weight) + fp[i + 1] * weight


# ---------------------------------------------------------------- ufunc methods with a function of their own

def _reduce(fn):
    return lambda args, kwargs: apply(fn, args[0], **{"axis": 0, **kwargs})


for _ufunc, _reduced, _accumulated in (
    (np.add, np.sum, np.cumsum), (np.multiply, np.prod, np.cumprod), (np.maximum, np.max, None), (np.minimum, np.min, None),
):
    TABLE[_ufunc, "reduce"] = _reduce(_reduced)  # type: ignore[index]
    if _accumulated is not None:
        TABLE[_ufunc, "accumulate"] = _reduce(_accumulated)  # type: ignore[index]
