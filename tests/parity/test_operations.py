"""Every operation of the table that PyTorch has: the same value and gradient, on the table's own draws.

The error is measured against the norm of PyTorch's result: 1e-5 in float32, 1e-10 in float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyllm
from tests.autograd.draws import Draw, FromHypothesis
from tinyllm import Tensor

torch = pytest.importorskip("torch", reason="parity compares with PyTorch: pip install torch")

TOLERANCE = {np.float32: 1e-5, np.float64: 1e-10}
Pair = tuple[Callable, Callable, list[np.ndarray]]
"""Ours, PyTorch's, and the arrays both are called with."""

PAIRS: dict[str, Callable[[Draw], Pair]] = {}


def pair(draw: Callable[[Draw], Pair]) -> Callable[[Draw], Pair]:
    PAIRS[draw.__name__.strip("_")] = draw
    return draw


# ---------------------------------------------------------------- elementwise

UNARY = {
    "negative": ("neg", "real"), "positive": ("positive", "real"), "square": ("square", "real"),
    "reciprocal": ("reciprocal", "nonzero"),
    "sqrt": ("sqrt", "positive"), "exp": ("exp", "real"), "exp2": ("exp2", "real"), "expm1": ("expm1", "real"),
    "log": ("log", "positive"),
    "log2": ("log2", "positive"), "log10": ("log10", "positive"), "log1p": ("log1p", "unit"), "sin": ("sin", "real"),
    "cos": ("cos", "real"),
    "tan": ("tan", "unit"), "arcsin": ("asin", "unit"), "arccos": ("acos", "unit"), "arctan": ("atan", "real"),
    "sinh": ("sinh", "real"),
    "cosh": ("cosh", "real"), "tanh": ("tanh", "real"), "arcsinh": ("asinh", "real"), "arccosh": ("acosh", "above one"),
    "arctanh": ("atanh", "unit"), "degrees": ("rad2deg", "real"), "radians": ("deg2rad", "real"), "sinc": ("sinc", "nonzero"),
    "absolute": ("abs", "nonzero"), "nan_to_num": ("nan_to_num", "real"), "copy": ("clone", "real"),
}
BINARY = {
    "add": ("add", "real"), "subtract": ("sub", "real"), "multiply": ("mul", "real"), "divide": ("div", "nonzero"),
    "power": ("pow", "positive"), "logaddexp": ("logaddexp", "real"), "logaddexp2": ("logaddexp2", "real"),
    "arctan2": ("atan2", "nonzero"),
    "hypot": ("hypot", "nonzero"), "maximum": ("maximum", "distinct"), "minimum": ("minimum", "distinct"),
    "fmax": ("fmax", "distinct"),
    "fmin": ("fmin", "distinct"), "copysign": ("copysign", "nonzero"),
}
for _name, (_theirs, _domain) in UNARY.items():
    PAIRS[_name] = lambda d, n=_name, t=_theirs, dom=_domain: (getattr(np, n), getattr(torch, t), [d.array(d.shape(), dom)])
for _name, (_theirs, _domain) in BINARY.items():
    PAIRS[_name] = lambda d, n=_name, t=_theirs, dom=_domain: (getattr(np, n), getattr(torch, t),
        d.arrays(d.broadcastable(), dom))


@pair
def copysign(d: Draw) -> Pair:
    x, sign = d.arrays([d.shape(1)] * 2, "nonzero")
    return (
        lambda x: np.copysign(x, sign.astype(x.dtype)), lambda x: torch.copysign(x, torch.tensor(sign, dtype=x.dtype)), [x]
    )


@pair
def remainder_and_fmod(d: Draw) -> Pair:
    ours, theirs = d.choice([(np.remainder, torch.remainder), (np.fmod, torch.fmod)])
    b = d.array(d.shape(1), "nonzero")
    return ours, theirs, [b * d.array(b.shape, "fraction"), b]


