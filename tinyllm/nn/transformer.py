"""The Transformer layer: attention between tokens, then a feed-forward network for each (formulas F4, F5 and F16)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..backend import Array
from .attention import MultiHeadAttention
from .cache import LayerCache
from .dropout import Dropout
from .feedforward import FeedForward
from .module import Module
from .normalization import make_norm
from .positions import RotaryPositions, Where


class TransformerLayer(Module):
    """Two sublayers f, each in a residual sum; three with `cross`. x (B, T, C) → (B, T, C).

        norm_first:     x ← x + f(norm(x))        the sum runs through the whole model untouched, so gradients reach every depth
        otherwise:      x ← norm(x + f(x))        the original; needs warm-up, more so with depth

    An encoder's layer sees everything, a decoder's (`causal`) what came before; `cross` adds attention over `source` (B, S, C),
    which an encoder made. `mask` and `source_mask` are boolean, True = may look, and broadcast to (B, H, T, T) and (B, H, T,
    S). `score_bias` belongs to the self-attention. Dropout falls on each sublayer's output, on attention weights and inside the
    feed-forward network.

    Raises ValueError when source is missing from a layer with `cross`, or given to one without.
    Source: Vaswani et al. 2017, §3.1 and §5.4; norm first: Radford et al. 2019, §2.3, Xiong et al. 2020.
    """

    def __init__(
        self, d_model: int, n_heads: int, d_hidden: int | None = None, *, n_kv_heads: int | None = None,
        activation: str = "gelu", norm: str = "layer", norm_first: bool = True, causal: bool = False, cross: bool = False,
        bias: bool = True, dropout: float = 0.0, rotary: RotaryPositions | None = None, head_dim: int | None = None,
        scale: float | None = None, norm_eps: float | None = None,
    ) -> None:
        self.norm_first, self.causal = norm_first, causal
        heads = (d_model, n_heads, n_kv_heads, bias, dropout)
        self.attention = MultiHeadAttention(*heads, rotary, head_dim, scale)
        self.attention_norm = make_norm(norm, d_model, bias, norm_eps)
        self.cross_attention = MultiHeadAttention(*heads, None, head_dim, scale) if cross else None
        self.cross_norm = make_norm(norm, d_model, bias, norm_eps) if cross else None
        self.feed_forward = FeedForward(d_model, d_hidden, activation, bias, dropout)
        self.feed_forward_norm = make_norm(norm, d_model, bias, norm_eps)
        self.dropout = Dropout(dropout)

    def forward(
        self, x: Any, mask: Array | None = None, source: Any = None, source_mask: Array | None = None,
        cache: LayerCache | None = None, where: Where | None = None, score_bias: Any = None,
    ) -> Any:
        cross = self.cross_attention
        if (cross is None) != (source is None):
            raise ValueError("a layer with cross=True needs a source" if cross else "a source needs a layer with cross=True")
        x = self._residual(
            x, self.attention_norm, lambda h: self.attention(h, None, mask, self.causal, cache, where, score_bias)
        )
        if cross is not None:
            x = self._residual(x, self.cross_norm, lambda h: cross(h, source, source_mask, cache=cache))
        return self._residual(x, self.feed_forward_norm, self.feed_forward)

    def _residual(self, x: Any, norm: Any, sublayer: Callable) -> Any:
        if self.norm_first:
            return x + self.dropout(sublayer(norm(x)))
        return norm(x + self.dropout(sublayer(x)))

    def extra_repr(self) -> str:
        flags = ("norm_first" if self.norm_first else "norm after", "causal" if self.causal else "")
        return ", ".join(filter(None, flags))
