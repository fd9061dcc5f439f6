"""Where in a passage the answer stands."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...autograd import Tensor
from ...data.batching import Batch
from ...functional import cross_entropy
from .objective import Sums, guess, there


class SpanExtraction:
    """The answer's first and last token, each chosen among all places: L = ½ (CE(starts) + CE(ends)), a mean over windows.

    The model answers logits (B, T, 2), a start's and an end's. Padding is −∞ there, so that a window's loss does not depend on
    its company. A window without the answer points to place 0. Reports loss and how often start, end, and both are exactly
    right, over windows; what a question earns is decided over all windows of its passage, when answers are decoded.
    Devlin et al. 2019, §4.2 and §4.3.
    """

    watch, higher = "loss", False

    def loss(self, model: Any, batch: Batch) -> Tensor:
        starts, ends = self._logits(model, batch)
        first, last = there(model, batch["starts"], batch["ends"])
        return (cross_entropy(starts, first) + cross_entropy(ends, last)) / 2

    def count(self, batch: Batch) -> int:
        return len(batch["starts"])

    def measure(self, model: Any, batch: Batch) -> Sums:
        starts, ends = self._logits(model, batch)
        first, last = there(model, batch["starts"], batch["ends"])
        loss = (cross_entropy(starts, first).item() + cross_entropy(ends, last).item()) / 2
        start, end = guess(starts) == batch["starts"], guess(ends) == batch["ends"]         # (B,)
        right = {"start": start.sum(), "end": end.sum(), "span": (start & end).sum()}
        return {"loss": loss * len(start), "windows": len(start), **right}

    def metrics(self, sums: Sums) -> dict[str, float]:
        shares = {f"{name}_accuracy": float(sums[name] / sums["windows"]) for name in ("start", "end", "span")}
        return {"loss": sums["loss"] / sums["windows"], **shares}

    def _logits(self, model: Any, batch: Batch) -> tuple[Tensor, Tensor]:
        """Of starts and of ends, (B, T) each."""
        ids, mask, segments = there(model, batch["ids"], batch["attention_mask"], batch.get("segment_ids"))
        raw = model(ids, attention_mask=mask, segment_ids=segments)
        logits: Any = np.where(mask[:, :, None], raw, -np.inf)                      # (B, T, 2)
        return logits[..., 0], logits[..., 1]
