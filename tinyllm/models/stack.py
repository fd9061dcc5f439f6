"""A stack of Transformer layers, vectors in, vectors out: an encoder, a decoder, the trunk of GPT or Bert."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from .. import backend
from ..nn import (
    AlibiPositions,
    Dropout,
    Embedding,
    KVCache,
    LearnedPositions,
    Linear,
    Module,
    ModuleList,
    RelativePositions,
    RotaryPositions,
    SinusoidalPositions,
    TransformerLayer,
    init,
)
from ..nn.normalization import make_norm
from ..nn.positions import Where
from .config import UNBOUNDED, ModelConfig
from .inputs import checked_mask

CAUSAL_ALONE = "a cache needs causal layers: here earlier tokens see later ones, so their vectors change"


class Stack(Module):
    """x + positions → layers → norm: x (B, T, C) → (B, T, C).

    `causal` layers see what came before; layers with `cross` look at a source too. What tells them the order of tokens depends
    on the config: vectors added to x (learned, sinusoidal), angles by which queries and keys turn (rotary), or a bias added to
    the scores, the same in all layers (relative, alibi). `n_layers` defaults to the config's, `scale` to 1/√D. `norm_input`
    normalises what enters layers that have their norms at the end, `output_dropout` drops from the result as well.
    """

    def __init__(
        self, config: ModelConfig, causal: bool, cross: bool = False, n_layers: int | None = None, scale: float | None = None,
        norm_input: bool = True, output_dropout: bool = False,
    ) -> None:
        self.config = c = config
        self.causal, self.output_dropout = causal, output_dropout
        added = {"learned": LearnedPositions, "sinusoidal": SinusoidalPositions}.get(c.positions)
        self.positions = added(c.context, c.d_model) if added else None
        rotary = RotaryPositions(c.d_head, c.context, c.rope_base) if c.positions == "rotary" else None
        # The last sum of post-norm layers is normalised in the layer; theirs is the first input that is not.
        norm_input = norm_input and not c.norm_first
        self.embedding_norm = make_norm(c.norm, c.d_model, c.bias, c.norm_eps) if norm_input else None
        self.dropout = Dropout(c.dropout)
        self.score_bias: RelativePositions | AlibiPositions | None = None
        if c.positions == "relative":
            self.score_bias = RelativePositions(c.n_heads, c.relative_buckets, c.relative_distance, causal)
        elif c.positions == "alibi":
            self.score_bias = AlibiPositions(c.n_heads)
        self.layers = ModuleList(
            TransformerLayer(
                c.d_model, c.n_heads, c.d_hidden, n_kv_heads=c.n_kv_heads, activation=c.activation, norm=c.norm,
                norm_first=c.norm_first, causal=causal, cross=cross, bias=c.bias, dropout=c.dropout, rotary=rotary,
                head_dim=c.head_dim, scale=scale, norm_eps=c.norm_eps,
            )
            for _ in range(c.n_layers if n_layers is None else n_layers)
        )
        self.norm = make_norm(c.norm, c.d_model, c.bias, c.norm_eps) if c.norm_first else None

    def run(
        self, x: Any, mask: Any = None, cache: KVCache | None = None, source: Any = None, source_mask: Any = None
    ) -> Any:
        """The vectors after the last norm: x (B, T, C) → (B, T, C), looking at source (B, S, C) where layers have `cross`.

        `mask` (B, T) and `source_mask` (B, S): 1 or True = a real token; padding is seen by nobody and moves no position, on
        either side. With a `cache`, x are the next T tokens and the mask covers the cached ones too, (B, past + T).

        Raises ValueError for shapes that do not fit, sequences longer than the context, and a cache without causal layers.
        """
        if cache is not None and not self.causal:
            raise ValueError(CAUSAL_ALONE)
        batch, length, _ = x.shape
        past = cache.length if cache is not None else 0
        end = past + length
        if end > self.config.context:
            room = self.config.context
            raise ValueError(f"{end} tokens do not fit into a context of {room}: shorten the input, or crop the cache")
        mask = checked_mask(mask, (batch, end))
        where: Where = slice(past, end) if mask is None else _positions(mask, past)
        mask = _for_scores(mask, x)                                                 # (B, 1, 1, past + T)
        if source is not None:
            source_mask = _for_scores(checked_mask(source_mask, source.shape[:2]), x)
        bias = None if self.score_bias is None else self.score_bias(length, end)    # (1, H, T, past + T)
        if self.positions is not None:
            x = x + self.positions(where)
        if self.embedding_norm is not None:
            x = self.embedding_norm(x)
        x = self.dropout(x)
        for i, layer in enumerate(self.layers):
            x = layer(x, mask, source, source_mask, cache[i] if cache is not None else None, where, bias)
        x = x if self.norm is None else self.norm(x)
        return self.dropout(x) if self.output_dropout else x

    def make_cache(self, batch: int = 1) -> KVCache:
        """An empty cache: under `no_grad()` each call with it goes on where the last one ended.

        Raises ValueError without causal layers.
        """
        if not self.causal:
            raise ValueError(CAUSAL_ALONE)
        attention = self.layers[0].attention
        like = attention.q_proj.weight.data
        return KVCache(len(self.layers), batch, attention.n_kv_heads, self.config.context, attention.head_dim, like)

    def set_context(self, context: int) -> None:
        """Take sequences of up to this many tokens from now on, longer ones than in training as well.

        Raises ValueError for positions that have a table as long as the context: learned, sinusoidal and rotary.
        """
        if self.config.positions not in UNBOUNDED:
            raise ValueError(
                f"{self.config.positions} positions have a table for {self.config.context} places, not for {context}: only "
                f"{' and '.join(UNBOUNDED)} ones go on without"
            )
        self.config = replace(self.config, context=context)

    def quieten(self) -> None:
        """Start what ends a residual branch √n smaller, n being their number.

        The residual sum adds n branches of independent sign: scaled so, its variance does not grow with depth.
        Radford et al. 2019, §2.3.
        """
        ends = [last for layer in self.layers for last in (layer.attention.o_proj, layer.feed_forward.down)]
        for last in ends:
            init.normal_(last.weight, 0.02 / math.sqrt(len(ends)))

    def extra_repr(self) -> str:
        return "causal" if self.causal else ""


def start(module: Module) -> None:
    """Matrices from N(0, 0.02²), biases 0, here and in all modules below. Devlin et al. 2019, §A.2."""
    for part in module.modules():
        if isinstance(part, Linear | Embedding):
            init.normal_(part.weight)
        if isinstance(part, Linear) and part.bias is not None:
            init.zeros_(part.bias)


def _for_scores(mask: np.ndarray | None, like: Any) -> Any:
    """A mask of keys (B, T) where the scores are, and of their axes: (B, 1, 1, T)."""
    return None if mask is None else backend.to_device(mask[:, None, None, :], like.device)


def _positions(mask: np.ndarray, past: int) -> Where:
    """Each token's position: how many real ones stand before it. A slice where padding stands at the end only."""
    count = np.maximum(np.cumsum(mask, axis=1) - 1, 0)                              # (B, past + T)
    if (count == np.arange(mask.shape[1]))[mask].all():
        return slice(past, mask.shape[1])
    return count[:, past:]
