"""Rows of products, what is built from them, and norms."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.autograd.draws import Draw
from tests.autograd.operations.rows import ROWS, Call, Row, row
from tinyllm.autograd.rules import products, reductions

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
