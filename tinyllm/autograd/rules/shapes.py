"""Derivatives of the functions that move entries without changing them: each one's transpose moves the gradient back."""

import math

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ...backend import is_array
from ..operators import TABLE
from ..table import composed, defvjp, defvjp_each, raw
from ..tensor import Tensor

# ---------------------------------------------------------------- new shape, same entries

defvjp(np.reshape, lambda g, _y, _x, shape, copy=None: np.reshape(g, _x.shape))
defvjp(np.expand_dims, lambda g, _y, _x, axis: np.reshape(g, _x.shape))
defvjp(np.squeeze, lambda g, _y, _x, axis=None: np.reshape(g, _x.shape))
defvjp(np.broadcast_to, lambda g, _y, _x, shape: g)   # the pass sums over the stretched axes
defvjp(np.swapaxes, lambda g, _y, _x, axis1, axis2: np.swapaxes(g, axis1, axis2))
defvjp(np.moveaxis, lambda g, _y, _x, source, destination: np.moveaxis(g, destination, source))


def transpose(g, _y, _x, axes=None):
    if axes is None:
        return np.transpose(g)
    back = [0] * len(axes)
    for new, old in enumerate(axes):
        back[old] = new
    return np.transpose(g, back)


defvjp(np.transpose, transpose)


@composed(np.ravel)
def ravel(a, order="C"):
    if order != "C":
        raise TypeError(f"order={order!r}: on Tensors only 'C' (rows first)")
    return np.reshape(a, -1)


@composed(np.matrix_transpose, np.linalg.matrix_transpose)
def matrix_transpose(x, /):
    return np.swapaxes(x, -1, -2)


@composed(np.rollaxis)
def rollaxis(a, axis, start=0):
    axis, start = normalize_axis_index(axis, a.ndim), start + a.ndim * (start < 0)
    return np.moveaxis(a, axis, start - (axis < start))


@composed(np.atleast_1d)
def atleast_1d(*arrays):
    return _each(lambda x: np.reshape(x, (1,)) if np.ndim(x) == 0 else x, arrays)


@composed(np.atleast_2d)
def atleast_2d(*arrays):
    return _each(lambda x: x if np.ndim(x) >= 2 else np.expand_dims(np.atleast_1d(x), 0), arrays)


@composed(np.atleast_3d)
def atleast_3d(*arrays):
    return _each(lambda x: x if np.ndim(x) >= 3 else np.expand_dims(np.atleast_2d(x), -1), arrays)


def _each(fn, arrays):
    return fn(arrays[0]) if len(arrays) == 1 else tuple(fn(x) for x in arrays)


@composed(np.broadcast_arrays)
def broadcast_arrays(*arrays):
    shape = np.broadcast_shapes(*(np.shape(x) for x in arrays))
    return tuple(np.broadcast_to(x, shape) for x in arrays)


@composed(np.meshgrid)
def meshgrid(*xs, indexing="xy"):
    n = len(xs)
    grids = np.broadcast_arrays(*(np.reshape(x, [-1 if i == j else 1 for j in range(n)]) for i, x in enumerate(xs)))
    return tuple(np.swapaxes(x, 0, 1) for x in grids) if indexing == "xy" and n > 1 else grids


# ---------------------------------------------------------------- new order

defvjp(np.flip, lambda g, _y, _x, axis=None: np.flip(g, axis))


def roll(g, _y, _x, shift, axis=None):
    return np.roll(g, tuple(-s for s in shift) if isinstance(shift, tuple | list) else -shift, axis)


defvjp(np.roll, roll)
defvjp(np.rot90, lambda g, _y, _m, k=1, axes=(0, 1): np.rot90(g, -k, axes))


@composed(np.fliplr)
def fliplr(m):
    return np.flip(m, 1)


@composed(np.flipud)
def flipud(m):
    return np.flip(m, 0)


# ---------------------------------------------------------------- joining

def joined(*xs, axis=0):
    return np.concatenate(xs, axis=axis)


def joined_vjp(i, g, _y, *xs, axis=0):
    axis %= g.ndim
    start = sum(np.shape(x)[axis] for x in xs[:i])
    return g[(slice(None),) * axis + (slice(start, start + np.shape(xs[i])[axis]),)]


defvjp_each(joined, joined_vjp)


@composed(np.concatenate)
def concatenate(arrays, /, axis=0):
    if axis is None:
        arrays, axis = [np.reshape(x, -1) for x in arrays], 0
    return TABLE[joined](tuple(arrays), {"axis": axis})


@composed(np.stack)
def stack(arrays, axis=0):
    return np.concatenate([np.expand_dims(x, axis) for x in arrays], axis=axis)


@composed(np.vstack)
def vstack(tup):
    return np.concatenate([np.atleast_2d(x) for x in tup], axis=0)


@composed(np.hstack)
def hstack(tup):
    arrays = [np.atleast_1d(x) for x in tup]
    return np.concatenate(arrays, axis=0 if arrays[0].ndim == 1 else 1)


@composed(np.dstack)
def dstack(tup):
    return np.concatenate([np.atleast_3d(x) for x in tup], axis=2)


