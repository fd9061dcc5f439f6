"""A classifier on either trunk: one vector for the whole text, then a linear map to the labels (formula F14)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from .. import backend
from ..nn import Dropout, Linear
from .config import LARGEST
from .inputs import checked_ids, checked_mask
from .pooling import check_pooling, pool
from .pretrained import Pretrained, class_of
from .stack import start
from .trunk import Trunk


class SequenceClassifier(Pretrained):
    """logits = dropout(pool(trunk.hidden(ids))) Wᵀ + b: integer ids (B, T) → (B, n_labels).

        classifier = SequenceClassifier(Bert.from_pretrained("runs/masked/best"), n_labels=10)

    The trunk is a GPT or a Bert and is trained along. `labels`, the names, are saved with the model.

    Raises ValueError for an unknown pooling, fewer than 2 labels, names of another number, and a text without a real token.
    Source: Devlin et al. 2019, §4.1; Radford et al. 2018, §3.2.
    """

    model_type = "classifier"

    def __init__(
        self, trunk: Trunk, n_labels: int, pooling: str = "mean", dropout: float = 0.0, labels: Sequence[str] | None = None
    ) -> None:
        check_pooling(pooling)
        if n_labels < 2:
            raise ValueError(f"{n_labels} label is nothing to choose from: a classifier needs at least 2")
        if labels is not None and len(labels) != n_labels:
            raise ValueError(f"{len(labels)} names for {n_labels} labels: give one name for each")
        self.trunk, self.pooling = trunk, pooling
        self.labels = None if labels is None else tuple(labels)
        self.dropout = Dropout(dropout)
        self.head = Linear(trunk.config.d_model, n_labels)
        start(self.head)

    def forward(self, ids: Any, attention_mask: Any = None) -> Any:
        ids = checked_ids(ids)
        mask = checked_mask(attention_mask, ids.shape)
        if mask is None:
            mask = np.ones(ids.shape, bool)
        elif not mask.any(axis=1).all():
            empty = int(np.argmin(mask.any(axis=1)))
            raise ValueError(f"text {empty} of the batch has no real token: there is nothing to classify")
        h = self.trunk.hidden(ids, mask)                                            # (B, T, C)
        return self.head(self.dropout(pool(h, backend.to_device(mask, h.device), self.pooling)))

    def config_dict(self) -> dict[str, Any]:
        return {
            "n_labels": self.head.weight.shape[0], "pooling": self.pooling, "dropout": self.dropout.p,
            "labels": None if self.labels is None else list(self.labels),
            "trunk": {"model_type": self.trunk.model_type, **self.trunk.config_dict()},
        }

    @classmethod
    def from_config_dict(cls, values: dict[str, Any]) -> Self:
        try:
            inner = dict(values["trunk"])
            n_labels, pooling, dropout, labels = (values[name] for name in ("n_labels", "pooling", "dropout", "labels"))
        except (KeyError, TypeError, ValueError):
            raise ValueError("a classifier's config needs n_labels, pooling, dropout, labels and trunk") from None
        if not isinstance(n_labels, int) or n_labels > LARGEST or not isinstance(dropout, int | float):
            raise ValueError(f"n_labels {n_labels!r} or dropout {dropout!r} is no sensible number")
        if not (labels is None or (isinstance(labels, list) and all(isinstance(label, str) for label in labels))):
            raise ValueError("labels must be a list of names, or null")
        trunk_class = class_of(inner.pop("model_type", None))
        if not issubclass(trunk_class, Trunk):
            raise ValueError(f"a classifier stands on a GPT or a Bert, not on a {trunk_class.__name__}")
        return cls(trunk_class.from_config_dict(inner), n_labels, pooling, dropout, labels)

    def extra_repr(self) -> str:
        return f"pooling={self.pooling!r}"
