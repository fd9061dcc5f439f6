"""Norms: bring every token's vector to one scale, so that depth does not blow signals up or let them fade."""

from __future__ import annotations

from typing import Any

import numpy as np

from .checks import check_width
from .formula import formula
from .fusing import matrix, ones, scratch, tiles


@formula
def layer_norm(x: Any, weight: Any, bias: Any = None, eps: float = 1e-5) -> Any:
    """y = (x − μ) / √(σ² + ε) · weight + bias, with mean μ and variance σ² of the last axis.

    x (..., C), weight (C,), bias (C,) or None → (..., C).

    Gradient. Write h = (x − μ) r with r = 1/√(σ² + ε), and d = g · weight for ∂L/∂h. Moving x by δ moves μ by mean(δ) and
    σ² by 2 mean((x − μ) δ), hence r by −r³ mean((x − μ) δ) = −r² mean(h δ), and h by r (δ − mean(δ) − h mean(h δ)).
    That map is its own transpose:

        ∂L/∂x = r (d − mean(d) − h mean(h d)),    ∂L/∂weight = Σ g h,    ∂L/∂bias = Σ g      (Σ over all tokens)

    The gradient has no part along 1 and none along h: shifting or stretching x changes nothing.

    Raises ValueError when weight or bias do not have the width of x's last axis.
    Source: Ba et al. 2016, eq. 4; formula F8.
    """
    centred = x - np.mean(x, axis=-1, keepdims=True)                                # (..., C)
    variance = np.mean(np.square(centred), axis=-1, keepdims=True)                  # (..., 1)
    y = centred / np.sqrt(variance + eps) * weight                                  # (..., C)
    return y if bias is None else y + bias


@layer_norm.check
def _check(x, weight, bias=None, eps=1e-5):
    check_width("layer_norm", x, weight=weight, bias=bias)


@formula
def rms_norm(x: Any, weight: Any, eps: float = 1e-6) -> Any:
    """y = x / √(mean(x²) + ε) · weight, over the last axis.

    x (..., C), weight (C,) → (..., C).

    Gradient: as for layer norm without the mean. With r = 1/√(mean(x²) + ε), h = x r and d = g · weight,
    ∂L/∂x = r (d − h mean(h d)) and ∂L/∂weight = Σ g h over all tokens.

    Layer norm's centring costs two passes over the data and was found not to matter.

    Raises ValueError when weight does not have the width of x's last axis.
    Source: Zhang & Sennrich 2019, eq. 4; formula F8.
    """
    return x / np.sqrt(np.mean(np.square(x), axis=-1, keepdims=True) + eps) * weight


@rms_norm.check
def _check_rms(x, weight, eps=1e-6):
    check_width("rms_norm", x, weight=weight)


@layer_norm.fused
def layer_norm(x, weight, bias=None, eps=1e-5):
    return _normalized(x, weight, bias, eps, centre=True)


@rms_norm.fused
def rms_norm(x, weight, eps=1e-6):
    y, vjp = _normalized(x, weight, None, eps, centre=False)
    return y, lambda g: vjp(g)[:2]


def _normalized(x, weight, bias, eps, centre):
    """Both norms, tile by tile: h and r are kept.

    Every mean is a product with a vector: mean(d) = g weight / C, and g h, computed once, gives mean(h d) = (g h) weight / C
    as well as the weight's gradient, Σ g h.
    """
    rows = matrix(x)                                                                # (N, C)
    n_rows, width = rows.shape
    h, y = np.empty_like(rows), np.empty_like(rows)
    r = np.empty_like(rows, shape=(n_rows, 1))
    mean = ones(width, rows) * (1.0 / width)                                        # x @ mean is the mean
    work = scratch(rows)
    for tile in tiles(rows):
        part = rows[tile]
        if centre:
            part = np.subtract(part, (part @ mean)[:, None], out=h[tile])
        square = np.multiply(part, part, out=work[: len(part)])
        np.divide(1.0, np.sqrt((square @ mean)[:, None] + eps), out=r[tile])
        np.multiply(part, r[tile], out=h[tile])
        np.multiply(h[tile], weight, out=y[tile])
        if bias is not None:
            y[tile] += bias

    def vjp(g):
        g_rows = matrix(g)                                                          # (N, C)
        gx = np.empty_like(rows)
        g_weight = np.zeros_like(weight)
        w_mean = weight * (1.0 / width)
        work = scratch(rows)
        for tile in tiles(rows):
            part = g_rows[tile]
            gh = np.multiply(part, h[tile], out=work[: len(part)])
            g_weight += ones(len(part), gh) @ gh
            correction = np.multiply(h[tile], (gh @ w_mean)[:, None], out=gh)
            if centre:
                correction += (part @ w_mean)[:, None]
            d = np.multiply(part, weight, out=gx[tile])
            d -= correction
            d *= r[tile]
        return gx.reshape(x.shape), g_weight, None if bias is None else ones(n_rows, g) @ g_rows

    return y.reshape(x.shape), vjp
