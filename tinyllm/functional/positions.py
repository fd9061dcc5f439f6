"""Positions: attention treats its input as a set, so the order of tokens has to be written into them."""

from __future__ import annotations

import math
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


def relative_buckets(distances: Any, n_buckets: int = 32, max_distance: int = 128, causal: bool = False) -> np.ndarray:
    """The bucket of each distance, key − query, of a sequence: integers (...) → (...), from 0 to n_buckets − 1.

    Near distances have a bucket each, far ones share: with n buckets for a side, bucket(d) = d for d < n/2, then
    n/2 + ⌊ln(d / (n/2)) / ln(max_distance / (n/2)) · n/2⌋, at most n − 1. If `causal`, the past is the only side; otherwise
    each side has half of the buckets, the future the upper half.

    Raises ValueError for fewer than 2 buckets a side, or a max_distance inside the exact ones.
    Source: Raffel et al. 2020, §2.1; formula F6.
    """
    n = n_buckets if causal else n_buckets // 2
    exact = n // 2
    if exact < 1 or max_distance <= exact:
        rule = f"take 4 buckets or more, and a max_distance above {exact}"
        raise ValueError(f"{n_buckets} buckets for distances up to {max_distance}: {rule}")
    distances = np.asarray(distances)
    d = np.maximum(-distances, 0) if causal else np.abs(distances)
    # In float32, as T5 was trained: at a bucket's edge the last digit decides.
    far = np.log(np.maximum(d, exact).astype(np.float32) / exact) / math.log(max_distance / exact) * (n - exact)
    bucket = np.where(d < exact, d, np.minimum(exact + far.astype(np.int64), n - 1))
    return bucket if causal else bucket + n * (distances > 0)


def alibi_slopes(n_heads: int) -> np.ndarray:
    """m_h = 2^(−8 h / H) for h = 1 … H: how steeply each head's scores fall with the distance. → (n_heads,) float64.

    If H is no power of two: those of the next smaller power, then every second of twice as many.

    Raises ValueError for no heads. Source: Press et al. 2022, §3; formula F6.
    """
    if n_heads < 1:
        raise ValueError(f"{n_heads} heads have no slopes: take at least 1")
    power = 1 << (n_heads.bit_length() - 1)
    slopes = 2.0 ** (-8.0 * np.arange(1, power + 1) / power)
    between = 2.0 ** (-4.0 * np.arange(1, 2 * (n_heads - power), 2) / power)
    return np.concatenate([slopes, between])


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
