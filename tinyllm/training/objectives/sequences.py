"""A target sequence from a source: translation, summaries, spans filled in."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...autograd import Tensor
from ...data.batching import IGNORED, Batch
from ...functional import cross_entropy
from .objective import Sums, guess, n_targets, perplexity, there


class SequenceToSequence:
    """Predict each target token from the source and the true tokens before it: L = −(1/N) Σ_t log p(y_t | y_<t, x). Formula F9.

    The decoder reads the targets, moved one place to the right behind its start token, whatever it would have written itself:
    teacher forcing. All places are learned at once, but the model never sees its own mistakes; what that costs shows only when
    it writes alone, so judge it by what it writes too.

    `label_smoothing` ε moves a share ε of each target's probability to all tokens alike (see `cross_entropy`). It changes what
    is learned, not what is reported: loss (nats a token), perplexity, and the share of tokens guessed right, given those
    before. Sutskever et al. 2014, §2; smoothing Vaswani et al. 2017, §5.4.
    """

    watch, higher = "loss", False

    def __init__(self, label_smoothing: float = 0.0) -> None:
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"label_smoothing {label_smoothing}: a share from 0 up to, not including, 1")
        self.label_smoothing = label_smoothing

    def loss(self, model: Any, batch: Batch) -> Tensor:
        targets, = there(model, batch["targets"])
        return cross_entropy(self._logits(model, batch), targets, label_smoothing=self.label_smoothing)

    def count(self, batch: Batch) -> int:
        return n_targets(batch)

    def measure(self, model: Any, batch: Batch) -> Sums:
        logits, targets, n = self._logits(model, batch), batch["targets"], self.count(batch)
        right = int(np.count_nonzero((guess(logits) == targets) & (targets != IGNORED)))
        return {"loss": cross_entropy(logits, *there(model, targets)).item() * n, "targets": n, "right": right}

    def metrics(self, sums: Sums) -> dict[str, float]:
        loss = sums["loss"] / sums["targets"]
        return {"loss": loss, "perplexity": perplexity(loss), "token_accuracy": sums["right"] / sums["targets"]}

    def _logits(self, model: Any, batch: Batch) -> Tensor:
        source, before, mask = there(model, batch["ids"], batch["decoder_ids"], batch["attention_mask"])
        return model(source, before, attention_mask=mask)                           # (B, T, V)
