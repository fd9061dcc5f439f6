"""Texts to be squeezed through an autoencoder and read out again, whole or with holes."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np

from tinyllm.data.batching import Batch, check_rows, pad_batch
from tinyllm.data.epochs import HIDE, hide
from tinyllm.data.order import RowBatches, slices
from tinyllm.data.sequence_pairs import Rows

EVALUATION = 6      # the third number of the key: what evaluation hides in a row is its own, and always the same


class NoisyTexts(RowBatches):
    """Rows of token ids → batches of "ids" (B, T), what is to come out, "attention_mask" (B, T) and, with hide_p, "input_ids".

    With hide_p the input is the text with holes: each token is mask_id with that probability (never one of special_ids), drawn
    anew at each step. A copy no longer answers: what stood in a hole must be inferred from the rest, so the code between
    encoder and decoder has to hold what the text is about. Evaluation hides the same tokens each time.

    Rows lose what is beyond max_length. Raises as `LabelledBatches` does.

    Vincent et al. 2008, §2.3 (denoising); formula F11.
    """

    def __init__(
        self,
        rows: Rows,
        batch_size: int,
        max_length: int,
        pad_id: int,
        seed: int = 0,
        hide_p: float = 0.0,
        mask_id: int | None = None,
        special_ids: Collection[int] = (),
    ):
        self.rows = check_rows(rows, batch_size, max_length)
        if not 0 <= hide_p < 1:
            raise ValueError(f"hide_p {hide_p}: a probability from 0 up to, not including, 1")
        if hide_p and mask_id is None:
            raise ValueError(f"hide_p {hide_p} needs a mask_id: give the tokenizer's, or hide_p=0")
        self.max_length, self.pad_id = max_length, pad_id
        self.hide_p, self.mask_id, self.special_ids = hide_p, mask_id, sorted(special_ids)
        super().__init__(len(self.rows), batch_size, seed, np.minimum([len(row) for row in self.rows], max_length))

    def batch(self, step: int) -> Batch:
        """The batch of this step."""
        batch = super().batch(step)
        return self._with_holes(batch, [np.random.default_rng([self.seed, step, HIDE])])

    def evaluation(self, batch_size: int | None = None) -> Iterator[Batch]:
        """Every row once, in the order given. What a row hides comes from (seed, row), whatever the batch size."""
        for part in slices(self.n, batch_size or self.batch_size):
            rows = range(part.start, part.stop)
            streams = [np.random.default_rng([self.seed, row, EVALUATION]) for row in rows]
            yield self._with_holes(self._gather(np.array(rows)), streams)

    def _gather(self, rows: np.ndarray) -> Batch:
        ids, mask = pad_batch([self.rows[i] for i in rows], self.pad_id, self.max_length)
        return {"ids": ids, "attention_mask": mask}

    def _with_holes(self, batch: Batch, streams: list[np.random.Generator]) -> Batch:
        """One stream of random numbers for the whole batch, or one for each row."""
        if self.hide_p and self.mask_id is not None:
            ids, words = batch["ids"], batch["attention_mask"] & ~np.isin(batch["ids"], self.special_ids)
            parts = zip(np.array_split(ids, len(streams)), np.array_split(words, len(streams)), streams, strict=True)
            batch["input_ids"] = np.concatenate([hide(*part, self.hide_p, self.mask_id) for part in parts])
        return batch
