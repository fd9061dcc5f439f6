"""Classifiers on a trunk: one label for the whole text, or one for each token (formula F14)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..nn import Linear
from .head import TrunkHead, checked_labels
from .pooling import check_pooling
from .stack import start
from .trunk import Trunk


class SequenceClassifier(TrunkHead):
    """logits = dropout(pool(trunk.hidden(ids))) Wᵀ + b: integer ids (B, T) → (B, n_labels).

        classifier = SequenceClassifier(Bert.from_pretrained("runs/masked/best"), n_labels=10)

    The trunk is trained along. `labels`, the names, are saved with the model.

    Raises ValueError for an unknown pooling, fewer than 2 labels, names of another number, and a text without a real token.
    Source: Devlin et al. 2019, §4.1; Radford et al. 2018, §3.2.
    """

    model_type = "classifier"

    def __init__(
        self, trunk: Trunk, n_labels: int, pooling: str = "mean", dropout: float = 0.0, labels: Sequence[str] | None = None
    ) -> None:
        super().__init__(trunk, dropout)
        check_pooling(pooling)
        self.pooling, self.labels = pooling, checked_labels(n_labels, labels)
        self.head = Linear(trunk.config.d_model, n_labels)
        start(self.head)

    def forward(self, ids: Any, attention_mask: Any = None, segment_ids: Any = None) -> Any:
        return self.head(self.dropout(self.pooled(self.pooling, ids, attention_mask, segment_ids)))

    def arguments(self) -> dict[str, Any]:
        return {
            "n_labels": self.head.weight.shape[0], "pooling": self.pooling, **super().arguments(),
            "labels": None if self.labels is None else list(self.labels),
        }

    def extra_repr(self) -> str:
        return f"pooling={self.pooling!r}"


class TokenClassifier(TrunkHead):
    """logits = dropout(trunk.hidden(ids)) Wᵀ + b: integer ids (B, T) → (B, T, n_labels).

        tagger = TokenClassifier(trunk, 9, labels=["O", "B-PER", "I-PER", …])

    Each token's vector knows its neighbours, under a causal trunk those before it, so that a linear map can name it. Padding
    gets logits too: leave them out. `labels`, the names, are saved with the model.

    Raises ValueError for fewer than 2 labels and names of another number. Source: Devlin et al. 2019, §5.3.
    """

    model_type = "token_classifier"

    def __init__(self, trunk: Trunk, n_labels: int, dropout: float = 0.0, labels: Sequence[str] | None = None) -> None:
        super().__init__(trunk, dropout)
        self.labels = checked_labels(n_labels, labels)
        self.head = Linear(trunk.config.d_model, n_labels)
        start(self.head)

    def forward(self, ids: Any, attention_mask: Any = None, segment_ids: Any = None) -> Any:
        return self.head(self.dropout(self.vectors(ids, attention_mask, segment_ids)))

    def arguments(self) -> dict[str, Any]:
        labels = None if self.labels is None else list(self.labels)
        return {"n_labels": self.head.weight.shape[0], **super().arguments(), "labels": labels}
