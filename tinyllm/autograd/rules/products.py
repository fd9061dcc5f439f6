"""Derivatives of products of matrices, and of what is built from them."""

import math
import string

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..operators import TABLE
from ..table import composed, defvjp, defvjp_each, raw
from ..tensor import Tensor

# ---------------------------------------------------------------- matrix product: y = a b  ⇒  ∂a = g bᵀ, ∂b = aᵀ g

def _t(x):
    return np.swapaxes(x, -1, -2)


def matmul_left(g, _y, _a, b):
    if b.ndim == 1:                                   # (…, n, k) @ (k,) → (…, n)
        return np.expand_dims(g, -1) * b
    if _a.ndim == 1:                                  # (k,) @ (…, k, m) → (…, m)
        return np.matmul(b, np.expand_dims(g, -1))[..., 0]
    return np.matmul(g, _t(b))


def matmul_right(g, _y, a, _b):
    if a.ndim == 1:
        return g * a if _b.ndim == 1 else np.expand_dims(a, -1) * np.expand_dims(g, -2)
    if _b.ndim == 1:
        return np.matmul(_t(a), np.expand_dims(g, -1))[..., 0]
    return np.matmul(_t(a), g)


defvjp(np.matmul, matmul_left, matmul_right)


@composed(np.linalg.matmul)
def linalg_matmul(x1, x2, /):
    return np.matmul(x1, x2)


@composed(np.dot)
def dot(a, b):
    """Sum over the last axis of a and the last but one of b: matmul for up to two dimensions, tensordot beyond."""
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return a * b
    if np.ndim(a) <= 2 and np.ndim(b) <= 2:
        return np.matmul(a, b)
    return np.tensordot(a, b, axes=((np.ndim(a) - 1,), (max(np.ndim(b) - 2, 0),)))


@composed(np.inner)
def inner(a, b):
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return a * b
    return np.tensordot(a, b, axes=((np.ndim(a) - 1,), (np.ndim(b) - 1,)))


@composed(np.vdot)
def vdot(a, b):
    return np.sum(np.reshape(a, -1) * np.reshape(b, -1))


@composed(np.outer, np.linalg.outer)
def outer(a, b):
    return np.reshape(a, (-1, 1)) * np.reshape(b, (1, -1))


@composed(np.vecdot)
def vecdot(x1, x2, axis=-1):
    return np.sum(x1 * x2, axis=axis)


@composed(np.linalg.vecdot)
def linalg_vecdot(x1, x2, /, *, axis=-1):
    return np.sum(x1 * x2, axis=axis)


if hasattr(np, "matvec"):                             # NumPy 2.2
    @composed(np.matvec)
    def matvec(x1, x2):
        return np.matmul(x1, np.expand_dims(x2, -1))[..., 0]

    @composed(np.vecmat)
    def vecmat(x1, x2):
        return np.matmul(np.expand_dims(x1, -2), x2)[..., 0, :]


@composed(np.tensordot, np.linalg.tensordot)
def tensordot(a, b, axes=2):
    """Sum over pairs of axes: move them to the end of a and the front of b, and it is one matrix product."""
    if isinstance(axes, int):
        axes_a, axes_b = tuple(range(np.ndim(a) - axes, np.ndim(a))), tuple(range(axes))
    else:
        axes_a, axes_b = ((x,) if isinstance(x, int) else tuple(x) for x in axes)
        axes_a, axes_b = normalize_axis_tuple(axes_a, np.ndim(a)), normalize_axis_tuple(axes_b, np.ndim(b))
    free_a = [i for i in range(np.ndim(a)) if i not in axes_a]
    free_b = [i for i in range(np.ndim(b)) if i not in axes_b]
    shape_a, shape_b = [np.shape(a)[i] for i in free_a], [np.shape(b)[i] for i in free_b]
    summed = math.prod(np.shape(a)[i] for i in axes_a)
    left = np.reshape(np.transpose(a, [*free_a, *axes_a]), (math.prod(shape_a), summed))
    right = np.reshape(np.transpose(b, [*axes_b, *free_b]), (summed, math.prod(shape_b)))
    return np.reshape(np.matmul(left, right), shape_a + shape_b)


@composed(np.kron)
def kron(a, b):
    ndim = max(np.ndim(a), np.ndim(b))
    a, b = (np.reshape(x, (1,) * (ndim - np.ndim(x)) + np.shape(x)) for x in (a, b))
    pairs = [n for p in zip(a.shape, b.shape, strict=True) for n in p]
    left = np.reshape(a, [n for m in a.shape for n in (m, 1)])
    right = np.reshape(b, [n for m in b.shape for n in (1, m)])
    shape = [pairs[2 * i] * pairs[2 * i + 1] for i in range(ndim)]
    return np.reshape(left * right, shape)


@composed(np.cross)
def cross(a, b, axis=-1):
    a, b = np.moveaxis(a, axis, -1), np.moveaxis(b, axis, -1)
    if np.shape(a)[-1] != 3 or np.shape(b)[-1] != 3:
        raise ValueError(f"cross product of {np.shape(a)[-1]} and {np.shape(b)[-1]} components: both vectors need 3")
    (a0, a1, a2), (b0, b1, b2) = ((x[..., 0], x[..., 1], x[..., 2]) for x in (a, b))
    return np.moveaxis(np.stack((a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0), axis=-1), -1, axis)


@composed(np.linalg.cross)
def linalg_cross(x1, x2, /, *, axis=-1):
    return np.cross(x1, x2, axis=axis)


