"""A tag for each word, and the entities they spell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...autograd import Tensor
from ...data.batching import IGNORED, Batch
from ...functional import cross_entropy
from ...metrics import entities, entity_scores
from .objective import Sums, guess, n_targets, there


class TokenClassification:
    """A tag for each word: cross-entropy at the first piece of each word alone, a mean over words.

    `tags` are the names of the classes ("O", "B-PER", "I-PER", …). Reports loss, the share of words tagged right, and
    precision, recall and F1 of whole entities, which count when type, beginning and end are all right: most words are "O", so
    the accuracy of a tagger that finds nothing looks good and its F1 is 0. Words beyond a window are not counted here.
    Raises ValueError for a tag that is neither "O" nor "B-type" nor "I-type". Tjong Kim Sang and De Meulder 2003, §2.4; pieces
    as in Devlin et al. 2019, §5.3.
    """

    watch, higher = "f1", True

    def __init__(self, tags: Sequence[str]) -> None:
        entities(tags)                          # a tag of another form, before anything is learned
        self.tags = tuple(tags)

    def loss(self, model: Any, batch: Batch) -> Tensor:
        return cross_entropy(self._logits(model, batch), *there(model, batch["targets"]))

    def count(self, batch: Batch) -> int:
        return n_targets(batch)

    def measure(self, model: Any, batch: Batch) -> Sums:
        logits, targets, n = self._logits(model, batch), batch["targets"], self.count(batch)
        guesses, counted = guess(logits), targets != IGNORED                        # (B, T)
        right = int(np.count_nonzero((guesses == targets) & counted))
        gold, guessed = ([self._named(row[at]) for row, at in zip(ids, counted, strict=True)] for ids in (targets, guesses))
        loss = cross_entropy(logits, *there(model, targets)).item() * n
        return {"loss": loss, "targets": n, "right": right, "gold": gold, "guessed": guessed}

    def metrics(self, sums: Sums) -> dict[str, float]:
        scores = entity_scores(sums["gold"], sums["guessed"])
        return {
            "loss": sums["loss"] / sums["targets"], "accuracy": sums["right"] / sums["targets"],
            "precision": scores.precision, "recall": scores.recall, "f1": scores.f1,
        }

    def _named(self, numbers: np.ndarray) -> list[str]:
        return [self.tags[i] for i in numbers]

    def _logits(self, model: Any, batch: Batch) -> Tensor:
        ids, mask = there(model, batch["ids"], batch["attention_mask"])
        return model(ids, attention_mask=mask)                                      # (B, T, L)
