"""Reading an answer off a passage: which token it starts at, and which it ends at."""

from __future__ import annotations

from typing import Any

from ..nn import Linear
from .head import TrunkHead
from .stack import start
from .trunk import Trunk


class SpanReader(TrunkHead):
    """logits = dropout(trunk.hidden(ids)) Wᵀ + b, for a start and for an end: integer ids (B, T) → (B, T, 2).

        starts, ends = np.moveaxis(reader(ids, attention_mask, segment_ids), -1, 0)              # (B, T) each

    The text is a question and a passage, the answer a span of the passage, and log p(start = i) = log softmax over T of
    logits[:, i, 0]. That padding and the question hold no answer is for whoever takes that softmax to see to.

    Source: Devlin et al. 2019, §4.2.
    """

    model_type = "span_reader"

    def __init__(self, trunk: Trunk, dropout: float = 0.0) -> None:
        super().__init__(trunk, dropout)
        self.head = Linear(trunk.config.d_model, 2)
        start(self.head)

    def forward(self, ids: Any, attention_mask: Any = None, segment_ids: Any = None) -> Any:
        return self.head(self.dropout(self.vectors(ids, attention_mask, segment_ids)))