@pair
def equal_extremes(d: Draw) -> Pair:
    """Ties: both libraries give half to each."""
    ours, theirs = d.choice([(np.maximum, torch.maximum), (np.minimum, torch.minimum)])
    shape = d.shape(1)
    return ours, theirs, [d.values.integers(0, 3, shape).astype(float), d.values.integers(0, 3, shape).astype(float)]


@pair
def tied_amax(d: Draw) -> Pair:
    ours, theirs = d.choice([(np.max, torch.amax), (np.min, torch.amin)])
    x = d.values.integers(0, 3, d.shape(1, zero=False)).astype(float)
    axis, keep = d.axis(x.ndim), d.boolean()
    return lambda x: ours(x, axis=axis, keepdims=keep), lambda x: theirs(x, dim=axis, keepdim=keep), [x]


@pair
def where(d: Draw) -> Pair:
    c, x, y = d.broadcastable(3)
    mask = d.mask(c)
    return lambda x, y: np.where(mask, x, y), lambda x, y: torch.where(torch.tensor(mask), x, y), [d.array(x), d.array(y)]


@pair
def clip(d: Draw) -> Pair:
    x = d.array(d.shape(), "distinct")
    return lambda x: np.clip(x, -0.4, 0.6), lambda x: torch.clamp(x, -0.4, 0.6), [x]


# ---------------------------------------------------------------- reductions

def _reduced(ours: Callable, theirs: Callable, domain: str = "real", spread: int = 0, **keywords: Any) -> Callable:
    def draw(d: Draw) -> Pair:
        x = d.array(tuple(n + spread for n in d.shape(1, zero=False)), domain)
        axis, keep = d.axis(x.ndim), d.boolean()
        return lambda x: ours(x, axis=axis, keepdims=keep), lambda x: theirs(x, dim=axis, keepdim=keep, **keywords), [x]

    return draw


PAIRS |= {
    "sum": _reduced(np.sum, torch.sum), "mean": _reduced(np.mean, torch.mean), "prod": _reduced(np.prod, torch.prod),
    "var": _reduced(np.var, torch.var, spread=1, correction=0), "std": _reduced(np.std, torch.std, "distinct", 1, correction=0),
    "max": _reduced(np.max, torch.amax, "distinct"), "min": _reduced(np.min, torch.amin, "distinct"),
    "nansum": _reduced(np.nansum, torch.nansum), "nanmean": _reduced(np.nanmean, torch.nanmean),
    "vector_norm": _reduced(np.linalg.vector_norm, torch.linalg.vector_norm, "nonzero"),
}


@pair
def reductions_of_everything(d: Draw) -> Pair:
    ours, theirs = d.choice([(np.sum, torch.sum), (np.mean, torch.mean), (np.prod, torch.prod), (np.max, torch.max),
        (np.min, torch.min)])
    return ours, theirs, [d.array(d.shape(1, zero=False), "positive")]


@pair
def products_with_zeros(d: Draw) -> Pair:
    x = d.array((d.integer(1, 4), d.integer(1, 4))) * d.values.choice([0.0, 1.0, 1.0], (1, 1))
    x[d.mask(x.shape)] = 0.0
    return lambda x: np.prod(x, axis=1), lambda x: torch.prod(x, dim=1), [x]


@pair
def norms(d: Draw) -> Pair:
    x = d.array((d.integer(1, 3), d.integer(1, 3)), "distinct")
    order = d.choice(["fro", 1, -1, math.inf, -math.inf])
    return lambda x: np.linalg.matrix_norm(x, ord=order), lambda x: torch.linalg.matrix_norm(x, ord=order), [x]


@pair
def vector_norm_of_order(d: Draw) -> Pair:
    x, order = d.array((d.integer(1, 4),), "nonzero"), d.choice([1, 3, 1.5, math.inf, -math.inf])
    return lambda x: np.linalg.norm(x, ord=order), lambda x: torch.linalg.vector_norm(x, ord=order), [x]


