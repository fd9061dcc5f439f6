"""Rows of sums, means, extremes and order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.autograd.draws import Draw
from tests.autograd.operations.rows import ROWS, Call, Row, near, row

# ---------------------------------------------------------------- sums and means


def _reduction(fn: Callable, domain: str = "real", zero: bool = True) -> Callable[[Draw], Call]:
    def draw(d: Draw) -> Call:
        x = d.array(d.shape(zero=zero), domain)
        axis, keepdims = d.axes(x.ndim), d.boolean()
        return lambda x: fn(x, axis=axis, keepdims=keepdims), [x]

    return draw


for _fn in (np.sum, np.prod):
    ROWS.append(Row(_fn.__name__, _reduction(_fn), (_fn,), rounding=_fn is np.prod))
ROWS.append(Row("mean", _reduction(np.mean, zero=False), (np.mean,)))


@row(np.sum, np.prod, np.cumsum, np.mean, casts=True, rounding=True)
def accumulated_in_another_dtype(d: Draw) -> Call:
    fn = d.choice([np.sum, np.prod, np.cumsum, np.mean])
    x = d.array(d.shape(1, zero=False))
    axis = d.axis(x.ndim)
    return lambda x: fn(x, axis=axis, dtype=np.float64), [x]


def _spread_out(fn: Callable) -> Callable[[Draw], Call]:
    """Of at least two entries a group: the spread of one alone is 0, a kink of its root."""

    def draw(d: Draw) -> Call:
        shape = tuple(side + 2 for side in d.shape(1, zero=False))
        axis, keepdims, ddof = d.axes(len(shape)), d.boolean(), d.integer(0, 1)
        d.require(axis != ())
        return lambda x: fn(x, axis=axis, keepdims=keepdims, ddof=ddof), [d.array(shape, "distinct")]

    return draw


ROWS.append(Row("var", _spread_out(np.var), (np.var,), rounding=True))
ROWS.append(Row("std", _spread_out(np.std), (np.std,), rounding=True))


@row(np.var, np.std, rounding=True)
def corrected(d: Draw) -> Call:
    fn = d.choice([np.var, np.std])
    return lambda x: fn(x, correction=1), [d.array((d.integer(2, 4),), "distinct")]


@row(np.average, rounding=True)
def average(d: Draw) -> Call:
    shape = tuple(side + 1 for side in d.shape(1, zero=False))
    axis, keepdims = d.axes(len(shape)), d.boolean()
    d.require(axis != ())                             # of one entry the weight does not matter
    if d.boolean():
        return lambda x: np.average(x, axis=axis, keepdims=keepdims), [d.array(shape)]
    return lambda x, w: np.average(x, axis=axis, weights=w, keepdims=keepdims), [d.array(shape), d.array(shape, "positive")]


def _with_holes(fn: Callable, spread: int = 0, axes: bool = True, **keywords: Any) -> Callable[[Draw], Call]:
    """NaN in some places that do not vary: x is put where the holes are not."""

    def draw(d: Draw) -> Call:
        shape = tuple(side + spread for side in d.shape(1, zero=False))
        holes = ~d.mask(shape)
        holes.reshape(-1)[: 1 + spread] = False
        kwargs = {"axis": d.axes(len(shape)), "keepdims": d.boolean()} if axes else {"axis": d.axis(len(shape), none=True)}
        number = np.sum(~holes, **kwargs) if axes else np.array(2)
        d.require(bool((number > spread).all()))
        kwargs.update({key: d.integer(0, 1) for key in keywords})
        return lambda x: fn(np.where(near(holes, x), np.nan, x), **kwargs), [d.array(shape, "distinct")]

    return draw


for _fn in (np.nansum, np.nanmean, np.nanprod, np.nanmax, np.nanmin):
    ROWS.append(Row(_fn.__name__, _with_holes(_fn), (_fn,), rounding=True))
for _fn in (np.nanvar, np.nanstd):
    ROWS.append(Row(_fn.__name__, _with_holes(_fn, 1, ddof=0), (_fn,), rounding=True))
for _fn in (np.nancumsum, np.nancumprod):
    ROWS.append(Row(_fn.__name__, _with_holes(_fn, axes=False), (_fn,), rounding=True))


def _running(fn: Callable) -> Callable[[Draw], Call]:
    def draw(d: Draw) -> Call:
        x = d.array(d.shape())
        axis = d.axis(x.ndim, none=True)
        return lambda x: fn(x, axis=axis), [x]

    return draw


ROWS.append(Row("cumsum", _running(np.cumsum), (np.cumsum,)))
ROWS.append(Row("cumprod", _running(np.cumprod), (np.cumprod,)))


@row(np.cumulative_sum, np.cumulative_prod)
def cumulative(d: Draw) -> Call:
    fn = d.choice([np.cumulative_sum, np.cumulative_prod])
    x = d.array(d.shape(1))
    axis = None if x.ndim == 1 and d.boolean() else d.axis(x.ndim)
    return lambda x: fn(x, axis=axis), [x]


@row((np.add, "reduce"), (np.multiply, "reduce"), (np.maximum, "reduce"), (np.minimum, "reduce"), rounding=True)
def reduce(d: Draw) -> Call:
    ufunc = d.choice([np.add, np.multiply, np.maximum, np.minimum])
    x = d.array(d.shape(1, zero=False), "distinct")
    if d.boolean():
        return ufunc.reduce, [x]
    axis, keepdims = d.axis(x.ndim, none=True), d.boolean()
    return lambda x: ufunc.reduce(x, axis=axis, keepdims=keepdims), [x]


@row((np.add, "accumulate"), (np.multiply, "accumulate"), rounding=True)
def accumulate(d: Draw) -> Call:
    ufunc = d.choice([np.add, np.multiply])
    x = d.array(d.shape(1))
    if d.boolean():
        return ufunc.accumulate, [x]
    axis = d.axis(x.ndim)
    return lambda x: ufunc.accumulate(x, axis=axis), [x]


@row(np.trapezoid, rounding=True)
def trapezoid(d: Draw) -> Call:
    shape = d.shape(1, zero=False)
    axis, kind = d.axis(len(shape)), d.integer(0, 2)
    if kind == 0:
        return lambda y: np.trapezoid(y, dx=0.5, axis=axis), [d.array(shape)]
    if kind == 1:
        return lambda y, x: np.trapezoid(y, x, axis=axis), [d.array(shape), d.array((shape[axis],))]
    return lambda y, x: np.trapezoid(y, x, axis=axis), [d.array(shape), d.array(shape)]


# ---------------------------------------------------------------- extremes and order

for _fn in (np.max, np.min, np.amax, np.amin):
    ROWS.append(Row(_fn.__name__, _reduction(_fn, "distinct", zero=False), (_fn,)))
ROWS.append(Row("ptp", _reduction(np.ptp, "distinct", zero=False), (np.ptp,)))


@row(np.sort)
def sort(d: Draw) -> Call:
    x = d.array(d.shape(1), "distinct")
    axis = d.axis(x.ndim, none=True)
    return lambda x: np.sort(x, axis=axis), [x]


@row(np.partition)
def partition(d: Draw) -> Call:
    x = d.array(d.shape(1, zero=False), "distinct")
    axis = d.axis(x.ndim, none=True)
    kth = d.integer(0, (x.size if axis is None else x.shape[axis]) - 1)
    return lambda x: np.partition(x, kth, axis=axis), [x]


@row(np.median, rounding=True)
def median(d: Draw) -> Call:
    x = d.array(d.shape(1, zero=False), "distinct")
    axis, keepdims = d.axis(x.ndim, none=True), d.boolean()
    return lambda x: np.median(x, axis=axis, keepdims=keepdims), [x]


@row(np.quantile, np.percentile, rounding=True)
def quantile(d: Draw) -> Call:
    x = d.array(tuple(side + 2 for side in d.shape(1, 2, zero=False)), "distinct")
    axis, keepdims, q = d.axis(x.ndim, none=True), d.boolean(), d.choice([0.8, 0.3, 0.5, 1.0, 0.0])
    fn, q = d.choice([(np.quantile, q), (np.percentile, 100 * q)])
    return lambda x: fn(x, q, axis=axis, keepdims=keepdims), [x]
