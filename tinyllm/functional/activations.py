"""The bends between linear maps: without them, two layers are one matrix."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .erf import erf
from .formula import formula

SQRT_HALF = math.sqrt(0.5)
SQRT_2_OVER_PI = math.sqrt(2.0 / math.pi)
CUBIC = 0.044715


@formula
def relu(x: Any) -> Any:
    """max(0, x). x of any shape → the same shape.

    Gradient: 1 where x > 0, else 0; at 0 itself, where there is no derivative, 0.
    Source: Nair & Hinton 2010; formula F7.
    """
    return np.where(x <= 0, 0.0, x)                     # not `x > 0`: a NaN stays a NaN


@formula
def sigmoid(x: Any) -> Any:
    """σ(x) = 1 / (1 + exp(−x)). x of any shape → the same shape.

    Gradient: with y = σ(x), dy/dx = exp(−x) / (1 + exp(−x))² = y (1 − y).

    Written as exp(−log(1 + exp(−x))), with the logarithm of a sum that NumPy knows not to overflow.
    Source: any book on logistic regression.
    """
    return np.exp(-np.logaddexp(0.0, -x))


@formula
def silu(x: Any) -> Any:
    """x σ(x), also called swish. x of any shape → the same shape.

    Gradient: σ + x σ (1 − σ) = σ + y (1 − σ) with y = x σ.
    Source: Elfwing et al. 2017, eq. 1; the gate of SwiGLU; formula F7.
    """
    return x * sigmoid(x)


@formula
def gelu(x: Any, approximate: str = "none") -> Any:
    """x Φ(x) with Φ(x) = ½ (1 + erf(x/√2)), the normal distribution function. x of any shape → the same shape.

    `approximate="tanh"` takes ½ (1 + tanh(√(2/π) (x + 0.044715 x³))) for Φ, as GPT-2 does (within 5e-4 of it).

    Gradient, exact: d(xΦ)/dx = Φ + x φ with the density φ(x) = exp(−x²/2) / √(2π).
    Gradient, tanh: with t = tanh(u) and u' = √(2/π) (1 + 3 · 0.044715 x²), ½ (1 + t) + ½ x (1 − t²) u'.

    A bend that keeps x with the probability that a normal variable lies below it: smooth, and not flat left of zero.

    Raises ValueError for another `approximate`.
    Source: Hendrycks & Gimpel 2016, §2; formula F7.
    """
    if approximate == "tanh":
        return 0.5 * x * (1.0 + np.tanh(SQRT_2_OVER_PI * (x + CUBIC * (x * x * x))))
    return 0.5 * x * (1.0 + erf(x * SQRT_HALF))


@gelu.check
def _check(x, approximate="none"):
    if approximate not in ("none", "tanh"):
        raise ValueError(f"approximate={approximate!r}: choose 'none' for the exact GELU or 'tanh' for GPT-2's")
