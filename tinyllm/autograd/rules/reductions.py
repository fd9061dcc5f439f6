"""Derivatives of sums, products, extremes and what is made of them."""

import math

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..operators import TABLE
from ..table import composed, defvjp


def spread(g, x, axis, keepdims):
    """A value per group, spread back over the entries of x that were reduced: the transpose of a sum."""
    if axis is not None and not keepdims:
        g = np.expand_dims(g, tuple(a % x.ndim for a in np.atleast_1d(axis).tolist()))
    return np.broadcast_to(g, x.shape)


def _count(x, axis):
    axes = range(x.ndim) if axis is None else np.atleast_1d(axis).tolist()
    return math.prod(x.shape[a] for a in axes)


# ---------------------------------------------------------------- sums

defvjp(np.sum, lambda g, _y, _x, axis=None, dtype=None, keepdims=False: spread(g, _x, axis, keepdims))


def mean(g, _y, _x, axis=None, dtype=None, keepdims=False):
    return spread(g / _count(_x, axis), _x, axis, keepdims)


defvjp(np.mean, mean)


def cumsum(g, _y, _x, axis=None, dtype=None):
    """y_j = Σ_{i≤j} x_i, so x_i reaches every y_j with j ≥ i: the sum runs from the other end."""
    if axis is None:
        return np.reshape(np.flip(np.cumsum(np.flip(g))), _x.shape)
    return np.flip(np.cumsum(np.flip(g, axis), axis), axis)


defvjp(np.cumsum, cumsum)


@composed(np.cumulative_sum)
def cumulative_sum(x, /, *, axis=None, dtype=None):
    return np.cumsum(x, axis=_only_axis(x, axis), dtype=dtype)


@composed(np.var)
def var(x, axis=None, ddof=0, keepdims=False, *, correction=None):
    """Σ (x − mean)² / (n − ddof)"""
    centred = x - np.mean(x, axis=axis, keepdims=True)
    n = _count(x, axis) - (ddof if correction is None else correction)
    return np.sum(np.square(centred), axis=axis, keepdims=keepdims) / n


@composed(np.std)
def std(x, axis=None, ddof=0, keepdims=False, *, correction=None):
    return np.sqrt(np.var(x, axis=axis, ddof=ddof, keepdims=keepdims, correction=correction))


@composed(np.average)
def average(x, axis=None, weights=None, keepdims=False):
    if weights is None:
        return np.mean(x, axis=axis, keepdims=keepdims)
    if np.shape(weights) != np.shape(x):
        raise TypeError(f"weights of shape {np.shape(weights)} for {np.shape(x)}: on Tensors they must have the same shape")
    return np.sum(x * weights, axis=axis, keepdims=keepdims) / np.sum(weights, axis=axis, keepdims=keepdims)


@composed(np.nansum)
def nansum(x, axis=None, keepdims=False):
    return np.sum(_where_number(x, 0.0), axis=axis, keepdims=keepdims)


@composed(np.nanmean)
def nanmean(x, axis=None, keepdims=False):
    n = np.sum(~np.isnan(x), axis=axis, keepdims=keepdims).astype(x.dtype)
    return np.nansum(x, axis=axis, keepdims=keepdims) / n


@composed(np.nanvar)
def nanvar(x, axis=None, ddof=0, keepdims=False):
    n = np.sum(~np.isnan(x), axis=axis, keepdims=keepdims).astype(x.dtype)
    centred = _where_number(x, 0.0) - np.nanmean(x, axis=axis, keepdims=True)
    return np.sum(np.where(np.isnan(x), 0.0, np.square(centred)), axis=axis, keepdims=keepdims) / (n - ddof)


@composed(np.nanstd)
def nanstd(x, axis=None, ddof=0, keepdims=False):
    return np.sqrt(np.nanvar(x, axis=axis, ddof=ddof, keepdims=keepdims))


@composed(np.nanprod)
def nanprod(x, axis=None, keepdims=False):
    return np.prod(_where_number(x, 1.0), axis=axis, keepdims=keepdims)


@composed(np.nancumsum)
def nancumsum(x, axis=None):
    return np.cumsum(_where_number(x, 0.0), axis=axis)


@composed(np.nancumprod)
def nancumprod(x, axis=None):
    return np.cumprod(_where_number(x, 1.0), axis=axis)


def _where_number(x, otherwise):
    return np.where(np.isnan(x), otherwise, x)


def _only_axis(x, axis):
    if axis is None and x.ndim != 1:
        raise TypeError(f"give axis= for {x.ndim} dimensions")
    return axis


@composed(np.trapezoid)
def trapezoid(y, x=None, dx=1.0, axis=-1):
    """Σ Δx (y_i + y_{i+1}) / 2"""
    y = np.moveaxis(y, axis, -1)
    step = dx if x is None else np.diff(x) if np.ndim(x) == 1 else np.diff(np.moveaxis(x, axis, -1))
    return np.sum((y[..., 1:] + y[..., :-1]) * step, axis=-1) * 0.5


# ---------------------------------------------------------------- products

def cumprod(g, y, x, axis=None, dtype=None):
    """y_j = Π_{k≤j} x_k. With s_i = g_i + x_{i+1} s_{i+1}, ∂L/∂x_i = y_{i−1} s_i: no division, so x may hold zeros."""
    if axis is None:
        return np.reshape(cumprod(g, y, np.reshape(x, -1), 0), x.shape)
    g, y, x = (np.moveaxis(a, axis, 0) for a in (g, y, x))
    if not len(x):
        return np.moveaxis(g, 0, axis)
    s = [g[-1]]
    for i in range(len(x) - 1, 0, -1):
        s.append(g[i - 1] + x[i] * s[-1])
    before = np.concatenate((np.ones_like(x[:1]), y[:-1]))
    return np.moveaxis(np.stack(s[::-1]) * before, 0, axis)


