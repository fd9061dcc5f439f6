"""The trunk that GPT and Bert share: token ids in, a vector for every token out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..nn import Embedding
from .config import ModelConfig
from .pretrained import Pretrained
from .stack import Stack, start


class Trunk(Stack, Pretrained):
    """embedding → stack of layers. A subclass says if the layers are causal, adds its head, and what else goes into `hidden`.

    `hidden(ids, attention_mask=None, …)` are the vectors of all tokens, after the last norm: integer ids (B, T) → (B, T, C).
    `attention_mask` (B, T), 1 or True = a real token: padding is seen by nobody and moves no position, on either side.

    It raises TypeError for ids that are not integers, IndexError for ids outside the vocabulary, ValueError for shapes that do
    not fit and sequences longer than the context.
    """

    causal: bool
    hidden: Callable[..., Any]

    def __init__(self, config: ModelConfig) -> None:
        self.embedding = Embedding(config.vocab_size, config.d_model)
        super().__init__(config, self.causal)

    @property
    def n_segments(self) -> int:
        """How many kinds of segments it tells apart: none, unless a subclass does."""
        return 0

    def initialize(self) -> None:
        """Start all matrices small, and the ends of residual branches smaller (`Stack.quieten`)."""
        start(self)
        self.quieten()

    def extra_repr(self) -> str:
        c = self.config
        return f"vocab_size={c.vocab_size}, context={c.context}, positions={c.positions!r}"
