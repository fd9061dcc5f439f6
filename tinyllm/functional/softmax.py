"""Softmax: from any scores to a probability distribution, and its logarithm."""

from __future__ import annotations

from typing import Any

import numpy as np

from .checks import check_broadcasts, check_kind
from .formula import formula


@formula
def softmax(x: Any, axis: int = -1, where: Any = None) -> Any:
    """y_i = exp(x_i) / Σ_k exp(x_k) along an axis.

    x of any shape → the same shape. `where` (booleans that broadcast to x's shape): True = takes part; the others get zero,
    and a row in which nothing takes part is zeros, not NaN.

    Gradient: log y_i = x_i − log Σ exp(x_k), so ∂y_i/∂x_j = y_i (δ_ij − y_j), and for an output gradient g
    ∂L/∂x_j = Σ_i g_i y_i (δ_ij − y_j) = y_j (g_j − Σ_i g_i y_i).

    Subtracting the largest entry changes nothing (numerator and denominator shrink alike) and keeps exp from overflowing.

    Raises TypeError for a `where` that is not boolean, ValueError for one that does not broadcast to x.
    Source: Bridle 1990; inside formula F1.
    """
    if where is not None:
        x = np.where(where, x, float(np.finfo(x.dtype).min))
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    if where is not None:
        e = e * where
    total = np.sum(e, axis=axis, keepdims=True)
    return e / (total + (total == 0))                                   # an empty row: 0 / 1


@softmax.check
def _check(x, axis=-1, where=None):
    if where is not None:
        check_kind("where", where, "b", "booleans, True = takes part")
        check_broadcasts("where", where.shape, x.shape)


@softmax.fused
def softmax(x, axis=-1, where=None):
    """One array from scores to probabilities. The gradient needs y alone: y (g − Σ g y)."""
    y = x if where is None else np.where(where, x, float(np.finfo(x.dtype).min))
    y = y - np.max(y, axis=axis, keepdims=True)
    np.exp(y, out=y)
    if where is not None:
        y *= where
    total = np.sum(y, axis=axis, keepdims=True)
    total += total == 0
    y /= total

    def vjp(g):
        gx = g * y
        gx -= y * np.sum(gx, axis=axis, keepdims=True)
        return (gx,)

    return y, vjp


@formula
def log_softmax(x: Any, axis: int = -1) -> Any:
    """y_i = x_i − log Σ_k exp(x_k) along an axis: the logarithm of softmax.

    x of any shape → the same shape.

    Gradient: ∂y_i/∂x_j = δ_ij − p_j with p = softmax(x), so ∂L/∂x_j = g_j − p_j Σ_i g_i.

    np.log(softmax(x)) would be −∞ wherever a probability is below the smallest float; the difference stays finite.
    Source: formulas F10 and F15 use it.
    """
    shifted = x - np.max(x, axis=axis, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


@log_softmax.fused
def log_softmax(x, axis=-1):
    """g − exp(y) Σ g: the gradient needs y alone."""
    y = x - np.max(x, axis=axis, keepdims=True)
    y -= np.log(np.sum(np.exp(y), axis=axis, keepdims=True))

    def vjp(g):
        gx = np.exp(y)
        gx *= -np.sum(g, axis=axis, keepdims=True)
        gx += g
        return (gx,)

    return y, vjp
