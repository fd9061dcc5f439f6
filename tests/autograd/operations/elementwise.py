"""Rows of the elementwise functions: of one argument, of two, and what chooses between entries."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import tinyllm
from tests.autograd.draws import Draw
from tests.autograd.operations.rows import ROWS, Call, Row, near, row
from tinyllm.autograd.operators import TABLE
from tinyllm.autograd.rules import elementwise, reductions
from tinyllm.backend import to_device

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
