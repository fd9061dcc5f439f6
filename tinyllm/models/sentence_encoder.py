"""Sentence embeddings: texts as points, near each other where they mean the same."""

from __future__ import annotations

from typing import Any

import numpy as np

from .config import check_type
from .head import TrunkHead
from .pooling import check_pooling
from .trunk import Trunk

SMALLEST = 1e-12                                        # no shorter length is divided by


class SentenceEncoder(TrunkHead):
    """e = pool(trunk.hidden(ids)), of length 1 if `normalize`: integer ids (B, T) → (B, C).

        encoder = SentenceEncoder(Bert.from_pretrained(folder))
        similarity = encoder(ids) @ encoder(other_ids).T                            # (B, B'): cosines

    It has no weights of its own: what makes similar texts neighbours is how the trunk was trained.

    Raises ValueError for an unknown pooling, and a text without a real token. Source: Reimers and Gurevych 2019, §3.
    """

    model_type = "sentence_encoder"

    def __init__(self, trunk: Trunk, pooling: str = "mean", normalize: bool = True) -> None:
        super().__init__(trunk)
        check_pooling(pooling)
        check_type("normalize", "bool", normalize)
        self.pooling, self.normalize = pooling, normalize

    def forward(self, ids: Any, attention_mask: Any = None, segment_ids: Any = None) -> Any:
        e = self.pooled(self.pooling, ids, attention_mask, segment_ids)             # (B, C)
        if not self.normalize:
            return e
        squares = np.sum(e * e, axis=-1, keepdims=True)                             # (B, 1)
        return e / np.sqrt(np.maximum(squares, SMALLEST**2))                        # the root has no slope at 0

    def arguments(self) -> dict[str, Any]:
        return {"pooling": self.pooling, "normalize": self.normalize}

    def extra_repr(self) -> str:
        return f"pooling={self.pooling!r}, normalize={self.normalize}"
