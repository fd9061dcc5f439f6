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

    Each projection makes all heads at once; splitting the width in H pieces gives the heads, each D wide, C/H unless `head_dim`
    says otherwise. `source` is x itself (self-attention) or another sequence (B, Tk, C) (cross-attention). Fewer key/value
    heads than heads save cache: query heads share them in groups. `mask` is boolean and broadcasts to (B, H, Tq, Tk), True =
    may look; `causal` hides later keys. `rotary` turns queries and keys by their positions, `where`; `score_bias` is added to
    the scores, which `scale` multiplies (None: 1/√D). With a `cache`, x holds the newest positions and sees all; a source's
    keys and values are made once.

    Raises ValueError when d_model does not split into the heads, or cross-attention has rotary positions.
    Source: Vaswani et al. 2017, §3.2.2; grouped heads: Ainslie et al. 2023.
    """

    def __init__(
        self, d_model: int, n_heads: int, n_kv_heads: int | None = None, bias: bool = True, dropout: float = 0.0,
        rotary: RotaryPositions | None = None, head_dim: int | None = None, scale: float | None = None,
    ) -> None:
        n_kv_heads = n_heads if n_kv_heads is None else n_kv_heads
        check_heads(d_model, n_heads, n_kv_heads, head_dim)
        self.n_heads, self.n_kv_heads, self.scale = n_heads, n_kv_heads, scale
        self.head_dim = d_model // n_heads if head_dim is None else head_dim
        self.q_proj = Linear(d_model, n_heads * self.head_dim, bias)
        self.k_proj = Linear(d_model, n_kv_heads * self.head_dim, bias)
        self.v_proj = Linear(d_model, n_kv_heads * self.head_dim, bias)
        self.o_proj = Linear(n_heads * self.head_dim, d_model, bias)
        self.dropout = Dropout(dropout)
        self.rotary = rotary

    def forward(
        self, x: Any, source: Any = None, mask: Array | None = None, causal: bool = False, cache: LayerCache | None = None,
        where: Where | None = None, score_bias: Any = None,
    ) -> Any:
        if source is not None and self.rotary is not None:
            raise ValueError("rotary positions count the places of one sequence: leave out source")
        q = self._heads(self.q_proj(x), self.n_heads)                               # (B, H, Tq, D)
        if source is not None and cache is not None:
            k, v = cache.of_source(lambda: self._keys_and_values(source))
        else:
            k, v = self._keys_and_values(x if source is None else source)           # (B, Hkv, Tk, D)
        if self.rotary is not None:
            past = cache.length if cache is not None else 0
            where = slice(past, past + x.shape[1]) if where is None else where
            q, k = self.rotary(q, where), self.rotary(k, where)
        if source is None and cache is not None:
            k, v = cache.append(k, v)
        if self.n_kv_heads != self.n_heads:
            group = self.n_heads // self.n_kv_heads
            k, v = np.repeat(k, group, axis=1), np.repeat(v, group, axis=1)         # (B, H, Tk, D)
        y = self.attend(q, k, v, mask, causal, score_bias)                          # (B, H, Tq, D)
        return self.o_proj(np.reshape(np.swapaxes(y, 1, 2), (*x.shape[:2], -1)))    # (B, Tq, C)

    def attend(self, q: Any, k: Any, v: Any, mask: Array | None, causal: bool, score_bias: Any) -> Any:
        """Each head's attention: the fused formula, or, where its weights are dropped at random, its two steps."""
        if self.training and self.dropout.p:
            return self.dropout(F.attention_weights(q, k, mask, causal, score_bias, self.scale)) @ v
        return F.attention(q, k, v, mask, causal, score_bias, self.scale)

    def _keys_and_values(self, source: Any) -> tuple[Any, Any]:
        return self._heads(self.k_proj(source), self.n_kv_heads), self._heads(self.v_proj(source), self.n_kv_heads)

    def _heads(self, x: Any, n: int) -> Any:
        if x.ndim != 3:
            raise ValueError(f"attention takes (B, T, C), a batch of texts, not {x.shape}: give a single text as x[None]")
        batch, length, _ = x.shape
        return np.swapaxes(np.reshape(x, (batch, length, n, self.head_dim)), 1, 2)  # (B, T, H·D) → (B, H, T, D), a view

    def extra_repr(self) -> str:
        shared = "" if self.n_kv_heads == self.n_heads else f", n_kv_heads={self.n_kv_heads}"
        d_model, inner = self.o_proj.weight.shape
        wide = "" if inner == d_model else f", head_dim={self.head_dim}"
        return f"{d_model}, {self.n_heads}{shared}{wide}"


def check_heads(d_model: int, n_heads: int, n_kv_heads: int, head_dim: int | None = None) -> None:
    """Raise ValueError unless d_model splits into the heads, where no head_dim says otherwise, and the heads into groups."""
    if n_heads < 1 or (head_dim is None and d_model % n_heads):
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
    def attend(q: Any, k: Any, v: Any, mask: Array | None, causal: bool, score_bias: Any) -> Any:
        raw = [t.data if isinstance(t, Tensor) else t for t in (q, k, score_bias)]
        into.append(backend.to_numpy(F.attention_weights(raw[0], raw[1], mask, causal, raw[2], layer.scale)))
        return type(layer).attend(layer, q, k, v, mask, causal, score_bias)

    return attend
