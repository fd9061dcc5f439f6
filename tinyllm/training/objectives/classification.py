"""A label for each text."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...autograd import Tensor
from ...data.batching import Batch
from ...functional import cross_entropy
from .objective import Sums, guess, there


class Classification:
    """A label for each text: cross-entropy of the classes. Formula F14.

    Reports loss, accuracy and macro F1, the mean over the classes of F1 = 2 TP / (2 TP + FP + FN), to which a rare
    class counts as much as a common one. `measure` also gives the confusion matrix (K, K): row = the label, column =
    the guess.
    """

    watch, higher = "accuracy", True

    def loss(self, model: Any, batch: Batch) -> Tensor:
        return cross_entropy(self._logits(model, batch), *there(model, batch["labels"]))

    def count(self, batch: Batch) -> int:
        return len(batch["labels"])

    def measure(self, model: Any, batch: Batch) -> Sums:
        logits, labels = self._logits(model, batch), batch["labels"]
        loss, K = cross_entropy(logits, *there(model, labels)).item() * len(labels), logits.shape[-1]
        pairs = np.bincount(labels * K + guess(logits), minlength=K * K)
        return {"loss": loss, "targets": len(labels), "confusion": pairs.reshape(K, K)}

    def metrics(self, sums: Sums) -> dict[str, float]:
        confusion = sums["confusion"]
        return {
            "loss": sums["loss"] / sums["targets"],
            "accuracy": float(np.trace(confusion) / sums["targets"]),
            "macro_f1": macro_f1(confusion),
        }

    def _logits(self, model: Any, batch: Batch) -> Tensor:
        ids, mask = there(model, batch["ids"], batch["attention_mask"])
        return model(ids, attention_mask=mask)                                      # (B, K)


def macro_f1(confusion: np.ndarray) -> float:
    """Mean F1 of the classes that occur, as a label or as a guess; confusion (K, K), rows are labels."""
    hits = np.diag(confusion)
    all_of = confusion.sum(axis=0) + confusion.sum(axis=1)          # 2 TP + FP + FN
    there = all_of > 0
    return float(np.mean(2 * hits[there] / all_of[there])) if there.any() else 0.0
