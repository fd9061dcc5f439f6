"""Rows of the functions that move entries: shapes, joining, splitting, repeating, padding."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import tinyllm
from tests.autograd.draws import Draw
from tests.autograd.operations.rows import ROWS, Call, Row, near, row
from tinyllm.autograd.rules import shapes

# ---------------------------------------------------------------- shapes


@row(np.reshape)
def reshape(d: Draw) -> Call:
    x = d.array(d.shape())
    new = d.choice([(-1,), -1, (x.size,), (1, *x.shape), (*x.shape, 1), x.shape[::-1]]) if x.size else (*x.shape, 1)
    return lambda x: np.reshape(x, new), [x]


@row(np.ravel)
def ravel(d: Draw) -> Call:
    return np.ravel, [d.array(d.shape())]


@row(np.expand_dims)
def expand_dims(d: Draw) -> Call:
    x = d.array(d.shape())
    axis = d.choice([0, -1, (0, -1), x.ndim])
    return lambda x: np.expand_dims(x, axis), [x]


@row(np.squeeze)
def squeeze(d: Draw) -> Call:
    x = d.array((*d.shape(0, 1), 1, *d.shape(0, 1), 1))
    axis = d.choice([None, -1, x.ndim - 1])
    return lambda x: np.squeeze(x, axis), [x]


@row(np.broadcast_to)
def broadcast_to(d: Draw) -> Call:
    small, other = d.broadcastable()
    shape = np.broadcast_shapes(small, other)
    return lambda x: np.broadcast_to(x, shape), [d.array(small)]


@row(np.broadcast_arrays)
def broadcast_arrays(d: Draw) -> Call:
    return np.broadcast_arrays, [d.array(shape) for shape in d.broadcastable(d.integer(1, 3))]


@row(np.meshgrid)
def meshgrid(d: Draw) -> Call:
    indexing = d.choice(["xy", "ij"])
    return lambda *xs: np.meshgrid(*xs, indexing=indexing), [d.array(d.shape(1, 1)) for _ in range(d.integer(1, 3))]


@row(np.swapaxes)
def swapaxes(d: Draw) -> Call:
    x = d.array(d.shape(1))
    a, b = d.axis(x.ndim), d.axis(x.ndim)
    return lambda x: np.swapaxes(x, a, b), [x]


@row(np.moveaxis)
def moveaxis(d: Draw) -> Call:
    x = d.array(d.shape(1))
    if d.boolean() and x.ndim == 3:
        source, destination = d.choice([((0, 1), (1, 2)), ((0, 2), (-1, 0)), ([2, 0, 1], [0, 1, 2])])
    else:
        source, destination = d.axis(x.ndim), d.axis(x.ndim)
    return lambda x: np.moveaxis(x, source, destination), [x]


@row(np.rollaxis)
def rollaxis(d: Draw) -> Call:
    x = d.array(d.shape(1))
    axis, start = d.axis(x.ndim), d.integer(0, x.ndim) - x.ndim * d.boolean()
    return lambda x: np.rollaxis(x, axis, start), [x]


@row(np.transpose)
def transpose(d: Draw) -> Call:
    x = d.array(d.shape())
    axes = None if d.boolean() else tuple((d.values.permutation(x.ndim) - x.ndim * d.boolean()).tolist())
    return lambda x: np.transpose(x, axes), [x]


@row(np.matrix_transpose, np.linalg.matrix_transpose)
def matrix_transpose(d: Draw) -> Call:
    return d.choice([np.matrix_transpose, np.linalg.matrix_transpose]), [d.array(d.shape(2))]


@row(np.atleast_1d, np.atleast_2d, np.atleast_3d)
def atleast(d: Draw) -> Call:
    return d.choice([np.atleast_1d, np.atleast_2d, np.atleast_3d]), [d.array(d.shape()) for _ in range(d.integer(1, 2))]


@row(np.flip)
def flip(d: Draw) -> Call:
    x = d.array(d.shape())
    axis = d.axes(x.ndim)
    return lambda x: np.flip(x, axis), [x]


@row(np.fliplr, np.flipud)
def flips(d: Draw) -> Call:
    return d.choice([np.fliplr, np.flipud]), [d.array(d.shape(2))]


@row(np.roll)
def roll(d: Draw) -> Call:
    x = d.array(d.shape(1))
    shift, axis = d.choice([(1, None), (-2, 0), (2, -1), ((1, -1), (0, -1)), (7, 0), (1, (0, -1)), ([1, 2], [0, -1])])
    return lambda x: np.roll(x, shift, axis), [x]


@row(np.rot90)
def rot90(d: Draw) -> Call:
    x = d.array(d.shape(2))
    k, axes = d.integer(-1, 5), d.choice([(0, 1), (1, 0), (-1, 0)])
    return lambda x: np.rot90(x) if k == 5 else np.rot90(x, k) if k == 4 else np.rot90(x, k, axes), [x]


# ---------------------------------------------------------------- joining and splitting


def _alike(d: Draw, axis_free: int) -> list[tuple[int, ...]]:
    """Shapes that differ along one axis only."""
    whole = d.shape(1)
    at = axis_free % len(whole)
    return [(*whole[:at], d.integer(0, 3), *whole[at + 1:]) for _ in range(d.integer(1, 3))]


@row(np.concatenate, shapes.joined)
def concatenate(d: Draw) -> Call:
    axis = d.choice([0, -1])
    arrays = [d.array(shape) for shape in _alike(d, axis)]
    axis = d.choice([axis, None])
    return lambda *xs: np.concatenate(xs, axis=axis), arrays


@row(np.stack)
def stack(d: Draw) -> Call:
    shape = d.shape()
    axis = d.axis(len(shape) + 1)
    return lambda *xs: np.stack(xs, axis=axis), [d.array(shape) for _ in range(d.integer(1, 3))]


def _stacks(fn: Callable) -> Callable[[Draw], Call]:
    def draw(d: Draw) -> Call:
        shape = d.shape()
        return lambda *xs: fn(xs), [d.array(shape) for _ in range(d.integer(1, 3))]

    return draw


for _fn in (np.vstack, np.hstack, np.dstack, np.column_stack):
    ROWS.append(Row(_fn.__name__, _stacks(_fn), (_fn,)))


@row(np.hstack, np.column_stack)
def stacks_of_unequal(d: Draw) -> Call:
    if d.boolean():
        return lambda *xs: np.hstack(xs), [d.array((d.integer(0, 3),)), d.array((d.integer(0, 3),))]
    return lambda a, b: np.column_stack((a, b)), [d.array((3,)), d.array((3, d.integer(0, 2)))]


@row(np.block)
def block(d: Draw) -> Call:
    n, m = d.integer(1, 3), d.integer(1, 3)
    kind = d.integer(0, 5)
    if kind == 4:
        return lambda a: np.block(a), [d.array(())]
    if kind == 5:
        f = lambda a, b, c, e: np.block([[[a, b]], [[c, e]]])
        return f, [d.array(s) for s in ((2, n, 1), (2, n, m), (3, n, m), (3, n, 1))]
    if kind == 0:
        return lambda a, b, c, e: np.block([[a, b], [c, e]]), [d.array(s) for s in ((n, m), (n, 2), (1, m), (1, 2))]
    if kind == 1:
        return lambda a, b: np.block([a, b]), [d.array((n,)), d.array((m,))]
    if kind == 2:
        return lambda a, b: np.block([[a], [b]]), [d.array((n,)), d.array((n,))]
    return lambda a: np.block(a), [d.array((n, m))]


@row(np.append)
def append(d: Draw) -> Call:
    if d.boolean():
        return np.append, [d.array(d.shape()), d.array(d.shape())]
    a, b = (_alike(d, -1) * 2)[:2]
    return lambda x, y: np.append(x, y, axis=-1), [d.array(a), d.array(b)]


@row(np.full_like)
def full_like(d: Draw) -> Call:
    fill, other = d.broadcastable()
    shape = np.broadcast_shapes(fill, other)

    def f(x: Any) -> Any:
        like = near(np.zeros(shape, x.dtype), x)
        return np.full_like(tinyllm.Tensor(like) if isinstance(x, tinyllm.Tensor) else like, x)

    return f, [d.array(fill)]


@row(np.split, np.array_split)
def split(d: Draw) -> Call:
    shape = d.shape(1, zero=False)
    axis = d.axis(len(shape))
    if d.boolean():
        parts = d.integer(1, 4)
        return lambda x: np.array_split(x, parts, axis), [d.array(shape)]
    where = d.choice([shape[axis], 1, [1], [1, 2], [0, 1, 9]])
    return lambda x: np.split(x, where, axis), [d.array(shape)]


@row(np.hsplit, np.vsplit, np.dsplit)
def splits(d: Draw) -> Call:
    fn, low = d.choice([(np.hsplit, 1), (np.vsplit, 2), (np.dsplit, 3)])
    return lambda x: fn(x, [1]), [d.array(d.shape(low, zero=False))]


@row(np.unstack)
def unstack(d: Draw) -> Call:
    x = d.array(d.shape(1, zero=False))
    axis = d.axis(x.ndim)
    return lambda x: np.unstack(x, axis=axis), [x]


# ---------------------------------------------------------------- repeating and padding


@row(np.repeat)
def repeat(d: Draw) -> Call:
    shape = d.shape(1, zero=False)
    axis = d.axis(len(shape), none=True)
    n = math.prod(shape) if axis is None else shape[axis]
    times = d.choice([0, 1, 2, 3, d.values.integers(0, 3, n)])
    return lambda x: np.repeat(x, times, axis=axis), [d.array(shape)]


@row(np.tile)
def tile(d: Draw) -> Call:
    times = d.choice([2, (2,), (1, 2), (2, 1, 3), 0, [2, 2]])
    return lambda x: np.tile(x, times), [d.array(d.shape())]


@row(np.resize)
def resize(d: Draw) -> Call:
    new = d.choice([5, (2, 3), (7,), 1, [3, 2]])
    return lambda x: np.resize(x, new), [d.array(d.shape(zero=False))]


@row(np.pad, shapes.padded)
def pad(d: Draw) -> Call:
    x = d.array(d.shape(1))
    width = d.choice([1, (1, 2), [(d.integer(0, 2), d.integer(0, 2)) for _ in x.shape], ((2, 0),)])
    constant = d.choice([0, 1.5])
    return lambda x: np.pad(x, width, constant_values=constant), [x]
