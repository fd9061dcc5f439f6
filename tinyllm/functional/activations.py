"""The bends between linear maps: without them, two layers are one matrix."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .erf import erf, half_erfc
from .formula import formula
from .fusing import scratch, tiles

SQRT_HALF = math.sqrt(0.5)
SQRT_2_OVER_PI = math.sqrt(2.0 / math.pi)
CUBIC = 0.044715
INVERSE_SQRT_2_PI = 1.0 / math.sqrt(2.0 * math.pi)


@formula
def relu(x: Any) -> Any:
    """max(0, x). x of any shape → the same shape.

    Gradient: 1 where x > 0, else 0; at 0 itself, where there is no derivative, 0.
    Source: Nair & Hinton 2010; formula F7.
    """
    return np.where(x <= 0, 0.0, x)                     # not `x > 0`: a NaN stays a NaN


@relu.fused
def relu(x):
    """`where` costs ten times `maximum`."""
    y = np.maximum(x, 0.0)
    return y, lambda g: (g * (y > 0),)


@formula
def sigmoid(x: Any) -> Any:
    """σ(x) = 1 / (1 + exp(−x)). x of any shape → the same shape.

    Gradient: with y = σ(x), dy/dx = exp(−x) / (1 + exp(−x))² = y (1 − y).

    Written as exp(−log(1 + exp(−x))), with the logarithm of a sum that NumPy knows not to overflow.
    Source: any book on logistic regression.
    """
    return np.exp(-np.logaddexp(0.0, -x))


@sigmoid.fused
def sigmoid(x):
    y = _sigmoid(x, out=np.empty_like(x))
    return y, lambda g: (g * y * (1.0 - y),)


def _sigmoid(x, out):
    """1 / (1 + exp(−x)); where exp overflows, 1/∞ is 0, as it should."""
    np.negative(x, out=out)
    with np.errstate(over="ignore"):
        np.exp(out, out=out)
    out += 1.0
    return np.divide(1.0, out, out=out)


@formula
def silu(x: Any) -> Any:
    """x σ(x), also called swish. x of any shape → the same shape.

    Gradient: σ + x σ (1 − σ) = σ + y (1 − σ) with y = x σ.
    Source: Elfwing et al. 2017, eq. 1; the gate of SwiGLU; formula F7.
    """
    return x * sigmoid(x)


@silu.fused
def silu(x):
    return _with_slope(_silu, x)


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


@gelu.fused
def gelu(x, approximate="none"):
    """The derivative is computed along with the value, out of the same exp or tanh, and is all that is kept."""
    return _with_slope(_tanh_gelu if approximate == "tanh" else _exact_gelu, x)


def _with_slope(along, x):
    """(value, vjp) of an elementwise function, tile by tile: along(x, y, slope, work) fills y and dy/dx."""
    flat = x.reshape(-1)
    y, slope = np.empty_like(flat), np.empty_like(flat)
    work = scratch(flat)
    for tile in tiles(flat):
        along(flat[tile], y[tile], slope[tile], work[: tile.stop - tile.start])
    slope = slope.reshape(x.shape)
    return y.reshape(x.shape), lambda g: (g * slope,)


def _tanh_gelu(x, y, slope, work):
    """With h = ½ (1 + tanh u) and u' = √(2/π) (1 + 3 · 0.044715 x²): y = x h, and since h' = 2 h (1 − h) u',

    dy/dx = h + x h' = h + 2 y (1 − h) u'.
    """
    square = x * x
    h = np.multiply(square, SQRT_2_OVER_PI * CUBIC, out=work)
    h += SQRT_2_OVER_PI
    h *= x
    np.tanh(h, out=h)
    h *= 0.5
    h += 0.5
    np.multiply(x, h, out=y)
    np.subtract(1.0, h, out=slope)
    slope *= y
    square *= 6.0 * SQRT_2_OVER_PI * CUBIC
    square += 2.0 * SQRT_2_OVER_PI
    slope *= square
    slope += h


def _exact_gelu(x, y, slope, work):
    """With the tail t = Φ(−|x|): Φ(x) is t for x < 0 and 1 − t for x > 0. In float32 it keeps its size far out on the left
    (within 2 thousandths at −5, a hundredth at −8); float64 takes it from 1 − erf, of which nothing is left at −9."""
    bell = np.multiply(x, x, out=work)
    bell *= -0.5
    np.exp(bell, out=bell)
    t = half_erfc(np.abs(x) * SQRT_HALF, bell)
    phi = 1.0 - 2.0 * t
    phi *= x > 0
    phi += t
    np.multiply(x, phi, out=y)
    np.multiply(bell, x, out=slope)
    slope *= INVERSE_SQRT_2_PI
    slope += phi


def _silu(x, y, slope, work):
    s = _sigmoid(x, out=work)
    np.multiply(x, s, out=y)
    np.subtract(1.0, s, out=slope)
    slope *= y
    slope += s
