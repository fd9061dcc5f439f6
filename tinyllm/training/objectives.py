"""What is to be learned: three losses, what each counts, and how well a model does by them.

An objective has
    loss(model, batch)      the mean loss over the batch's targets, a Tensor
    count(batch)            how many targets that mean is over, so that means of parts combine to the mean of the whole
    measure(model, batch)   sums over the batch that add up over batches
    metrics(sums)           numbers to report, from such sums
    watch, higher           the metric that says which checkpoint is best, and whether higher is better
"""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np

from .. import backend
from ..autograd import Tensor
from ..data.batching import IGNORED, Batch
from ..functional import cross_entropy, embedding

Sums = dict[str, Any]


class Objective(Protocol):
    """What `train` and `evaluate` ask of an objective."""

    watch: str
    higher: bool

    def loss(self, model: Any, batch: Batch) -> Tensor: ...

    def count(self, batch: Batch) -> int: ...

    def measure(self, model: Any, batch: Batch) -> Sums: ...

    def metrics(self, sums: Sums) -> dict[str, float]: ...


class Causal:
    """Predict the next token: L = −(1/N) Σ_t log p(x_t | x_<t). Formula F10.

    Reports loss (nats a token), perplexity exp(L), and, where characters_per_token is known, bits per character
    L / (ln 2 · characters per token), which compares models with different tokenizers.
    """

    watch, higher = "loss", False

    def __init__(self, characters_per_token: float | None = None) -> None:
        self.characters_per_token = characters_per_token

    def loss(self, model: Any, batch: Batch) -> Tensor:
        return cross_entropy(model(batch["ids"]), batch["targets"])

    def count(self, batch: Batch) -> int:
        return int(np.count_nonzero(batch["targets"] != IGNORED))

    def measure(self, model: Any, batch: Batch) -> Sums:
        n = self.count(batch)
        return {"loss": self.loss(model, batch).item() * n, "targets": n}

    def metrics(self, sums: Sums) -> dict[str, float]:
        loss = sums["loss"] / sums["targets"]
        metrics = {"loss": loss, "perplexity": _exp(loss)}
        if self.characters_per_token is not None:
            metrics["bits_per_character"] = loss / math.log(2) / self.characters_per_token
        return metrics


class Masked:
    """Fill in what was hidden: cross-entropy at the hidden places alone. Formula F12; Devlin et al. 2019, §3.1.

    Scores over the vocabulary are computed at those places only, so the model shows its parts: `hidden(ids, attention_mask)`
    and `head`, as Bert does. Reports loss (nats a hidden token), perplexity and the share of hidden tokens guessed right.
    """

    watch, higher = "loss", False

    def loss(self, model: Any, batch: Batch) -> Tensor:
        return cross_entropy(*self._guesses(model, batch))

    def count(self, batch: Batch) -> int:
        return int(np.count_nonzero(batch["targets"] != IGNORED))

    def measure(self, model: Any, batch: Batch) -> Sums:
        logits, targets = self._guesses(model, batch)
        n = len(targets)
        right = np.count_nonzero(_guess(logits) == targets)
        return {"loss": cross_entropy(logits, targets).item() * n, "targets": n, "right": right}

    def metrics(self, sums: Sums) -> dict[str, float]:
        loss = sums["loss"] / sums["targets"]
        return {"loss": loss, "perplexity": _exp(loss), "accuracy": sums["right"] / sums["targets"]}

    def _guesses(self, model: Any, batch: Batch) -> tuple[Tensor, np.ndarray]:
        """Logits (N, V) and targets (N,) of the N hidden places."""
        counted = batch["targets"] != IGNORED                                       # (B, T)
        h = model.hidden(batch["ids"], batch.get("attention_mask"))                 # (B, T, C)
        rows = embedding(np.flatnonzero(counted), np.reshape(h, (-1, h.shape[-1])))     # (N, C): picking rows is looking up
        return model.head(rows), batch["targets"][counted]


class Classification:
    """A label for each text: cross-entropy of the classes. Formula F14.

    Reports loss, accuracy and macro F1, the mean over the classes of F1 = 2 TP / (2 TP + FP + FN), to which a rare
    class counts as much as a common one. `measure` also gives the confusion matrix (K, K): row = the label, column =
    the guess.
    """

    watch, higher = "accuracy", True

    def loss(self, model: Any, batch: Batch) -> Tensor:
        return cross_entropy(model(batch["ids"], attention_mask=batch["attention_mask"]), batch["labels"])

    def count(self, batch: Batch) -> int:
        return len(batch["labels"])

    def measure(self, model: Any, batch: Batch) -> Sums:
        logits, labels = model(batch["ids"], attention_mask=batch["attention_mask"]), batch["labels"]
        loss, K = cross_entropy(logits, labels).item() * len(labels), logits.shape[-1]
        pairs = np.bincount(labels * K + _guess(logits), minlength=K * K)
        return {"loss": loss, "targets": len(labels), "confusion": pairs.reshape(K, K)}

    def metrics(self, sums: Sums) -> dict[str, float]:
        confusion = sums["confusion"]
        return {
            "loss": sums["loss"] / sums["targets"],
            "accuracy": float(np.trace(confusion) / sums["targets"]),
            "macro_f1": macro_f1(confusion),
        }


def macro_f1(confusion: np.ndarray) -> float:
    """Mean F1 of the classes that occur, as a label or as a guess; confusion (K, K), rows are labels."""
    hits = np.diag(confusion)
    all_of = confusion.sum(axis=0) + confusion.sum(axis=1)          # 2 TP + FP + FN
    there = all_of > 0
    return float(np.mean(2 * hits[there] / all_of[there])) if there.any() else 0.0


def _guess(logits: Any) -> np.ndarray:
    return backend.to_numpy(logits.data).argmax(axis=-1)


def _exp(loss: float) -> float:
    return math.exp(loss) if loss < 700 else math.inf
