"""The linear map: nearly all of a model's parameters, and of its time."""

from __future__ import annotations

from typing import Any

import numpy as np

from .formula import formula
from .fusing import matrix, ones
from .precision import product


@formula
def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """y = x Wᵀ + b

    x (..., in), weight (out, in), bias (out,) or None → (..., out).

    Gradient: y_no = Σ_i x_ni W_oi + b_o. Each x_ni reaches every y_no through W_oi, each W_oi every row n through x_ni:

        ∂L/∂x = g W,    ∂L/∂W = gᵀ x,    ∂L/∂b = Σ_n g_n      (n runs over all leading axes)

    The weight is stored (out, in) as in PyTorch: row o is what output o looks for.

    Raises ValueError when the widths do not fit.
    Source: formula F7.
    """
    y = x @ np.swapaxes(weight, 0, 1)                                               # (..., out)
    return y if bias is None else y + bias


@linear.check
def _check(x, weight, bias=None):
    if weight.ndim != 2 or x.ndim == 0 or x.shape[-1] != weight.shape[1]:
        raise ValueError(f"linear: x {x.shape} and weight {weight.shape}: x (..., in) needs a weight (out, in)")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"linear: bias {bias.shape} and weight {weight.shape}: a weight (out, in) needs a bias (out,)")


@linear.fused
def linear(x, weight, bias=None):
    """One product for all leading axes together; the bias is added in place, its gradient a product with ones."""
    rows = matrix(x)                                                                # (N, in)
    y = product(rows, weight.T)                                                     # (N, out)
    if bias is not None:
        y += bias

    def vjp(g):
        g_rows = matrix(g)                                                          # (N, out)
        gx = product(g_rows, weight).reshape(x.shape)
        return gx, product(g_rows.T, rows), None if bias is None else ones(len(g_rows), g) @ g_rows

    return y.reshape(*x.shape[:-1], weight.shape[0]), vjp
