"""Norms: bring every token's vector to one scale, so that depth does not blow signals up or let them fade."""

from __future__ import annotations

from typing import Any

import numpy as np

from .formula import formula


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


def check_width(name: str, x: Any, **vectors: Any) -> None:
    """Raise ValueError unless each vector (None passes) is as wide as x's last axis."""
    for what, vector in vectors.items():
        if vector is not None and (x.ndim == 0 or vector.shape != x.shape[-1:]):
            raise ValueError(f"{name}: {what} has shape {vector.shape}, x {x.shape}: {what} must be as wide as x's last axis")
