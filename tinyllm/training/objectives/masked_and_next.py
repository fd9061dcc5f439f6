"""BERT's two objectives at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...autograd import Tensor
from ...data.batching import Batch
from ...functional import cross_entropy
from .language import at_targets
from .objective import Sums, guess, n_targets, perplexity, there


class MaskedAndNext:
    """Fill in what was hidden, and say whether the second part follows the first: L = L_masked + L_next. Formulas F12, F13.

        L_masked = −(1/N) Σ_hidden log p(x_t | the rest)        a mean over N hidden tokens
        L_next   = −(1/B) Σ_pairs log p(y | h_cls)              a mean over B pairs; y = 0: it follows, 1: it does not

    One pass through the trunk serves both, with a model whose parts are a Bert's: `hidden(ids, attention_mask, segment_ids)`,
    `head`, `pooled` and `next_sentence`. The two means are over different numbers, so `loss` answers both, (2,), and `count`
    how many each is over.

    Reports the sum as loss, each part, the masked part's perplexity and accuracy, and the accuracy for the pairs. Half of the
    pairs follow, so that one is to be read against 0.5. Devlin et al. 2019, §3.1.
    """

    watch, higher = "loss", False

    def loss(self, model: Any, batch: Batch) -> Tensor:
        (words, targets), pairs = self._guesses(model, batch)
        targets, labels = there(model, targets, batch["labels"])
        terms: Any = np.stack([cross_entropy(words, targets), cross_entropy(pairs, labels)])
        return terms

    def count(self, batch: Batch) -> np.ndarray:
        return np.array([n_targets(batch), len(batch["labels"])])

    def measure(self, model: Any, batch: Batch) -> Sums:
        (words, targets), pairs = self._guesses(model, batch)
        n, labels = len(targets), batch["labels"]
        return {
            "masked": cross_entropy(words, *there(model, targets)).item() * n, "targets": n,
            "right": int(np.count_nonzero(guess(words) == targets)),
            "next": cross_entropy(pairs, *there(model, labels)).item() * len(labels), "pairs": len(labels),
            "right_pairs": int(np.count_nonzero(guess(pairs) == labels)),
        }

    def metrics(self, sums: Sums) -> dict[str, float]:
        masked, following = sums["masked"] / max(sums["targets"], 1), sums["next"] / sums["pairs"]
        return {
            "loss": masked + following, "masked_loss": masked, "next_loss": following, "perplexity": perplexity(masked),
            "masked_accuracy": sums["right"] / max(sums["targets"], 1), "next_accuracy": sums["right_pairs"] / sums["pairs"],
        }

    def _guesses(self, model: Any, batch: Batch) -> tuple[tuple[Tensor, np.ndarray], Tensor]:
        """Logits (N, V) with targets (N,) of the hidden places, and logits (B, 2) of the pairs."""
        h = model.hidden(*there(model, batch["ids"], batch["attention_mask"], batch["segment_ids"]))      # (B, T, C)
        return at_targets(model, h, batch["targets"]), model.next_sentence(model.pooled(h))