# ---------------------------------------------------------------- einsum

def contracted(subscripts, *operands):
    return np.einsum(subscripts, *operands, optimize=len(operands) > 1)


def contracted_vjp(i, g, _y, subscripts, *operands):
    """Swap operand i with the output: ∂L/∂x_i sums g times the other operands over every letter that x_i lacks."""
    inputs, output = subscripts.split("->")
    terms = inputs.split(",")
    mine = terms[i - 1]
    others = [(term, x) for j, (term, x) in enumerate(zip(terms, operands, strict=True)) if j != i - 1]
    lone = [c for c in mine if c not in output and not any(c in term for term, _ in others)]
    if lone:                                          # summed away in x_i alone: g is the same for all its entries
        x = raw(operands[i - 1])
        others.append(("".join(lone), np.ones_like(x, shape=tuple(x.shape[mine.index(c)] for c in lone))))
    spec = ",".join([output, *(term for term, _ in others)]) + "->" + mine
    return _einsum(spec, g, *(x for _, x in others))


def _einsum(spec, *operands):
    if any(isinstance(x, Tensor) for x in operands):
        return TABLE[contracted]((spec, *operands), {})
    return contracted(spec, *operands)


defvjp_each(contracted, contracted_vjp)


@composed(np.einsum)
def einsum(subscripts, /, *operands, optimize=True):
    """Σ over every letter that the output lacks. Ellipses become letters, repeated letters diagonals: no rule sees them."""
    if not isinstance(subscripts, str):
        raise TypeError("einsum on Tensors takes its subscripts as a string, such as 'ij,jk->ik'")
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if len(terms) != len(operands):
        raise ValueError(f"einsum {subscripts!r} names {len(terms)} operands, {len(operands)} were given")
    spare = [c for c in string.ascii_letters if c not in subscripts]
    dots = [np.ndim(x) - len(term.replace("...", "")) if "..." in term else 0 for term, x in zip(terms, operands, strict=True)]
    ellipsis = "".join(spare[: max(dots)])
    terms = [t.replace("...", ellipsis[len(ellipsis) - n:]) for t, n in zip(terms, dots, strict=True)]
    if not arrow:
        letters = "".join(terms)
        once = sorted(c for c in set(letters) if letters.count(c) == 1 and c not in ellipsis)
        output = "..." + "".join(once)
    output = output.replace("...", ellipsis)
    diagonals = _of_full_size([_diagonal_of(t, x) for t, x in zip(terms, operands, strict=True)])
    spec = ",".join(t for t, _ in diagonals) + "->" + output
    return TABLE[contracted]((spec, *(x for _, x in diagonals)), {})


def _of_full_size(operands):
    """Where a letter has size 1 in one operand and n in another, n in both: NumPy broadcasts, the rule counts on it."""
    sizes = {c: 1 for term, _ in operands for c in term}
    for term, x in operands:
        sizes |= {c: n for c, n in zip(term, np.shape(x), strict=True) if n != 1}
    return [(term, np.broadcast_to(x, tuple(sizes[c] for c in term))) for term, x in operands]


def _diagonal_of(term, x):
    """'iij' of (n, n, m) → 'ji' of (m, n): a repeated letter walks both axes at once."""
    while len(set(term)) < len(term):
        letter = next(c for c in term if term.count(c) > 1)
        first = term.index(letter)
        second = term.index(letter, first + 1)
        x = np.diagonal(x, 0, first, second)
        term = "".join(c for i, c in enumerate(term) if i not in (first, second)) + letter
    return term, x


# ---------------------------------------------------------------- linear algebra

def inverse(g, y, _x):
    """d(X⁻¹) = −X⁻¹ dX X⁻¹"""
    return -np.matmul(_t(y), np.matmul(g, _t(y)))


def solve_right(g, _y, a, _b):
    if _b.ndim == 1:                                  # one vector for every matrix; solve would read g (…, n) as a matrix
        return np.linalg.solve(_t(a), np.expand_dims(g, -1))[..., 0]
    return np.linalg.solve(_t(a), g)


def solve_matrix(g, y, a, _b):
    z = solve_right(g, y, a, _b)
    return -np.expand_dims(z, -1) * np.expand_dims(y, -2) if _b.ndim == 1 else -np.matmul(z, _t(y))


defvjp(np.linalg.inv, inverse)
defvjp(np.linalg.solve, solve_matrix, solve_right)
defvjp(np.linalg.det, lambda g, y, x: np.expand_dims(g * y, (-1, -2)) * _t(np.linalg.inv(x)))


def logabsdet(x):
    return np.linalg.slogdet(x)[1]


defvjp(logabsdet, lambda g, _y, x: np.expand_dims(g, (-1, -2)) * _t(np.linalg.inv(x)))


@composed(np.linalg.slogdet)
def slogdet(a):
    """(sign, log |det|); the sign is piecewise constant: raw."""
    return np.linalg.slogdet(a.data)[0], TABLE[logabsdet]((a,), {})


@composed(np.linalg.matrix_power)
def matrix_power(a, n):
    if n < 0:
        return np.linalg.matrix_power(np.linalg.inv(a), -n)
    result = np.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype, like=a.data), a.shape) if n == 0 else a
    for _ in range(n - 1):
        result = np.matmul(result, a)
    return result


@composed(np.linalg.multi_dot)
def multi_dot(arrays):
    result = arrays[0]
    for x in arrays[1:]:
        result = np.dot(result, x)
    return result