@pair
def running(d: Draw) -> Pair:
    ours, theirs = d.choice([(np.cumsum, torch.cumsum), (np.cumprod, torch.cumprod)])
    x = d.array(d.shape(1))
    axis = d.axis(x.ndim)
    return lambda x: ours(x, axis=axis), lambda x: theirs(x, dim=axis), [x]


@pair
def trapezoid(d: Draw) -> Pair:
    shape = d.shape(1, zero=False)
    return lambda y, x: np.trapezoid(y, x), lambda y, x: torch.trapezoid(y, x), [d.array(shape), d.array(shape[-1:])]


# ---------------------------------------------------------------- order and picking

@pair
def sort(d: Draw) -> Pair:
    x = d.array(d.shape(1), "distinct")
    axis = d.axis(x.ndim)
    return lambda x: np.sort(x, axis=axis), lambda x: torch.sort(x, dim=axis).values, [x]


@pair
def quantile(d: Draw) -> Pair:
    x, q = d.array(d.shape(1, zero=False), "distinct"), d.choice([0.0, 0.3, 0.5, 1.0])
    axis, keep = d.axis(x.ndim), d.boolean()
    return lambda x: np.quantile(x, q, axis=axis, keepdims=keep), lambda x: torch.quantile(x, q, dim=axis, keepdim=keep), [x]


@pair
def getitem(d: Draw) -> Pair:
    x = d.array((3, 4, 2))
    rows, columns, mask = d.values.integers(-3, 3, 4), d.values.integers(0, 4, (2, 1)), d.mask((3, 4))
    key = d.choice([
        rows, (slice(None), columns), (rows[:2], columns), (Ellipsis, 0), (1, slice(1, None, 2)), (None, slice(None, 2)), mask,
        (rows, slice(None), d.values.integers(0, 2, 4)),
    ])
    theirs = tuple(torch.tensor(k) if isinstance(k, np.ndarray) else k for k in key) if isinstance(key,
        tuple) else torch.tensor(key)
    return lambda x: x[key], lambda x: x[theirs], [x]


@pair
def take_along_axis(d: Draw) -> Pair:
    shape = d.shape(1, zero=False)
    axis = d.axis(len(shape))
    places = d.values.integers(0, shape[axis], shape)
    return lambda x: np.take_along_axis(x, places, axis), lambda x: torch.take_along_dim(x, torch.tensor(places),
        axis), [d.array(shape)]


@pair
def take(d: Draw) -> Pair:
    x, places = d.array((4, 3)), d.values.integers(0, 4, 6)
    return lambda x: np.take(x, places, axis=0), lambda x: torch.index_select(x, 0, torch.tensor(places)), [x]


@pair
def scatter_add(d: Draw) -> Pair:
    x, places = d.array((5, 2)), d.values.integers(0, 3, 5)
    return (
        lambda x: tinyllm.scatter_add(x, places, (3, 2)),
        lambda x: torch.zeros(3, 2, dtype=x.dtype).index_add(0, torch.tensor(places), x), [x],
    )


@pair
def diff(d: Draw) -> Pair:
    shape, n = d.shape(1, zero=False), d.integer(0, 2)
    axis = d.axis(len(shape))
    return lambda x: np.diff(x, n, axis=axis), lambda x: torch.diff(x, n, dim=axis), [d.array(shape)]


@pair
def triangles_and_diagonals(d: Draw) -> Pair:
    k, shape = d.integer(-2, 2), (d.integer(2, 3), d.integer(2, 3))
    ours, theirs = d.choice([(np.tril, torch.tril), (np.triu, torch.triu), (np.diag, torch.diag),
        (np.diagonal, torch.diagonal)])
    return lambda x: ours(x, k), lambda x: theirs(x, k), [d.array(shape)]


@pair
def trace(d: Draw) -> Pair:
    return np.trace, torch.trace, [d.array((d.integer(1, 3), d.integer(1, 3)))]


