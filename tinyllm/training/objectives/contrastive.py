"""Which two texts belong together."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import backend
from ...autograd import Tensor
from ...data.batching import Batch
from ...functional import contrastive_loss
from .objective import Sums, there


class Contrastive:
    """Of all the other texts in the batch, find the one that belongs to this: `contrastive_loss` of their vectors.

    Every row's partner is every other row's negative, so a batch of B is B choices among B, and the loss of its halves is not
    its loss: `whole`. Larger batches ask harder questions, for nothing; for the same reason loss and accuracy, how often the
    partner is the nearest, compare only between batches of one size. How well texts are found among many is the measure that
    counts, and is taken over all of them at once.

    The model answers vectors (B, C), as `SentenceEncoder` does. Options and source: see `contrastive_loss`.
    """

    watch, higher, whole = "loss", False, True

    def __init__(self, temperature: float = 0.05, symmetric: bool = False) -> None:
        self.temperature, self.symmetric = temperature, symmetric

    def loss(self, model: Any, batch: Batch) -> Tensor:
        return contrastive_loss(*self._vectors(model, batch), self.temperature, self.symmetric)

    def count(self, batch: Batch) -> int:
        return len(batch["ids"])

    def measure(self, model: Any, batch: Batch) -> Sums:
        a, b = self._vectors(model, batch)
        loss = contrastive_loss(a, b, self.temperature, self.symmetric).item()
        nearest = backend.to_numpy(a.data @ b.data.T).argmax(axis=1)
        return {"loss": loss * len(a), "pairs": len(a), "right": int(np.count_nonzero(nearest == np.arange(len(a))))}

    def metrics(self, sums: Sums) -> dict[str, float]:
        return {"loss": sums["loss"] / sums["pairs"], "accuracy": sums["right"] / sums["pairs"]}

    def _vectors(self, model: Any, batch: Batch) -> tuple[Tensor, Tensor]:
        ids, mask, others, other_mask = there(
            model, batch["ids"], batch["attention_mask"], batch["other_ids"], batch["other_mask"]
        )
        return model(ids, attention_mask=mask), model(others, attention_mask=other_mask)
