"""Bert: fill in the masked tokens."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from ..nn import LayerNorm, Linear, Module, Parameter, init
from ..nn.linear import blank
from .config import BertConfig
from .trunk import Trunk


class MaskedHead(Module):
    """norm(gelu(dense(h))) Eᵀ + b: which token stands at a place, by its vector; E is the embedding or an own matrix."""

    def __init__(self, d_model: int, vocab_size: int, tied: Parameter | None) -> None:
        self.dense = Linear(d_model, d_model)
        self.norm = LayerNorm(d_model)
        self.decoder = blank(vocab_size, d_model) if tied is None else tied
        self.bias = init.zeros_(blank(vocab_size))

    def forward(self, h: Any) -> Any:
        return F.linear(self.norm(F.gelu(self.dense(h))), self.decoder, self.bias)  # (B, T, V)


class Bert(Trunk):
    """An encoder: every token sees every other, to the left and to the right. Trained by hiding some and asking for them.

        model = Bert(BertConfig(vocab_size=2048))
        logits = model(ids)                                        # (B, T) → (B, T, vocab_size)

    Arguments and errors as for `hidden`. Devlin et al. 2019, §3; formula F12.
    """

    model_type = "bert"
    config_class = BertConfig
    causal = False

    def __init__(self, config: BertConfig) -> None:
        super().__init__(config)
        self.head = MaskedHead(config.d_model, config.vocab_size, self.embedding.weight if config.tie_embeddings else None)
        self.initialize()
        if not config.tie_embeddings:
            init.normal_(self.head.decoder)

    def forward(self, ids: Any, attention_mask: Any = None) -> Any:
        return self.head(self.hidden(ids, attention_mask))
