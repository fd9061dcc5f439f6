"""Bert: fill in the masked tokens, and say whether the second text follows the first."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import backend
from .. import functional as F
from ..nn import Embedding, Linear, Module, Parameter, init
from ..nn.feedforward import ACTIVATIONS
from ..nn.linear import blank
from ..nn.normalization import make_norm
from .config import BertConfig
from .inputs import checked_ids, checked_mask, checked_segments
from .pooling import pool
from .trunk import Trunk


class MaskedHead(Module):
    """norm(φ(dense(h))) Eᵀ + b, φ the layers' bend: which token stands at a place, by its vector; E is the embedding or an own
    matrix."""

    def __init__(
        self, d_model: int, vocab_size: int, tied: Parameter | None, activation: str = "gelu", eps: float | None = None
    ) -> None:
        self.activation = activation
        self.dense = Linear(d_model, d_model)
        self.norm = make_norm("layer", d_model, eps=eps)
        self.decoder = blank(vocab_size, d_model) if tied is None else tied
        self.bias = init.zeros_(blank(vocab_size))

    def forward(self, h: Any) -> Any:
        return F.linear(self.norm(ACTIVATIONS[self.activation](self.dense(h))), self.decoder, self.bias)  # (B, T, V)


class Bert(Trunk):
    """An encoder: every token sees every other, to the left and to the right. Trained by hiding some and asking for them.

        model = Bert(BertConfig(vocab_size=2048))
        logits = model(ids)                                        # (B, T) → (B, T, vocab_size)

    BERT in full reads two texts, [CLS] a … [SEP] b … [SEP], says which of them each token belongs to by a learned vector
    (`n_segments=2`, `segment_ids`), and judges the pair by the vector at [CLS] (`pooler`, `next_sentence`):

        h = model.hidden(ids, attention_mask, segment_ids)         # (B, T, C)
        model.head(h)                                              # (B, T, vocab_size): which token stands there (F12)
        model.next_sentence(model.pooled(h))                       # (B, 2): 0 = b follows a, 1 = it does not (F13)

    Arguments and errors as for `Trunk`; ValueError for a part that its config leaves out. Devlin et al. 2019, §3.
    """

    model_type = "bert"
    config_class = BertConfig
    config: BertConfig
    causal = False

    def __init__(self, config: BertConfig) -> None:
        super().__init__(config)
        c = config
        self.segments = Embedding(c.n_segments, c.d_model) if c.n_segments else None
        self.pooler = Linear(c.d_model, c.d_model) if c.pooler else None
        tied = self.embedding.weight if c.tie_embeddings else None
        self.head = MaskedHead(c.d_model, c.vocab_size, tied, c.activation, c.norm_eps) if c.masked_head else None
        self.next_head = Linear(c.d_model, 2) if c.next_sentence else None
        self.initialize()
        if self.head is not None and tied is None:
            init.normal_(self.head.decoder)

    @property
    def n_segments(self) -> int:
        return self.config.n_segments

    def hidden(self, ids: Any, attention_mask: Any = None, segment_ids: Any = None) -> Any:
        """The vectors of all tokens, after the last norm: (B, T) → (B, T, C). `segment_ids` (B, T), all 0 by default."""
        ids = checked_ids(ids)
        x = self.embedding(ids)                                                     # (B, T, C)
        if self.segments is not None:
            x = x + self.segments(checked_segments(segment_ids, ids))
        elif segment_ids is not None:
            raise ValueError("this Bert has no segments: leave out segment_ids, or make it with BertConfig(n_segments=2)")
        return self.run(x, attention_mask)

    def forward(self, ids: Any, attention_mask: Any = None, segment_ids: Any = None) -> Any:
        if self.head is None:
            raise ValueError("this Bert has no masked head: ask for hidden(), or make it with BertConfig(masked_head=True)")
        return self.head(self.hidden(ids, attention_mask, segment_ids))

    def pooled(self, h: Any, attention_mask: Any = None) -> Any:
        """tanh(W h_cls + b), where h_cls is the first real token's vector: h (B, T, C) of `hidden` → (B, C)."""
        if self.pooler is None:
            raise ValueError("this Bert has no pooler: make it with BertConfig(pooler=True)")
        mask = checked_mask(attention_mask, h.shape[:2])
        cls = h[:, 0] if mask is None else pool(h, backend.to_device(mask, h.device), "cls")
        return np.tanh(self.pooler(cls))

    def next_sentence(self, pooled: Any) -> Any:
        """Logits for "the second text follows the first" (0) and "it does not" (1): (B, C) of `pooled` → (B, 2)."""
        if self.next_head is None:
            raise ValueError("this Bert judges no pairs: make it with BertConfig(pooler=True, next_sentence=True)")
        return self.next_head(pooled)
