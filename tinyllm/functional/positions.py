"""Positions: attention treats its input as a set, so the order of tokens has to be written into them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd import Tensor
from ..backend import DTYPE
from .checks import check_broadcasts
from .formula import formula


def sinusoidal_table(context: int, d_model: int, base: float = 10000.0, dtype: Any = DTYPE) -> np.ndarray:
    """PE(t, 2i) = sin(t / base^(2i/d)), PE(t, 2i + 1) = cos(t / base^(2i/d)).

    → (context, d_model). Position t + s is a rotation of position t by an angle that depends on s alone, in every pair (2i,
    2i + 1): a linear map can learn to look s tokens back.

    Raises ValueError for an odd d_model.
    Source: Vaswani et al. 2017, §3.5; formula F6.
    """
    angles = _angles(context, d_model, base)                                        # (T, C/2)
    return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(context, d_model).astype(dtype)


def rotary_table(context: int, head_dim: int, base: float = 10000.0, dtype: Any = DTYPE) -> tuple[np.ndarray, np.ndarray]:
    """cos(t θ_i) and sin(t θ_i) with θ_i = base^(−2i/D), for `rotary`. → two arrays (context, head_dim/2).

    Raises ValueError for an odd head_dim.
    Source: Su et al. 2021, §3.2.2; formula F6.
    """
    angles = _angles(context, head_dim, base)                                       # (T, D/2)
    return np.cos(angles).astype(dtype), np.sin(angles).astype(dtype)


def _angles(context, width, base):
    """t · base^(−2i/width), in float64: at t = 100,000 a float32 angle would be off by a hundredth."""
    if width % 2:
        raise ValueError(f"positions turn pairs of features, and a width of {width} is odd: choose an even one")
    return np.arange(context)[:, None] * base ** (-np.arange(0, width, 2) / width)


@formula
def rotary(x: Any, cos: Any, sin: Any) -> Any:
    """Turn the pair (x_i, x_{i+D/2}) by the angle t θ_i: (a, b) → (a cos − b sin, b cos + a sin).

    x (..., T, D), cos and sin (T, D/2) from `rotary_table`, or what broadcasts to (..., T, D/2) → (..., T, D).

    Gradient: a rotation's transpose turns back, so (g_a, g_b) → (g_a cos + g_b sin, g_b cos − g_a sin). cos and sin are
    constants.

    A query at t and a key at s, both turned, have the dot product of the query turned by t − s with the key: attention sees
    distances, not places. Pairs are half a width apart, as in Llama; the paper pairs neighbours, the same up to an order of
    features.

    Raises ValueError for an odd width or tables that do not fit, TypeError for tables that carry a gradient.
    Source: Su et al. 2021, §3.4; formula F6.
    """
    half = x.shape[-1] // 2
    a, b = x[..., :half], x[..., half:]                                             # (..., T, D/2)
    return np.concatenate([a * cos - b * sin, b * cos + a * sin], axis=-1)          # (..., T, D)


@rotary.check
def _check(x, cos, sin):
    if x.ndim < 2 or x.shape[-1] % 2:
        raise ValueError(f"rotary: x has shape {x.shape}: it needs (..., T, D) with an even width D")
    wanted = (*x.shape[:-1], x.shape[-1] // 2)
    for name, table in (("cos", cos), ("sin", sin)):
        if isinstance(table, Tensor) and table.requires_grad:
            raise TypeError(f"rotary: {name} carries a gradient, but the angles are constants: pass {name}.detach()")
        if table.shape[-1:] != wanted[-1:]:
            raise ValueError(f"rotary: {name} has shape {table.shape}, x {x.shape}: its last axis must be {wanted[-1]}")
        check_broadcasts(f"rotary: {name}", table.shape, wanted)


@rotary.fused
def rotary(x, cos, sin):
    return _turned(x, cos, sin), lambda g: (_turned(g, cos, -sin),)


def _turned(x, cos, sin):
    """(b, a) · (−sin, sin) + (a, b) · (cos, cos): over the full width, runs in memory are twice as long and two steps fewer."""
    half = x.shape[-1] // 2
    y = np.empty_like(x)
    y[..., :half], y[..., half:] = x[..., half:], x[..., :half]
    y *= np.concatenate([-sin, sin], axis=-1)
    y += x * np.concatenate([cos, cos], axis=-1)
    return y
