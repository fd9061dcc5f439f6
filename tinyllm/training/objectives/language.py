"""Language models: predict the next token, or fill in hidden ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...autograd import Tensor
from ...data.batching import IGNORED, Batch
from ...functional import cross_entropy, embedding
from .objective import Sums, guess, n_targets, perplexity, there


class Causal:
    """Predict the next token: L = −(1/N) Σ_t log p(x_t | x_<t). Formula F10.

    Where targets are IGNORED, as in a dialogue all but the replies, nothing is learned. Reports loss (nats a token), perplexity
    exp(L), and, where characters_per_token is known, bits per character L / (ln 2 · characters per token), which compares
    models with different tokenizers.
    """

    watch, higher = "loss", False

    def __init__(self, characters_per_token: float | None = None) -> None:
        self.characters_per_token = characters_per_token

    def loss(self, model: Any, batch: Batch) -> Tensor:
        ids, targets = there(model, batch["ids"], batch["targets"])
        return cross_entropy(model(ids), targets)

    def count(self, batch: Batch) -> int:
        return n_targets(batch)

    def measure(self, model: Any, batch: Batch) -> Sums:
        n = self.count(batch)
        return {"loss": self.loss(model, batch).item() * n, "targets": n}

    def metrics(self, sums: Sums) -> dict[str, float]:
        loss = sums["loss"] / sums["targets"]
        metrics = {"loss": loss, "perplexity": perplexity(loss)}
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
        logits, targets = self._guesses(model, batch)
        return cross_entropy(logits, *there(model, targets))

    def count(self, batch: Batch) -> int:
        return n_targets(batch)

    def measure(self, model: Any, batch: Batch) -> Sums:
        logits, targets = self._guesses(model, batch)
        n = len(targets)
        right = int(np.count_nonzero(guess(logits) == targets))
        loss = cross_entropy(logits, *there(model, targets)).item()
        return {"loss": loss * n, "targets": n, "right": right}

    def metrics(self, sums: Sums) -> dict[str, float]:
        loss = sums["loss"] / sums["targets"]
        return {"loss": loss, "perplexity": perplexity(loss), "accuracy": sums["right"] / sums["targets"]}

    def _guesses(self, model: Any, batch: Batch) -> tuple[Tensor, np.ndarray]:
        h = model.hidden(*there(model, batch["ids"], batch.get("attention_mask")))
        return at_targets(model, h, batch["targets"])


def at_targets(model: Any, h: Tensor, targets: np.ndarray) -> tuple[Tensor, np.ndarray]:
    """Logits (N, V) and targets (N,) of the N places that count, from all vectors h (B, T, C) and targets (B, T)."""
    counted = targets != IGNORED                                                    # (B, T)
    places, = there(model, np.flatnonzero(counted))
    rows = embedding(places, np.reshape(h, (-1, h.shape[-1])))                      # (N, C): picking rows is looking up
    return model.head(rows), targets[counted]
