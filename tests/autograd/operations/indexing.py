"""Rows of picking entries and putting them."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

import tinyllm
from tests.autograd.draws import Draw
from tests.autograd.operations.rows import ROWS, Call, Row, near, row
from tinyllm.autograd.rules import indexing

# ---------------------------------------------------------------- picking and putting


def _index_part(d: Draw, side: int) -> Any:
    kind = d.integer(0, 5)
    if kind == 0 and side:
        return d.integer(-side, side - 1)
    if kind == 1:
        return slice(d.integer(-side, side), d.choice([None, side, -1]), d.choice([None, 1, 2]))
    if kind == 2:
        return slice(None, None, d.choice([-1, -2]))
    if kind == 3 and side:
        return d.values.integers(-side, side, d.choice([(1,), (2,), (4,)]))
    if kind == 4 and side:
        return np.int64(side - 1)
    return slice(None)


def _near(key: Any, x: Any) -> Any:
    if isinstance(key, tuple):
        return tuple(_near(part, x) for part in key)
    return near(key, x) if isinstance(key, np.ndarray) else key


@row(operator.getitem)
def getitem(d: Draw) -> Call:
    """Integers, slices of either direction, None, …, and at most one array of places (with repetition)."""
    shape = d.shape(1)
    index = [_index_part(d, side) for side in shape[: d.integer(1, len(shape))]]
    arrays = [i for i, part in enumerate(index) if isinstance(part, np.ndarray)]
    for i in arrays[1:]:
        index[i] = slice(None)
    if d.boolean():
        index.insert(d.integer(0, len(index)), None)
    if d.boolean() and len([i for i in index if i is not None]) < len(shape):
        index.append(Ellipsis)
    key = index[0] if len(index) == 1 and d.boolean() else tuple(index)
    return lambda x: x[_near(key, x)], [d.array(shape)]


@row(operator.getitem)
def getitem_at_places(d: Draw) -> Call:
    """Several index arrays, which broadcast; a list; Booleans of whole arrays or of the first axis."""
    shape = d.shape(2, zero=False)
    kind = d.integer(0, 4)
    rows, columns, last = (d.values.integers(-n, n, size) for n, size in [(shape[0], (2, 1)), (shape[1], 3), (shape[-1], 2)])
    mask = d.mask(shape)
    apart = (rows[:, 0], slice(None), last) if len(shape) == 3 else (slice(None), last)
    key = [(rows, columns), apart, [0, 0, -1], mask, mask[..., 0]][kind]
    return lambda x: x[_near(key, x)], [d.array(shape)]


@row(indexing.scattered)
def scatter_add(d: Draw) -> Call:
    """Rows added up at places that occur more than once; entries put at slices."""
    values = d.array(d.shape(1, 2))
    if d.boolean():
        places = d.values.integers(-2, 2, len(values))
        return lambda v: tinyllm.scatter_add(v, near(places, v), (2, *v.shape[1:])), [values]
    key = slice(1, 1 + len(values))
    return lambda v: tinyllm.scatter_add(v, key, (5, *v.shape[1:])), [values]


@row(np.take)
def take(d: Draw) -> Call:
    shape = d.shape(1, zero=False)
    axis, mode = d.axis(len(shape), none=True), d.choice(["raise", "wrap", "clip"])
    n = math.prod(shape) if axis is None else shape[axis]
    reach = 0 if mode == "raise" else n
    low = 0 if mode == "clip" else -n
    places = d.values.integers(low - reach * (mode == "wrap"), n + reach, d.choice([(), (1,), (4,), (2, 2)]))
    if d.boolean():
        places = places.tolist()
    return lambda x: np.take(x, _near(places, x), axis=axis, mode=mode), [d.array(shape)]


@row(np.take_along_axis)
def take_along_axis(d: Draw) -> Call:
    shape = d.shape(1, zero=False)
    axis = d.axis(len(shape), none=True)
    side, n = ([1], math.prod(shape)) if axis is None else (list(shape), shape[axis])
    side[axis or 0] = d.integer(1, 4)
    places = d.values.integers(-n, n, side)
    return lambda x: np.take_along_axis(x, near(places, x), axis), [d.array(shape)]


@row(np.compress)
def compress(d: Draw) -> Call:
    shape = d.shape(1)
    axis = d.axis(len(shape), none=True)
    mask = d.mask((math.prod(shape) if axis is None else shape[axis],))
    return lambda x: np.compress(near(mask, x), x, axis=axis), [d.array(shape)]


@row(np.extract)
def extract(d: Draw) -> Call:
    shape = d.shape(1)
    mask = d.mask(shape)
    return lambda x: np.extract(near(mask, x), x), [d.array(shape)]


@row(np.delete)
def delete(d: Draw) -> Call:
    shape = d.shape(1, zero=False)
    axis = d.axis(len(shape), none=True)
    n = math.prod(shape) if axis is None else shape[axis]
    what = d.choice([0, n - 1, -1, [0, n - 1], slice(0, 1)])
    return lambda x: np.delete(x, what, axis=axis), [d.array(shape)]


@row(np.diff)
def diff(d: Draw) -> Call:
    shape = d.shape(1, zero=False)
    axis, n = d.axis(len(shape)), d.integer(0, 2)
    return lambda x: np.diff(x, n, axis=axis), [d.array(shape)]


@row(np.ediff1d)
def ediff1d(d: Draw) -> Call:
    return np.ediff1d, [d.array(d.shape(1, zero=False))]


def _triangle(fn: Callable) -> Callable[[Draw], Call]:
    def draw(d: Draw) -> Call:
        k = d.integer(-2, 2)
        return fn if d.boolean() else lambda x: fn(x, k), [d.array(d.shape(2))]

    return draw


ROWS.append(Row("tril", _triangle(np.tril), (np.tril,)))
ROWS.append(Row("triu", _triangle(np.triu), (np.triu,)))


def _diagonal_arguments(d: Draw) -> tuple[np.ndarray, tuple[int, int, int]]:
    x = d.array(d.shape(2))
    axis1, axis2 = d.axis(x.ndim), d.axis(x.ndim)
    d.require(axis1 % x.ndim != axis2 % x.ndim)
    return x, (d.integer(-2, 2), axis1, axis2)


@row(np.diagonal)
def diagonal(d: Draw) -> Call:
    x, arguments = _diagonal_arguments(d)
    return lambda x: np.diagonal(x, *arguments), [x]


@row(np.trace, rounding=True)
def trace(d: Draw) -> Call:
    x, arguments = _diagonal_arguments(d)
    return lambda x: np.trace(x, *arguments), [x]


@row(np.linalg.diagonal, np.linalg.trace, rounding=True)
def linalg_diagonal(d: Draw) -> Call:
    fn, offset = d.choice([np.linalg.diagonal, np.linalg.trace]), d.integer(-2, 2)
    return lambda x: fn(x, offset=offset), [d.array(d.shape(2))]


@row(np.diag)
def diag(d: Draw) -> Call:
    k = d.integer(-2, 2)
    return lambda x: np.diag(x, k), [d.array(d.shape(1, 2))]


@row(np.diagflat)
def diagflat(d: Draw) -> Call:
    k = d.integer(-2, 2)
    return lambda x: np.diagflat(x, k), [d.array(d.shape(1, 2))]


@row(np.convolve, rounding=True)
def convolve(d: Draw) -> Call:
    mode = d.choice(["full", "same", "valid"])
    return lambda a, v: np.convolve(a, v, mode), [d.array((d.integer(1, 5),)), d.array((d.integer(1, 5),))]


@row(np.interp, rounding=True)
def interp(d: Draw) -> Call:
    """Points at whole numbers, asked for between them and beyond. NumPy answers float64 whatever it gets, ours does not."""
    n = d.integer(2, 4)
    points = np.arange(n) - 1.0

    def f(x: Any, fp: Any) -> Any:
        return np.astype(np.interp(x, near(points.astype(fp.dtype), fp), fp), fp.dtype)

    return f, [d.array(d.shape(1), "fraction"), d.array((n,))]
