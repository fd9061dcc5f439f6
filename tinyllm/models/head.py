"""What the task heads share: a trunk that is trained along, and a folder that holds both."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import signature
from typing import Any, Self

import numpy as np

from .. import backend
from ..nn import Dropout
from .config import check_type
from .inputs import checked_ids, checked_mask
from .pooling import pool
from .pretrained import Pretrained, class_of
from .trunk import Trunk


class TrunkHead(Pretrained):
    """A small map on the vectors of a trunk: a GPT, a Llama or a Bert, pretrained or new. Both are trained.

    `segment_ids` reach a trunk that tells segments apart; any other reads a pair of texts by its separators alone.
    """

    def __init__(self, trunk: Trunk, dropout: float = 0.0) -> None:
        check_type("dropout", "float", dropout)
        self.trunk = trunk
        self.dropout = Dropout(dropout)

    def vectors(self, ids: Any, attention_mask: Any = None, segment_ids: Any = None) -> Any:
        """One vector a token: (B, T) → (B, T, C)."""
        segments = {"segment_ids": segment_ids} if segment_ids is not None and self.trunk.n_segments else {}
        return self.trunk.hidden(ids, attention_mask, **segments)

    def pooled(self, how: str, ids: Any, attention_mask: Any = None, segment_ids: Any = None) -> Any:
        """One vector a text, made by `pool`: (B, T) → (B, C). Raises ValueError for a text without a real token."""
        ids = checked_ids(ids)
        mask = checked_mask(attention_mask, ids.shape)
        if mask is None:
            mask = np.ones(ids.shape, bool)
        elif not mask.any(axis=1).all():
            empty = int(np.argmin(mask.any(axis=1)))
            raise ValueError(f"text {empty} of the batch has no real token: there is nothing to make a vector of")
        h = self.vectors(ids, mask, segment_ids)                                    # (B, T, C)
        return pool(h, backend.to_device(mask, h.device), how)

    def set_context(self, context: int) -> None:
        """Take texts of up to this many tokens from now on; see `Stack.set_context`."""
        self.trunk.set_context(context)

    def arguments(self) -> dict[str, Any]:
        """What `__init__` was given besides the trunk, as JSON knows it."""
        return {"dropout": self.dropout.p}

    def config_dict(self) -> dict[str, Any]:
        return {**self.arguments(), "trunk": {"model_type": self.trunk.model_type, **self.trunk.config_dict()}}

    @classmethod
    def from_config_dict(cls, values: dict[str, Any]) -> Self:
        wanted = signature(cls).parameters.keys()
        if values.keys() != wanted:
            raise ValueError(f"the config of a {cls.__name__} holds {', '.join(wanted)}, not {', '.join(sorted(values))}")
        if not isinstance(values["trunk"], dict):
            raise ValueError(f"trunk is {values['trunk']!r}: it must be an object with the trunk's fields")
        inner = dict(values["trunk"])
        trunk_class = class_of(inner.pop("model_type", None))
        if not issubclass(trunk_class, Trunk):
            raise ValueError(f"a head stands on a trunk, a GPT or a Bert, not on a {trunk_class.__name__}")
        return cls(**{**values, "trunk": trunk_class.from_config_dict(inner)})


def checked_labels(n_labels: int, labels: Sequence[str] | None) -> tuple[str, ...] | None:
    """The names of the classes. Raises ValueError for fewer than 2, or for names that are not one string for each."""
    check_type("n_labels", "int", n_labels)
    if n_labels < 2:
        raise ValueError(f"{n_labels} label is nothing to choose from: a classifier needs at least 2")
    if labels is None:
        return None
    if isinstance(labels, str) or not all(isinstance(label, str) for label in labels):
        raise ValueError("labels must be a list of names, or null")
    if len(labels) != n_labels:
        raise ValueError(f"{len(labels)} names for {n_labels} labels: give one name for each")
    return tuple(labels)