# ---------------------------------------------------------------- products and linear algebra

@pair
def matmul(d: Draw) -> Pair:
    n, k, m = d.integer(1, 3), d.choice([1, 2, 3]), d.integer(1, 3)
    a, b = d.broadcastable()
    left, right = d.choice([((*a, n, k), (*b, k, m)), ((n, k), (k,)), ((k,), (k, m)), ((k,), (k,)), ((2, n, k), (k,)),
        ((k,), (2, k, m))])
    return np.matmul, torch.matmul, [d.array(left), d.array(right)]


@pair
def einsum(d: Draw) -> Pair:
    spec, shapes = d.choice([
        ("ij,jk->ik", [(2, 3), (3, 4)]), ("bhqd,bhkd->bhqk", [(1, 2, 3, 2), (1, 2, 4, 2)]), ("ij->ji", [(2, 3)]),
        ("ij->", [(2, 3)]),
        ("ii->i", [(3, 3)]), ("i,j->ij", [(2,), (3,)]), ("...ij,...jk->...ik", [(2, 2, 3), (2, 3, 1)]),
        ("ij,jk,kl->il", [(2, 3), (3, 2), (2, 2)]),
    ])
    return lambda *xs: np.einsum(spec, *xs), lambda *xs: torch.einsum(spec, *xs), [d.array(s) for s in shapes]


@pair
def tensordot(d: Draw) -> Pair:
    a, b, axes = d.choice([((2, 3), (3, 2), 1), ((2, 3), (2, 3, 2), 2), ((3, 2), (2, 3), ([0], [1]))])
    return lambda x, y: np.tensordot(x, y, axes), lambda x, y: torch.tensordot(x, y, axes), [d.array(a), d.array(b)]


@pair
def vectors(d: Draw) -> Pair:
    ours, theirs = d.choice([(np.outer, torch.outer), (np.inner, torch.inner), (np.vdot, torch.vdot), (np.kron, torch.kron),
        (np.dot, torch.dot)])
    n = d.integer(1, 4)
    return ours, theirs, [d.array((n,)), d.array((n,))]


@pair
def cross(d: Draw) -> Pair:
    shape = (*d.shape(0, 2), 3)
    return np.cross, torch.linalg.cross, [d.array(shape), d.array(shape)]


@pair
def linear_algebra(d: Draw) -> Pair:
    ours, theirs = d.choice([
        (np.linalg.inv, torch.linalg.inv), (np.linalg.det, torch.linalg.det),
        (lambda x: np.linalg.slogdet(x)[1], lambda x: torch.linalg.slogdet(x)[1]),
        (lambda x: np.linalg.matrix_power(x, 3), lambda x: torch.linalg.matrix_power(x, 3)),
        (lambda x: np.linalg.matrix_power(x, -2), lambda x: torch.linalg.matrix_power(x, -2)),
    ])
    return ours, theirs, [d.square()]


@pair
def solve(d: Draw) -> Pair:
    a = d.square(batch=())
    right = (len(a),) if d.boolean() else (len(a), 2)
    return np.linalg.solve, torch.linalg.solve, [a, d.array(right)]


@pair
def multi_dot(d: Draw) -> Pair:
    return lambda *xs: np.linalg.multi_dot(xs), lambda *xs: torch.linalg.multi_dot(xs), [d.array(s) for s in ((2, 3),
        (3, 4), (4, 1))]


# ---------------------------------------------------------------- shapes

