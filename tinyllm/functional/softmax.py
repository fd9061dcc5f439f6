"""Softmax: from any scores to a probability distribution, and its logarithm."""

from __future__ import annotations

from typing import Any

import numpy as np

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
        check_mask("where", where, x.shape)


def check_mask(name: str, mask: Any, shape: tuple[int, ...]) -> None:
    """Raise TypeError unless mask is an array of booleans, ValueError unless it broadcasts to shape."""
    if getattr(mask, "dtype", None) != bool:
        raise TypeError(f"{name} is {getattr(mask, 'dtype', type(mask).__name__)}: make it an array of booleans, True = takes part")
    pairs = zip(reversed(mask.shape), reversed(shape))
    if len(mask.shape) > len(shape) or any(m not in (1, n) for m, n in pairs):
        raise ValueError(f"{name} has shape {mask.shape}, which does not broadcast to {shape}: each axis must match or be 1")


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
