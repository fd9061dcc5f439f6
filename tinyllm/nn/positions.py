"""Positions: what tells attention the order of tokens (formula F6).

`where` says which positions: a slice, or an integer array for sequences whose tokens don't stand at equal places, as with
padding on the left. The first two are added to the token embeddings; the third turns queries and keys, in every layer. The last
two know distances alone and are added to the scores of attention: padding moves no distance.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import backend
from .. import functional as F
from . import init
from .linear import blank
from .module import Module

Where = slice | np.ndarray


class SinusoidalPositions(Module):
    """Waves of many lengths (`functional.sinusoidal_table`), a constant: slice → (T, d_model), ids (B, T) → (B, T, d_model)."""

    def __init__(self, context: int, d_model: int) -> None:
        self.table = F.sinusoidal_table(context, d_model)

    def forward(self, where: Where) -> Any:
        return self.table[_there(where, self.table)]

    def _move_buffers(self, device: str | None, dtype: Any) -> None:
        if dtype is not None:                         # from the formula: casting float32 up would keep its rounding
            context, d_model = self.table.shape
            self.table = F.sinusoidal_table(context, d_model, dtype=dtype)
        super()._move_buffers(device, dtype)

    def extra_repr(self) -> str:
        return "{}, {}".format(*self.table.shape)


class LearnedPositions(Module):
    """A vector of its own for every position, learned like a token's: slice → (T, d_model), ids (B, T) → (B, T, d_model)."""

    def __init__(self, context: int, d_model: int) -> None:
        self.weight = init.normal_(blank(context, d_model), std=0.02)

    def forward(self, where: Where) -> Any:
        if isinstance(where, slice):
            return self.weight[where]
        return F.embedding(_there(where, self.weight.data), self.weight)

    def extra_repr(self) -> str:
        return "{}, {}".format(*self.weight.shape)


class RotaryPositions(Module):
    """Turns each pair of features by an angle that grows with the position (`functional.rotary`): (B, H, T, D) → the same."""

    def __init__(self, head_dim: int, context: int, base: float = 10000.0) -> None:
        self.base = base
        self.cos, self.sin = F.rotary_table(context, head_dim, base)                # (context, D/2)

    def forward(self, x: Any, where: Where) -> Any:
        where = _there(where, self.cos)
        cos, sin = self.cos[where], self.sin[where]
        if cos.ndim == 3:                             # (B, T, D/2): all heads of a sequence turn alike
            cos, sin = cos[:, None], sin[:, None]
        return F.rotary(x, cos, sin)

    def _move_buffers(self, device: str | None, dtype: Any) -> None:
        if dtype is not None:
            context, half = self.cos.shape
            self.cos, self.sin = F.rotary_table(context, 2 * half, self.base, dtype)
        super()._move_buffers(device, dtype)

    def extra_repr(self) -> str:
        context, half = self.cos.shape
        return f"{2 * half}, {context}, base={self.base:g}"


class RelativePositions(Module):
    """A learned number for every distance and head (`functional.relative_buckets`): Tq, Tk → (1, H, Tq, Tk), a bias of scores.

    The queries are the last Tq of the Tk positions, as with a cache. Raffel et al. 2020, §2.1.
    """

    def __init__(self, n_heads: int, n_buckets: int = 32, max_distance: int = 128, causal: bool = False) -> None:
        F.relative_buckets(0, n_buckets, max_distance, causal)                      # raises for numbers that do not fit
        self.max_distance, self.causal = max_distance, causal
        self.weight = init.normal_(blank(n_buckets, n_heads), std=0.02)

    def forward(self, n_queries: int, n_keys: int) -> Any:
        buckets = F.relative_buckets(_distances(n_queries, n_keys), len(self.weight.data), self.max_distance, self.causal)
        bias = F.embedding(_there(buckets, self.weight.data), self.weight)          # (Tq, Tk, H)
        return np.moveaxis(bias, -1, 0)[None]

    def extra_repr(self) -> str:
        n_buckets, n_heads = self.weight.shape
        return f"{n_heads}, {n_buckets}, max_distance={self.max_distance}"


class AlibiPositions(Module):
    """−m_h |i − j| with a fixed slope for every head (`functional.alibi_slopes`): Tq, Tk → (1, H, Tq, Tk), a bias of scores.

    Nothing is learned and no length is built in: a model may be used on longer texts than it has seen. Press et al. 2022, §3.
    """

    def __init__(self, n_heads: int) -> None:
        self.slopes = F.alibi_slopes(n_heads).astype(backend.DTYPE)

    def forward(self, n_queries: int, n_keys: int) -> Any:
        distances = np.abs(_distances(n_queries, n_keys)).astype(self.slopes.dtype)
        return -self.slopes[:, None, None] * _there(distances, self.slopes)[None, None]

    def _move_buffers(self, device: str | None, dtype: Any) -> None:
        if dtype is not None:
            self.slopes = F.alibi_slopes(len(self.slopes)).astype(dtype)
        super()._move_buffers(device, dtype)

    def extra_repr(self) -> str:
        return f"{len(self.slopes)}"


def _distances(n_queries: int, n_keys: int) -> np.ndarray:
    """Key − query: (Tq, Tk), the queries being the last of the positions."""
    return np.arange(n_keys) - np.arange(n_keys - n_queries, n_keys)[:, None]


def _there(where: Where, table: Any) -> Any:
    """Indices where the table is. CuPy takes host indices silently; ours to move."""
    return where if isinstance(where, slice) else backend.to_device(where, backend.device_of(table))