defvjp(np.cumprod, cumprod)


@composed(np.cumulative_prod)
def cumulative_prod(x, /, *, axis=None, dtype=None):
    return np.cumprod(x, axis=_only_axis(x, axis), dtype=dtype)


@composed(np.prod)
def prod(x, axis=None, dtype=None, keepdims=False):
    """The last entry of the running product."""
    if dtype is not None:
        x = np.astype(x, dtype)
    axes = tuple(range(x.ndim)) if axis is None else normalize_axis_tuple(axis, x.ndim)
    if not x.size:
        return np.sum(x, axis=axes, keepdims=keepdims) + 1.0                      # of nothing: 1, whatever x would be
    kept = [n for i, n in enumerate(x.shape) if i not in axes]
    last = np.reshape(np.moveaxis(x, axes, tuple(range(-len(axes), 0))), (*kept, -1))
    y = np.cumprod(last, axis=-1)[..., -1]
    return np.expand_dims(y, axes) if keepdims else y


# ---------------------------------------------------------------- extremes

def extreme(g, y, x, axis=None, keepdims=False):
    """The gradient goes to the entry that was picked; equal entries share it."""
    picked = (x == spread(y, x, axis, keepdims)).astype(g.dtype)
    return spread(g, x, axis, keepdims) * (picked / np.sum(picked, axis=axis, keepdims=True))


for _fn in (np.max, np.min, np.nanmax, np.nanmin):
    defvjp(_fn, extreme)


@composed(np.amax)
def amax(x, axis=None, keepdims=False):
    return np.max(x, axis=axis, keepdims=keepdims)


@composed(np.amin)
def amin(x, axis=None, keepdims=False):
    return np.min(x, axis=axis, keepdims=keepdims)


@composed(np.ptp)
def ptp(x, axis=None, keepdims=False):
    return np.max(x, axis=axis, keepdims=keepdims) - np.min(x, axis=axis, keepdims=keepdims)


def clip_low(g, _y, x, low, high):
    return np.where((x < low) & (low <= high), g, 0.0)


def clip_high(g, _y, x, low, high):
    return np.where(np.maximum(x, low) > high, g, 0.0)                  # low > high: NumPy answers high


def clipped(x, low, high):
    return np.clip(x, low, high)


defvjp(clipped, lambda g, _y, x, low, high: np.where((x < low) | (x > high), 0.0, g), clip_low, clip_high)


@composed(np.clip)
def clip(a, a_min=None, a_max=None, *, min=None, max=None):
    """Between the bounds the gradient passes; outside it goes to the bound."""
    low, high = (a_min if min is None else min), (a_max if max is None else max)
    return TABLE[clipped]((a, -math.inf if low is None else low, math.inf if high is None else high), {})


# ---------------------------------------------------------------- norms

def norm2(x, axis=None, keepdims=False):
    return np.sqrt(np.sum(np.square(x), axis=axis, keepdims=keepdims))


def norm2_vjp(g, y, x, axis=None, keepdims=False):
    """x / ‖x‖; at x = 0, where every unit vector is a subgradient, 0."""
    y = spread(y, x, axis, keepdims)
    return spread(g, x, axis, keepdims) * x / np.where(y == 0, 1.0, y)


defvjp(norm2, norm2_vjp)


@composed(np.linalg.norm)
def norm(x, ord=None, axis=None, keepdims=False):
    if axis is None and ord is None:
        return TABLE[norm2]((x,), {"axis": None, "keepdims": keepdims})
    if axis is None:
        axis = tuple(range(x.ndim))
    if isinstance(axis, int) or len(axis) == 1:
        return np.linalg.vector_norm(x, axis=axis, keepdims=keepdims, ord=2 if ord is None else ord)
    return np.linalg.matrix_norm(np.moveaxis(x, axis, (-2, -1)), ord=ord or "fro") if not keepdims else \
        np.expand_dims(np.linalg.matrix_norm(np.moveaxis(x, axis, (-2, -1)), ord=ord or "fro"), axis)


@composed(np.linalg.vector_norm)
def vector_norm(x, /, *, axis=None, keepdims=False, ord=2):
    if ord == 2:
        return TABLE[norm2]((x,), {"axis": axis, "keepdims": keepdims})
    if ord == math.inf:
        return np.max(np.abs(x), axis=axis, keepdims=keepdims)
    if ord == -math.inf:
        return np.min(np.abs(x), axis=axis, keepdims=keepdims)
    if ord == 1:
        return np.sum(np.abs(x), axis=axis, keepdims=keepdims)
    if ord == 0:
        return np.sum((x != 0).astype(x.dtype), axis=axis, keepdims=keepdims)
    return np.power(np.sum(np.power(np.abs(x), ord), axis=axis, keepdims=keepdims), 1.0 / ord)


@composed(np.linalg.matrix_norm)
def matrix_norm(x, /, *, keepdims=False, ord="fro"):
    if ord == "fro":
        return TABLE[norm2]((x,), {"axis": (-2, -1), "keepdims": keepdims})
    if ord not in (1, -1, math.inf, -math.inf):
        raise TypeError(f"matrix norm {ord!r} needs singular values, which have no derivative rule: use 'fro', 1 or inf")
    sums = np.sum(np.abs(x), axis=-2 if abs(ord) == 1 else -1, keepdims=True)
    return (np.max if ord > 0 else np.min)(sums, axis=(-2, -1), keepdims=keepdims)
