"""A text from one small vector."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...autograd import Tensor
from ...backend import Array
from ...data.batching import Batch
from ...functional import embedding, mse_loss
from .objective import Sums, there


class Reconstruction:
    """Press a text into a small vector and unfold it: L = (1/NC) Σ_t ‖x_t − x̂_t‖², over the N real tokens. Formula F11.

    The model is an `Autoencoder`: `model(ids, attention_mask)` answers x̂ (B, T, C) and `targets(ids)` x. Where the batch has
    "input_ids", these go in, a text with some of its tokens hidden, and the whole text must still come out: the denoising
    variant. Reports loss and the share of tokens whose vector is the nearest to what came out: an error says little, words
    found again say what was kept. Vincent et al. 2010, §2.
    """

    watch, higher = "loss", False

    def loss(self, model: Any, batch: Batch) -> Tensor:
        return mse_loss(*self._rows(model, batch))

    def count(self, batch: Batch) -> int:
        return int(np.count_nonzero(batch["attention_mask"]))

    def measure(self, model: Any, batch: Batch) -> Sums:
        x_hat, x = self._rows(model, batch)
        n = len(x)
        right = int(np.count_nonzero(model.nearest(x_hat) == model.nearest(x)))
        return {"loss": mse_loss(x_hat, x).item() * n, "tokens": n, "right": right}

    def metrics(self, sums: Sums) -> dict[str, float]:
        return {"loss": sums["loss"] / sums["tokens"], "token_accuracy": sums["right"] / sums["tokens"]}

    def _rows(self, model: Any, batch: Batch) -> tuple[Tensor, Array]:
        """x̂ and x of the real tokens, (N, C) each."""
        ids, mask = batch["ids"], batch["attention_mask"].astype(bool)
        read, seen, places, real = there(model, batch.get("input_ids", ids), mask, np.flatnonzero(mask), ids[mask][None])
        x_hat = model(read, attention_mask=seen)                                    # (B, T, C)
        return embedding(places, np.reshape(x_hat, (-1, x_hat.shape[-1]))), model.targets(real)[0]
