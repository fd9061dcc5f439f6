"""Positions: what tells attention the order of tokens (formula F6).

`where` says which positions: a slice, or an integer array for sequences whose tokens don't stand at equal places, as with
padding on the left. The first two are added to the token embeddings; the third turns queries and keys, in every layer.
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


def _there(where: Where, table: Any) -> Any:
    """Indices where the table is. CuPy takes host indices silently; ours to move."""
    return where if isinstance(where, slice) else backend.to_device(where, backend.device_of(table))