@composed(np.column_stack)
def column_stack(tup):
    return np.concatenate([np.reshape(x, (-1, 1)) if np.ndim(x) < 2 else x for x in tup], axis=1)


@composed(np.block)
def block(arrays):
    def depth(x):
        return 1 + depth(x[0]) if isinstance(x, list) else 0

    def join(x, axis):
        if not isinstance(x, list):
            return np.reshape(x, (1,) * (ndim - np.ndim(x)) + np.shape(x))
        return np.concatenate([join(part, axis + 1) for part in x], axis=axis)

    def leaves(x):
        return [leaf for part in x for leaf in leaves(part)] if isinstance(x, list) else [x]

    levels = depth(arrays)
    ndim = max(levels, *(np.ndim(x) for x in leaves(arrays)), 0)
    return join(arrays, -levels)


@composed(np.full_like)
def full_like(a, fill_value, dtype=None):
    if isinstance(fill_value, Tensor):
        return np.broadcast_to(fill_value if dtype is None else fill_value.astype(dtype), np.shape(a))
    return np.full_like(raw(a), fill_value, dtype=dtype)


@composed(np.append)
def append(arr, values, axis=None):
    if axis is None:
        arr, values, axis = np.reshape(arr, -1), np.reshape(values, -1), 0
    return np.concatenate((arr, values), axis=axis)


# ---------------------------------------------------------------- splitting

@composed(np.split)
def split(ary, indices_or_sections, axis=0):
    if isinstance(indices_or_sections, int | np.integer) and ary.shape[axis] % indices_or_sections:
        raise ValueError(f"axis {axis} of length {ary.shape[axis]} does not split into {indices_or_sections} equal parts")
    return np.array_split(ary, indices_or_sections, axis)


@composed(np.array_split)
def array_split(ary, indices_or_sections, axis=0):
    n = ary.shape[axis]
    if isinstance(indices_or_sections, int | np.integer):
        size, rest = divmod(n, indices_or_sections)
        ends = [(i + 1) * size + min(i + 1, rest) for i in range(indices_or_sections)]
    else:
        ends = [*indices_or_sections, n]
    before = (slice(None),) * normalize_axis_index(axis, ary.ndim)
    return [ary[(*before, slice(start, end))] for start, end in zip([0, *ends[:-1]], ends, strict=True)]


@composed(np.hsplit)
def hsplit(ary, indices_or_sections):
    return np.split(ary, indices_or_sections, axis=min(1, ary.ndim - 1))


@composed(np.vsplit)
def vsplit(ary, indices_or_sections):
    return np.split(ary, indices_or_sections, axis=0)


@composed(np.dsplit)
def dsplit(ary, indices_or_sections):
    return np.split(ary, indices_or_sections, axis=2)


@composed(np.unstack)
def unstack(x, /, *, axis=0):
    return tuple(np.moveaxis(x, axis, 0))


# ---------------------------------------------------------------- repeating and padding

@composed(np.repeat)
def repeat(a, repeats, axis=None):
    if axis is None:
        a, axis = np.reshape(a, -1), 0
    repeats = repeats.tolist() if is_array(repeats) else repeats          # which CuPy asks for
    return np.take(a, np.repeat(np.arange(a.shape[axis], like=a.data), repeats), axis=axis)


@composed(np.tile)
def tile(A, reps):
    reps = tuple(np.atleast_1d(reps).tolist())
    reps = (1,) * (A.ndim - len(reps)) + reps
    shape = (1,) * (len(reps) - A.ndim) + A.shape
    paired = np.reshape(A, [n for size in shape for n in (1, size)])              # (1, n₀, 1, n₁, …)
    filled = np.broadcast_to(paired, [n for pair in zip(reps, shape, strict=True) for n in pair])
    return np.reshape(filled, [r * n for r, n in zip(reps, shape, strict=True)])


@composed(np.resize)
def resize(a, new_shape):
    flat = np.reshape(a, -1)
    size = math.prod(new_shape) if isinstance(new_shape, tuple | list) else new_shape
    return np.reshape(flat[np.arange(size, like=a.data) % flat.size], new_shape)


def pad_vjp(g, _y, _x, pad_width, mode="constant", constant_values=0):
    width = np.broadcast_to(np.asarray(pad_width), (_x.ndim, 2)).tolist()
    return g[tuple(slice(before, before + n) for (before, _), n in zip(width, _x.shape, strict=True))]


def padded(x, pad_width, mode="constant", constant_values=0):
    return np.pad(x, pad_width, mode=mode, constant_values=constant_values)


defvjp(padded, pad_vjp)


@composed(np.pad)
def pad(array, pad_width, mode="constant", *, constant_values=0):
    """With a constant; the other modes copy entries and would need rules of their own."""
    if mode != "constant" or isinstance(pad_width, dict):
        raise TypeError(f"mode={mode!r}, pad_width={pad_width!r}: on Tensors only mode='constant' with a number or pairs")
    return TABLE[padded]((array, pad_width), {"constant_values": constant_values})
