"""Labelled texts as batches, shuffled anew each epoch."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import numpy as np

from tinyllm.data.batching import Batch, pad_batch

SHUFFLE, HIDE = 1, 2    # the third number of the key: an epoch's order and a step's hidden tokens never share a stream


class LabelledBatches:
    """Rows of token ids with labels → batches of "ids" (B, T), "attention_mask" (B, T) and "labels" (B,).

    Every epoch visits every row once, in an order drawn from (seed, epoch): `batch(step)` depends on (seed, step)
    alone. The last batch of an epoch holds what is left. Batches are padded to their longest row, at most max_length
    tokens.

    With hide_p, each token of a training batch becomes mask_id with that probability (never one of special_ids): with
    few labels the network cannot rest on single words.

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
        self.rows, self.labels = [np.asarray(row) for row in rows], np.asarray(labels)
        if batch_size < 1 or max_length < 1:
            raise ValueError(f"batch_size {batch_size} and max_length {max_length}: both are at least 1")
        if self.labels.shape != (len(self.rows),):
            raise ValueError(f"{len(self.rows)} rows and labels of shape {self.labels.shape}: give one label a row")
        if not self.rows:
            raise ValueError("no rows: give at least one labelled text")
        if not np.issubdtype(self.labels.dtype, np.integer):
            raise TypeError(f"labels of type {self.labels.dtype}: give integers, places in the list of class names")
        if self.labels.min() < 0:
            raise ValueError(f"label {self.labels.min()} at row {self.labels.argmin()}: labels count from 0")
        empty = [i for i, row in enumerate(self.rows) if len(row) == 0]
        if empty:
            raise ValueError(f"row {empty[0]} has no tokens: drop it, or give its text a start token")
        if not 0 <= hide_p < 1:
            raise ValueError(f"hide_p {hide_p}: a probability from 0 up to, not including, 1")
        if hide_p and mask_id is None:
            raise ValueError(f"hide_p {hide_p} needs a mask_id: give the tokenizer's, or hide_p=0")
        self.batch_size, self.max_length, self.pad_id, self.seed = batch_size, max_length, pad_id, seed
        self.hide_p, self.mask_id, self.special_ids = hide_p, mask_id, sorted(special_ids)

    @property
    def steps_per_epoch(self) -> int:
        return -(-len(self.rows) // self.batch_size)

    def batch(self, step: int) -> Batch:
        """The batch of this step."""
        epoch, place = divmod(step, self.steps_per_epoch)
        order = np.random.default_rng([self.seed, epoch, SHUFFLE]).permutation(len(self.rows))
        batch = self._gather(order[place * self.batch_size : (place + 1) * self.batch_size])
        if self.hide_p and self.mask_id is not None:
            rng = np.random.default_rng([self.seed, step, HIDE])
            words = batch["attention_mask"] & ~np.isin(batch["ids"], self.special_ids)
            hidden = words & (rng.random(words.shape) < self.hide_p)
            batch["ids"] = np.where(hidden, self.mask_id, batch["ids"])
        return batch

    def evaluation(self, batch_size: int | None = None) -> Iterator[Batch]:
        """Every row once, in the order given, nothing hidden."""
        size = batch_size or self.batch_size
        for start in range(0, len(self.rows), size):
            yield self._gather(np.arange(start, min(start + size, len(self.rows))))

    def _gather(self, rows: np.ndarray) -> Batch:
        ids, mask = pad_batch([self.rows[i] for i in rows], self.pad_id, self.max_length)
        return {"ids": ids, "attention_mask": mask, "labels": self.labels[rows].astype(np.int64)}
