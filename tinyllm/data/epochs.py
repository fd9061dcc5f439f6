"""Labelled texts as batches, shuffled anew each epoch."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from tinyllm.data.batching import Batch, check_rows, pad_batch
from tinyllm.data.order import RowBatches

HIDE = 2        # beside (seed, step) in the key of its random numbers; `order.py` has 1


class LabelledBatches(RowBatches):
    """Rows of token ids with labels → batches of "ids" (B, T), "attention_mask" (B, T) and "labels" (B,).

    Batches are padded to their longest row, at most max_length tokens. With hide_p, each token of a training batch
    becomes mask_id with that probability (never one of special_ids): with few labels the network cannot rest on single
    words. Evaluation hides nothing.

    Raises ValueError for rows and labels of different number, a row without tokens, negative labels; TypeError for
    labels that are no integers.
    """

    def __init__(
        self,
        rows: Sequence[Sequence[int] | np.ndarray],
        labels: Sequence[int] | np.ndarray,
        batch_size: int,
        max_length: int,
        pad_id: int,
        seed: int = 0,
        hide_p: float = 0.0,
        mask_id: int | None = None,
        special_ids: Collection[int] = (),
    ):
        self.rows, self.labels = check_rows(rows, batch_size, max_length), np.asarray(labels)
        if self.labels.shape != (len(self.rows),):
            raise ValueError(f"{len(self.rows)} rows and labels of shape {self.labels.shape}: give one label a row")
        if not np.issubdtype(self.labels.dtype, np.integer):
            raise TypeError(f"labels of type {self.labels.dtype}: give integers, places in the list of class names")
        if self.labels.min() < 0:
            raise ValueError(f"label {self.labels.min()} at row {self.labels.argmin()}: labels count from 0")
        if not 0 <= hide_p < 1:
            raise ValueError(f"hide_p {hide_p}: a probability from 0 up to, not including, 1")
        if hide_p and mask_id is None:
            raise ValueError(f"hide_p {hide_p} needs a mask_id: give the tokenizer's, or hide_p=0")
        super().__init__(len(self.rows), batch_size, seed)
        self.max_length, self.pad_id = max_length, pad_id
        self.hide_p, self.mask_id, self.special_ids = hide_p, mask_id, sorted(special_ids)

    def batch(self, step: int) -> Batch:
        """The batch of this step, some of its tokens hidden."""
        batch = super().batch(step)
        if self.hide_p and self.mask_id is not None:
            words = batch["attention_mask"] & ~np.isin(batch["ids"], self.special_ids)
            batch["ids"] = hide(batch["ids"], words, np.random.default_rng([self.seed, step, HIDE]), self.hide_p, self.mask_id)
        return batch

    def _gather(self, rows: np.ndarray) -> Batch:
        ids, mask = pad_batch([self.rows[i] for i in rows], self.pad_id, self.max_length)
        return {"ids": ids, "attention_mask": mask, "labels": self.labels[rows].astype(np.int64)}


def hide(ids: np.ndarray, words: np.ndarray, rng: np.random.Generator, p: float, mask_id: int) -> np.ndarray:
    """ids with each token among `words` (a mask of the same shape) replaced by mask_id with probability p."""
    return np.where(words & (rng.random(ids.shape) < p), mask_id, ids)
