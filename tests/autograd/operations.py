"""The table of operations: for each function that has a derivative, how a test calls it.

A row draws one call: the function of its differentiable arguments (all else is captured), and those arguments, away from kinks
and poles. `covers` names the entries of the derivative table that the row is there for; a test holds the table complete.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import tinyllm
from tests.autograd.draws import Draw
from tinyllm.autograd.operators import TABLE
from tinyllm.autograd.rules import elementwise, indexing, products, reductions, shapes
from tinyllm.backend import device_of, to_device

Call = tuple[Callable, list[np.ndarray]]


@dataclass(frozen=True)
class Row:
    name: str
    draw: Callable[[Draw], Call]
    covers: tuple
    """Keys of the derivative table."""
    rounding: bool = False
    """Ours computes in another order than NumPy: equal within rounding, not to the bit."""
    casts: bool = False
    """The call asks for another dtype."""

    def __str__(self) -> str:
        return self.name


ROWS: list[Row] = []


def row(*covers: Any, **options: Any) -> Callable:
    """Decorator: a row named like its function."""

    def register(draw: Callable[[Draw], Call]) -> Callable[[Draw], Call]:
        ROWS.append(Row(draw.__name__.strip("_"), draw, covers, **options))
        return draw

    return register


def near(captured: Any, x: Any) -> Any:
    """A captured array where x lives: on a GPU everything that takes part must be there."""
    return to_device(captured, x.device if isinstance(x, tinyllm.Tensor) else device_of(x))


# ---------------------------------------------------------------- elementwise, of one argument

UNARY = {
    np.negative: "real", np.positive: "real", np.square: "real", np.reciprocal: "nonzero", np.sqrt: "positive",
    np.cbrt: "nonzero",
    np.exp: "real", np.exp2: "real", np.expm1: "real", np.log: "positive", np.log2: "positive", np.log10: "positive",
    np.log1p: "unit", np.sin: "real", np.cos: "real", np.tan: "unit", np.arcsin: "unit", np.arccos: "unit", np.arctan: "real",
    np.sinh: "real", np.cosh: "real", np.tanh: "real", np.arcsinh: "real", np.arccosh: "above one", np.arctanh: "unit",
    np.degrees: "real", np.rad2deg: "real", np.radians: "real", np.deg2rad: "real", np.sinc: "nonzero",
    np.absolute: "nonzero", np.fabs: "nonzero", np.nan_to_num: "real", np.copy: "real",
}


def _unary(fn: Callable, domain: str) -> None:
    ROWS.append(Row(fn.__name__, lambda d: (fn, [d.array(d.shape(), domain)]), (fn,)))


for _fn, _domain in UNARY.items():
    _unary(_fn, _domain)

# ---------------------------------------------------------------- elementwise, of two

BINARY = {
    np.add: "real", np.subtract: "real", np.multiply: "real", np.logaddexp: "real", np.logaddexp2: "real",
    np.arctan2: "nonzero",    np.hypot: "nonzero", np.maximum: "distinct", np.minimum: "distinct", np.fmax: "distinct",
    np.fmin: "distinct",
    np.divide: "nonzero", np.power: "positive",
}


def _binary(fn: Callable, domain: str) -> None:
    ROWS.append(Row(fn.__name__, lambda d: (fn, d.arrays(d.broadcastable(), domain)), (fn,)))


for _fn, _domain in BINARY.items():
    _binary(_fn, _domain)


@row(np.copysign)
def copysign(d: Draw) -> Call:
    magnitude, sign = d.broadcastable()
    signs = d.array(sign, "nonzero")
    return lambda x: np.copysign(x, near(signs.astype(x.dtype), x)), [d.array(magnitude, "nonzero")]


def _remainders(d: Draw, fn: Callable) -> Call:
    """a = b (n + f) with f between 0 and 1: away from the jumps."""
    a, b = d.broadcastable()
    whole = np.broadcast_shapes(a, b)
    divisor = d.array(b, "nonzero")
    return fn, [divisor * d.array(whole, "fraction") if b != () else d.array(whole, "fraction") * divisor, divisor]


@row(np.remainder)
def remainder(d: Draw) -> Call:
    return _remainders(d, np.remainder)


@row(np.fmod)
def fmod(d: Draw) -> Call:
    return _remainders(d, np.fmod)


@row(np.float_power, casts=True)
def float_power(d: Draw) -> Call:
    return np.float_power, d.arrays(d.broadcastable(), "positive")


@row(np.power, rounding=True)
def power_by_a_number(d: Draw) -> Call:
    """Whole numbers of either sign for bases of either sign, any for positive bases."""
    if d.boolean():
        exponent = d.choice([0, 1, 2, 3, -1, -2, 0.0, 2.0])
        base = d.array(d.shape(), "nonzero")
    else:
        exponent, base = d.choice([0.5, -0.5, 1.5]), d.array(d.shape(), "positive")
    return lambda x: x**exponent, [base]


@row(np.power)
def power_of_a_number(d: Draw) -> Call:
    base = d.choice([2, 0.5, 3.0])
    return lambda x: base**x, [d.array(d.shape())]


@row(np.power)
def power_by_whole_numbers(d: Draw) -> Call:
    base, exponent = d.broadcastable()
    powers, narrow = d.values.integers(-3, 4, exponent), d.boolean()
    return lambda x: np.power(x, near(powers.astype(np.int8 if narrow else x.dtype), x)), [d.array(base, "nonzero")]


@row(np.multiply, np.add, np.subtract, np.divide)
def arithmetic_with_numbers(d: Draw) -> Call:
    """Python numbers on either side leave float32 as it is."""
    k = d.choice([2, 0.5, -3])
    f = d.choice([
        lambda x: k * x, lambda x: x * k, lambda x: k + x, lambda x: x + k, lambda x: k - x, lambda x: x - k, lambda x: x / k,
        lambda x: k / x,
    ])
    return f, [d.array(d.shape(), "nonzero")]


@row(np.where, elementwise.chosen)
def where(d: Draw) -> Call:
    condition, x, y = d.broadcastable(3)
    mask = d.mask(condition)
    return lambda x, y: np.where(near(mask, x), x, y), [d.array(x), d.array(y)]


@row(np.where, elementwise.chosen)
def where_with_a_number(d: Draw) -> Call:
    condition, x = d.broadcastable()
    mask = d.mask(condition)
    f = d.choice([lambda x: np.where(near(mask, x), x, 0.0), lambda x: np.where(near(mask, x), -1.0, x)])
    return f, [d.array(x)]


@row(np.clip, reductions.clipped)
def clip(d: Draw) -> Call:
    """Bounds that are arrays, numbers, or left out; low bounds below high ones."""
    x, low, high = d.arrays(d.broadcastable(3), "distinct")
    kind = d.integer(0, 4)
    if kind == 0:
        return lambda x, low, high: np.clip(x, low, high), [x, low - 2.0, high + 2.0]
    if kind == 1:
        return lambda x, low: np.clip(x, low, None), [x, low]
    if kind == 2:
        return lambda x: np.clip(x, -0.4, 0.4), [d.array(x.shape, "nonzero")]
    if kind == 3:
        return lambda x, high: np.clip(x, None, high), [x, high]
    return lambda x: np.clip(x, min=-0.25, max=0.25), [d.array(x.shape, "nonzero")]


@row(np.astype, elementwise.cast, casts=True)
def astype(d: Draw) -> Call:
    return lambda x: np.astype(x, np.float64), [d.array(d.shape())]


@row(to_device)
def moved(d: Draw) -> Call:
    return lambda x: x * (TABLE[to_device]((x, "cpu"), {}) if isinstance(x, tinyllm.Tensor) else x), [d.array(d.shape())]


@row(np.select)
def select(d: Draw) -> Call:
    shape = d.shape()
    masks = [d.mask(shape), d.mask(shape)]
    return lambda x, y: np.select([near(m, x) for m in masks], [x, y], 0.5), [d.array(shape), d.array(shape)]


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


# ---------------------------------------------------------------- products


@row(np.matmul, np.linalg.matmul)
def matmul(d: Draw) -> Call:
    fn = d.choice([np.matmul, operator.matmul, np.linalg.matmul])
    n, k, m = d.integer(1, 3), d.choice([1, 2, 3, 0]), d.integer(1, 3)
    if fn is not np.linalg.matmul and d.integer(0, 2) == 0:
        left, right = d.choice([((k,), (k,)), ((n, k), (k,)), ((k,), (k, m)), ((2, n, k), (k,)), ((k,), (2, k, m))])
    else:
        batch_left, batch_right = d.broadcastable()
        left, right = (*batch_left, n, k), (*batch_right, k, m)
    return fn, [d.array(left), d.array(right)]


@row(np.matmul)
def matmul_with_vectors(d: Draw) -> Call:
    n, k, m = d.integer(1, 3), d.integer(1, 3), d.integer(1, 3)
    left, right = d.choice([
        ((k,), (2, k, m)), ((2, n, k), (k,)), ((k,), (k, m)), ((n, k), (k,)), ((k,), (k,)), ((k,), (2, 3, k, m)),
        ((2, 3, n, k), (k,)),
    ])
    return np.matmul, [d.array(left), d.array(right)]


@row(np.dot, rounding=True)
def dot(d: Draw) -> Call:
    """Of up to two dimensions and beyond, where it is no matmul: every row of a with every column of b."""
    k, before, after = d.integer(1, 3), d.shape(0, 2), d.shape(0, 1)
    left, right = d.choice([
        ((*before, k), (*after, k, 2)), ((*before, k), (k,)), ((), before), (before, ()), ((k,), (2, k, 3)),
        ((2, k), (3, k, 2)),
        ((2, 3, k), (k, 2)), ((k,), (k,)),
    ])
    return np.dot, [d.array(left, "nonzero"), d.array(right, "nonzero")]


@row(np.inner, rounding=True)
def inner(d: Draw) -> Call:
    k, before, after = d.integer(1, 3), d.shape(0, 2), d.shape(0, 2)
    left, right = d.choice([((*before, k), (*after, k)), ((), before), (before, ()), ((k,), (k,))])
    return np.inner, [d.array(left, "nonzero"), d.array(right, "nonzero")]


@row(np.vdot, rounding=True)
def vdot(d: Draw) -> Call:
    k = d.integer(1, 3)
    return np.vdot, [d.array((k, 2)), d.array((2, k))]


@row(np.outer, np.linalg.outer)
def outer(d: Draw) -> Call:
    if d.boolean():
        return np.outer, [d.array(d.shape(0, 2)), d.array(d.shape(0, 2))]
    return np.linalg.outer, [d.array(d.shape(1, 1)), d.array(d.shape(1, 1))]


@row(np.vecdot, np.linalg.vecdot, rounding=True)
def vecdot(d: Draw) -> Call:
    fn = d.choice([np.vecdot, np.linalg.vecdot])
    shape = d.shape(1)
    axis = d.axis(len(shape))
    return lambda a, b: fn(a, b, axis=axis), [d.array(shape), d.array(shape)]


if hasattr(np, "matvec"):

    @row(np.matvec, np.vecmat, rounding=True)
    def matvec(d: Draw) -> Call:
        batch_matrix, batch_vector = d.broadcastable()
        n, m = d.integer(1, 3), d.integer(1, 3)
        matrix = d.array((*batch_matrix, n, m))
        if d.boolean():
            return np.matvec, [matrix, d.array((*batch_vector, m))]
        return np.vecmat, [d.array((*batch_vector, n)), matrix]


@row(np.tensordot, np.linalg.tensordot, rounding=True)
def tensordot(d: Draw) -> Call:
    fn = d.choice([np.tensordot, np.linalg.tensordot])
    a, b, axes = d.choice([
        ((2, 3), (3, 2), 1), ((2, 3), (2, 3, 2), 2), ((2,), (3,), 0), ((3, 2), (2, 3), ((0,), (1,))),
        ((2, 3, 1), (3, 2), ([1, 0], [0, 1])), ((2, 3), (2, 3), ((-1, 0), (-1, 0))), ((2, 3), (4, 3), (-1, 1)),
        ((2, 0), (0, 3), 1),
    ])
    return lambda x, y: fn(x, y, axes=axes), [d.array(a), d.array(b)]


@row(np.kron)
def kron(d: Draw) -> Call:
    return np.kron, [d.array(d.shape(0, 2)), d.array(d.shape(0, 2))]


@row(np.cross, np.linalg.cross, rounding=True)
def cross(d: Draw) -> Call:
    fn = d.choice([np.cross, np.linalg.cross])
    shape = d.shape(0, 2)
    axis = d.axis(len(shape) + 1)
    at = axis % (len(shape) + 1)
    whole = (*shape[:at], 3, *shape[at:])
    return lambda a, b: fn(a, b, axis=axis), [d.array(whole), d.array(whole)]


EINSUMS = {
    "einsum": [
        "ij,jk->ik", "ij,jk", "bhqd,bhkd->bhqk", "i,i->", "i,j->ij", "ij->ji", "ij->i", "ij->", "ij,ij->ij", "ij,j,i->i",
        "i->i",
        "ij,kl->", "ij,jk,kl->il", " i j , j -> i", "i,", "ij,kj->", "ab,ba",
    ],
    "einsum with dots": ["...ij,...jk->...ik", "i...->...", "ij...,jk...->ik...", "...->...", "...ij,...j", "i...",
    "...i,i->..."],
    "einsum of diagonals": ["ii->i", "ii", "iij->j", "ii,ij->j", "ijj,j->i", "ijj->ij", "jii,i->j"],
}


def _einsum(specs: list[str]) -> Callable[[Draw], Call]:
    def draw(d: Draw) -> Call:
        spec = d.choice(specs)
        terms = spec.replace(" ", "").partition("->")[0].split(",")
        side = {c: d.choice([2, 3, 1, 2, 0]) for c in "".join(terms) if c.isalpha()}
        dots = d.shape(0, 2)
        operands = []
        for term in terms:
            letters = term.replace("...", ".")
            operands.append(d.array(tuple(n for c in letters for n in (dots if c == "." else (side[c],)))))
        return lambda *xs: np.einsum(spec, *xs), operands

    return draw


for _name, _specs in EINSUMS.items():
    ROWS.append(Row(_name, _einsum(_specs), (np.einsum, products.contracted), rounding=True))


@row(np.einsum, rounding=True)
def einsum_that_broadcasts(d: Draw) -> Call:
    a, b = d.broadcastable()
    return lambda x, y: np.einsum("...i,...i->...", x, y), [d.array((*a, 2)), d.array((*b, 2))]


@row(np.linalg.inv, rounding=True)
def inv(d: Draw) -> Call:
    return np.linalg.inv, [d.square()]


@row(np.linalg.solve, rounding=True)
def solve(d: Draw) -> Call:
    a = d.square()
    n = a.shape[-1]
    right = (n,) if d.boolean() else (*(a.shape[:-2] if d.boolean() else ()), n, d.integer(1, 3))
    return np.linalg.solve, [a, d.array(right)]


@row(np.linalg.det)
def det(d: Draw) -> Call:
    return np.linalg.det, [d.square()]


@row(np.linalg.slogdet, products.logabsdet)
def slogdet(d: Draw) -> Call:
    return lambda x: np.linalg.slogdet(x)[1], [d.square()]


@row(np.linalg.matrix_power, rounding=True)
def matrix_power(d: Draw) -> Call:
    n = d.choice([-2, -1, 1, 2, 3])                   # power 0 is a constant
    return lambda x: np.linalg.matrix_power(x, n), [d.square()]


@row(np.linalg.multi_dot, rounding=True)
def multi_dot(d: Draw) -> Call:
    sides = [d.integer(1, 3) for _ in range(d.integer(3, 5))]
    return lambda *xs: np.linalg.multi_dot(xs), [d.array(pair) for pair in itertools.pairwise(sides)]


# ---------------------------------------------------------------- norms


def _norm(order: float | None) -> Callable[[Draw], Call]:
    """Distinct entries, so that the largest and the smallest are one each."""

    def draw(d: Draw) -> Call:
        x = d.array(d.shape(1, zero=False), "distinct")
        d.require(bool((np.diff(np.sort(np.abs(x), axis=None)) > 0.02).all()))
        axis, keepdims = d.axis(x.ndim, none=order is None or x.ndim == 1), d.boolean()
        if order is not None and d.boolean():
            return lambda x: np.linalg.vector_norm(x, ord=order, axis=axis, keepdims=keepdims), [x]
        return lambda x: np.linalg.norm(x, ord=order, axis=axis, keepdims=keepdims), [x]

    return draw


for _order in (None, 2, 1, 3, 1.5, math.inf, -math.inf):
    _covers = (np.linalg.norm,) if _order is None else (np.linalg.norm, np.linalg.vector_norm)
    ROWS.append(Row(f"norm {_order}", _norm(_order), _covers, rounding=True))


@row(np.linalg.vector_norm, reductions.norm2, rounding=True)
def norm_over_axes(d: Draw) -> Call:
    x = d.array(d.shape(1, zero=False), "nonzero")
    axis, keepdims, order = d.axes(x.ndim), d.boolean(), d.choice([2, 3])
    return lambda x: np.linalg.vector_norm(x, ord=order, axis=axis, keepdims=keepdims), [x]


def _matrix_norm(order: Any) -> Callable[[Draw], Call]:
    def draw(d: Draw) -> Call:
        x, keepdims, kind = d.array(d.shape(2, zero=False), "distinct"), d.boolean(), d.integer(0, 2)
        axis = (d.axis(x.ndim), d.axis(x.ndim)) if kind == 0 else (-2, -1)
        d.require(axis[0] % x.ndim != axis[1] % x.ndim)
        if order != "fro":
            sums = np.sort(np.abs(np.moveaxis(x, axis, (-2, -1))).sum(-2 if abs(order) == 1 else -1), axis=-1)
            d.require(bool((np.diff(sums, axis=-1) > 0.02).all()))
        if kind == 0:
            return lambda x: np.linalg.norm(x, ord=order, axis=axis, keepdims=keepdims), [x]
        if kind == 1 and x.ndim == 2:
            return lambda x: np.linalg.norm(x, ord=order, keepdims=keepdims), [x]
        return lambda x: np.linalg.matrix_norm(x, ord=order, keepdims=keepdims), [x]

    return draw


for _order in ("fro", 1, -1, math.inf, -math.inf):
    ROWS.append(Row(f"matrix norm {_order}", _matrix_norm(_order), (np.linalg.norm, np.linalg.matrix_norm), rounding=True))


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
