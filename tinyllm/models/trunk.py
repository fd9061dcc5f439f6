"""The trunk that GPT and Bert share: token ids in, a vector for every token out."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any, ClassVar, Self

import numpy as np

from .. import backend
from ..nn import (
    Dropout,
    Embedding,
    KVCache,
    LearnedPositions,
    Linear,
    Module,
    ModuleList,
    RotaryPositions,
    SinusoidalPositions,
    TransformerLayer,
    init,
)
from ..nn.normalization import make_norm
from ..nn.positions import Where
from .config import ModelConfig
from .inputs import checked_ids, checked_mask
from .pretrained import Pretrained


class Trunk(Pretrained):
    """embedding + positions → Transformer layers → norm. A subclass adds its head, and says if the layers are causal."""

    causal: ClassVar[bool]
    config_class: ClassVar[type[ModelConfig]]
    config: ModelConfig

    def __init__(self, config: ModelConfig) -> None:
        self.config = c = config
        self.embedding = Embedding(c.vocab_size, c.d_model)
        added = {"learned": LearnedPositions, "sinusoidal": SinusoidalPositions}.get(c.positions)
        self.positions = added(c.context, c.d_model) if added else None
        rotary = RotaryPositions(c.d_model // c.n_heads, c.context) if c.positions == "rotary" else None
        # The last sum of post-norm layers is normalised in the layer; theirs is the first input that is not.
        self.embedding_norm = make_norm(c.norm, c.d_model, c.bias) if not c.norm_first else None
        self.dropout = Dropout(c.dropout)
        self.layers = ModuleList(
            TransformerLayer(
                c.d_model, c.n_heads, c.d_hidden, n_kv_heads=c.n_kv_heads, activation=c.activation, norm=c.norm,
                norm_first=c.norm_first, causal=self.causal, bias=c.bias, dropout=c.dropout, rotary=rotary,
            )
            for _ in range(c.n_layers)
        )
        self.norm = make_norm(c.norm, c.d_model, c.bias) if c.norm_first else None

    def initialize(self) -> None:
        """Start from `start`, but what ends a residual branch √(2 n_layers) smaller.

        The residual sum adds 2 n_layers branches of independent sign: scaled so, its variance does not grow with depth.
        Radford et al. 2019, §2.3.
        """
        start(self)
        for layer in self.layers:
            for last in (layer.attention.o_proj, layer.feed_forward.down):
                init.normal_(last.weight, 0.02 / math.sqrt(2 * self.config.n_layers))

    def hidden(self, ids: Any, attention_mask: Any = None, cache: KVCache | None = None) -> Any:
        """The vectors of all tokens, after the last norm: integer ids (B, T) → (B, T, C).

        `attention_mask` (B, T), 1 or True = a real token: padding is seen by nobody and moves no position, on either side. With
        a `cache` (of `make_cache`), ids are the next T tokens and the mask covers the cached ones too, (B, past + T).

        Raises TypeError for ids that are not integers, IndexError for ids outside the vocabulary, ValueError for shapes that
        do not fit and sequences longer than the context.
        """
        ids = checked_ids(ids)
        if cache is not None and not self.causal:
            raise ValueError("a cache needs causal layers: here earlier tokens see later ones, so their vectors change")
        past = cache.length if cache is not None else 0
        end = past + ids.shape[1]
        if end > self.config.context:
            room = self.config.context
            raise ValueError(f"{end} tokens do not fit into a context of {room}: shorten the input, or crop the cache")
        mask = checked_mask(attention_mask, (ids.shape[0], end))
        where: Where = slice(past, end)
        if mask is not None:
            where = _positions(mask, past)
            mask = backend.to_device(mask[:, None, None, :], self.embedding.weight.device)      # (B, 1, 1, past + T)
        x = self.embedding(ids)                                                     # (B, T, C)
        if self.positions is not None:
            x = x + self.positions(where)
        if self.embedding_norm is not None:
            x = self.embedding_norm(x)
        x = self.dropout(x)
        for i, layer in enumerate(self.layers):
            x = layer(x, mask, cache=cache[i] if cache is not None else None, where=where)
        return x if self.norm is None else self.norm(x)

    def config_dict(self) -> dict[str, Any]:
        return asdict(self.config)

    @classmethod
    def from_config_dict(cls, values: dict[str, Any]) -> Self:
        return cls(cls.config_class.from_dict(values))

    def extra_repr(self) -> str:
        c = self.config
        return f"vocab_size={c.vocab_size}, context={c.context}, positions={c.positions!r}"


def start(module: Module) -> None:
    """Matrices from N(0, 0.02²), biases 0, here and in all modules below. Devlin et al. 2019, §A.2."""
    for part in module.modules():
        if isinstance(part, Linear | Embedding):
            init.normal_(part.weight)
        if isinstance(part, Linear) and part.bias is not None:
            init.zeros_(part.bias)


def _positions(mask: np.ndarray, past: int) -> Where:
    """Each token's position: how many real ones stand before it. A slice where padding stands at the end only."""
    count = np.maximum(np.cumsum(mask, axis=1) - 1, 0)                              # (B, past + T)
    if (count == np.arange(mask.shape[1]))[mask].all():
        return slice(past, mask.shape[1])
    return count[:, past:]