@pair
def moved(d: Draw) -> Pair:
    x = d.array((2, 3, 2))
    ours, theirs = d.choice([
        (lambda x: np.transpose(x, (2, 0, 1)), lambda x: x.permute(2, 0, 1)),
        (lambda x: np.swapaxes(x, 0, -1), lambda x: x.swapaxes(0, -1)),
        (lambda x: np.moveaxis(x, 0, 2), lambda x: torch.moveaxis(x, 0, 2)),
        (lambda x: np.reshape(x, (3, -1)), lambda x: x.reshape(3, -1)),
        (lambda x: np.flip(x, (0, 2)), lambda x: torch.flip(x, (0, 2))),
        (lambda x: np.roll(x, (1, 2), (0, 1)), lambda x: torch.roll(x, (1, 2), (0, 1))),
        (np.ravel, torch.ravel), (lambda x: np.rot90(x, 3), lambda x: torch.rot90(x, 3)),
        (lambda x: np.expand_dims(x, 1), lambda x: x.unsqueeze(1)),
        (lambda x: np.broadcast_to(x, (4, 2, 3, 2)), lambda x: torch.broadcast_to(x, (4, 2, 3, 2))),
        (lambda x: np.repeat(x, 2, axis=1), lambda x: torch.repeat_interleave(x, 2, dim=1)),
        (lambda x: np.tile(x, (2, 1, 2)), lambda x: torch.tile(x, (2, 1, 2))),
        (lambda x: np.pad(x, ((0, 0), (1, 2), (2, 0))), lambda x: torch.nn.functional.pad(x, (2, 0, 1, 2))),
        (lambda x: np.squeeze(x[:, :1], 1), lambda x: torch.squeeze(x[:, :1], 1)),
    ])
    return ours, theirs, [x]


@pair
def joined(d: Draw) -> Pair:
    ours, theirs = d.choice([
        (np.stack, torch.stack), (np.vstack, torch.vstack), (np.hstack, torch.hstack), (np.dstack, torch.dstack),
        (np.column_stack, torch.column_stack), (np.concatenate, torch.cat),
    ])
    shape = d.shape(1)
    return lambda *xs: ours(xs), lambda *xs: theirs(xs), [d.array(shape), d.array(shape)]


@pair
def parted(d: Draw) -> Pair:
    ours, theirs = d.choice([
        (lambda x: np.array_split(x, 3), lambda x: torch.tensor_split(x, 3)),
        (lambda x: np.split(x, [1, 3]), lambda x: torch.tensor_split(x, [1, 3])),
        (lambda x: np.unstack(x), lambda x: torch.unbind(x)),
    ])
    return lambda x: ours(x)[1], lambda x: theirs(x)[1], [d.array((4, 2))]


@pair
def meshgrid(d: Draw) -> Pair:
    indexing = d.choice(["ij", "xy"])
    return (
        lambda *xs: np.subtract(*np.meshgrid(*xs, indexing=indexing)),
        lambda *xs: torch.sub(*torch.meshgrid(*xs, indexing=indexing)),
        [d.array((2,)), d.array((3,))],
    )


# ---------------------------------------------------------------- the comparison

def off(got: np.ndarray, expected: Any) -> float:
    """The error against the norm of what is expected."""
    expected = expected.detach().numpy()
    assert got.shape == expected.shape and got.dtype == expected.dtype
    norm = np.linalg.norm(expected)
    return float(np.linalg.norm(got - expected) / norm) if norm else float(np.linalg.norm(got))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", PAIRS)
@given(data=st.data())
def test_value_and_gradient(name: str, dtype: type, data: st.DataObject) -> None:
    d = FromHypothesis(data)
    ours, theirs, arrays = PAIRS[name](d)
    arrays = [np.asarray(a, dtype) for a in arrays]
    leaves = [Tensor(a, requires_grad=True) for a in arrays]
    others = [torch.tensor(a, requires_grad=True) for a in arrays]
    y, z = ours(*leaves), theirs(*others)
    u = np.asarray(d.values.uniform(0.5, 2.0, y.shape), dtype)     # of one sign: sums over broadcast axes do not cancel
    y.backward(u)
    z.backward(torch.tensor(u))
    assert off(y.data, z) <= TOLERANCE[dtype]
    for t, other in zip(leaves, others, strict=True):
        assert off(t.grad, other.grad) <= TOLERANCE[dtype]
