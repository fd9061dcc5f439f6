"""Multi-head attention: several attentions side by side, each in a space of its own (formula F3)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import backend
from .. import functional as F
from ..autograd import Tensor
from ..backend import Array
from .cache import LayerCache
from .dropout import Dropout
from .linear import Linear
from .module import Module
from .positions import RotaryPositions, Where


class MultiHeadAttention(Module):
    """concat(head₁ … head_H) W_O with headᵢ = attention(x W_Qᵢ, source W_Kᵢ, source W_Vᵢ): x (B, Tq, C) → (B, Tq, C).

    Each projection makes all heads at once; splitting the width in H pieces gives the heads, each D = C/H wide. `source` is x
    itself (self-attention) or another sequence (B, Tk, C) (cross-attention). Fewer key/value heads than heads save cache: query
    heads share them in groups. `mask` is boolean and broadcasts to (B, H, Tq, Tk), True = may look; `causal` hides later keys.
    `rotary` turns queries and keys by their positions, `where`. With a `cache`, x holds the newest positions and sees all.

    Raises ValueError when d_model does not split into the heads, or a cache is given to cross-attention.
    Source: Vaswani et al. 2017, §3.2.2; grouped heads: Ainslie et al. 2023.
    """

    def __init__(
        self, d_model: int, n_heads: int, n_kv_heads: int | None = None, bias: bool = True, dropout: float = 0.0,
        rotary: RotaryPositions | None = None,
    ) -> None:
        n_kv_heads = n_heads if n_kv_heads is None else n_kv_heads
        check_heads(d_model, n_heads, n_kv_heads)
        self.n_heads, self.n_kv_heads, self.head_dim = n_heads, n_kv_heads, d_model // n_heads
        self.q_proj = Linear(d_model, d_model, bias)
        self.k_proj = Linear(d_model, n_kv_heads * self.head_dim, bias)
        self.v_proj = Linear(d_model, n_kv_heads * self.head_dim, bias)
        self.o_proj = Linear(d_model, d_model, bias)
        self.dropout = Dropout(dropout)
        self.rotary = rotary

    def forward(
        self, x: Any, source: Any = None, mask: Array | None = None, causal: bool = False, cache: LayerCache | None = None,
        where: Where | None = None,
    ) -> Any:
        if source is not None and (cache is not None or self.rotary is not None):
            raise ValueError("a cache and rotary positions belong to self-attention: leave out source")
        source = x if source is None else source
        q = self._heads(self.q_proj(x), self.n_heads)                               # (B, H, Tq, D)
        k = self._heads(self.k_proj(source), self.n_kv_heads)                       # (B, Hkv, Tk, D)
        v = self._heads(self.v_proj(source), self.n_kv_heads)                       # (B, Hkv, Tk, D)
        if self.rotary is not None:
            past = cache.length if cache is not None else 0
            where = slice(past, past + x.shape[1]) if where is None else where
            q, k = self.rotary(q, where), self.rotary(k, where)
        if cache is not None:
            k, v = cache.append(k, v)
        if self.n_kv_heads != self.n_heads:
            group = self.n_heads // self.n_kv_heads
            k, v = np.repeat(k, group, axis=1), np.repeat(v, group, axis=1)         # (B, H, Tk, D)
        y = self.attend(q, k, v, mask, causal)                                      # (B, H, Tq, D)
        return self.o_proj(np.reshape(np.swapaxes(y, 1, 2), x.shape))               # (B, Tq, C)

    def attend(self, q: Any, k: Any, v: Any, mask: Array | None, causal: bool) -> Any:
        """Each head's attention: the fused formula, or, where its weights are dropped at random, its two steps."""
        if self.training and self.dropout.p:
            return self.dropout(F.attention_weights(q, k, mask, causal)) @ v
        return F.attention(q, k, v, mask, causal)

    def _heads(self, x: Any, n: int) -> Any:
        batch, length, _ = x.shape
        return np.swapaxes(np.reshape(x, (batch, length, n, self.head_dim)), 1, 2)  # (B, T, H·D) → (B, H, T, D), a view

    def extra_repr(self) -> str:
        shared = "" if self.n_kv_heads == self.n_heads else f", n_kv_heads={self.n_kv_heads}"
        return f"{self.n_heads * self.head_dim}, {self.n_heads}{shared}"


def check_heads(d_model: int, n_heads: int, n_kv_heads: int) -> None:
    """Raise ValueError unless d_model splits into the heads, and the heads into groups."""
    if n_heads < 1 or d_model % n_heads:
        raise ValueError(f"d_model {d_model} does not split into {n_heads} heads: pick a multiple of {max(n_heads, 1)}")
    if n_kv_heads < 1 or n_heads % n_kv_heads:
        raise ValueError(f"{n_heads} heads do not share {n_kv_heads} key/value heads evenly: pick a divisor of {n_heads}")


@contextlib.contextmanager
def record_attention(model: Module) -> Iterator[dict[str, list[np.ndarray]]]:
    """Inside, every attention of the model notes its weights, for pictures: name → one (B, H, Tq, Tk) for each call.

        with no_grad(), record_attention(model) as maps:
            model(ids)
        maps["layers.0.attention"][0]
    """
    maps: dict[str, list[np.ndarray]] = {}
    layers = {name: module for name, module in model.named_modules() if isinstance(module, MultiHeadAttention)}
    for name, layer in layers.items():
        maps[name] = []
        vars(layer)["attend"] = _noting(layer, maps[name])
    try:
        yield maps
    finally:
        for layer in layers.values():
            del vars(layer)["attend"]


def _noting(layer: MultiHeadAttention, into: list[np.ndarray]) -> Any:
    def attend(q: Any, k: Any, v: Any, mask: Array | None, causal: bool) -> Any:
        q_raw, k_raw = (t.data if isinstance(t, Tensor) else t for t in (q, k))
        into.append(backend.to_numpy(F.attention_weights(q_raw, k_raw, mask, causal)))
        return type(layer).attend(layer, q, k, v, mask, causal)

    return attend
