"""Pairs of texts that belong together, for embeddings: each text's other must stand out among the batch's."""

from __future__ import annotations

import numpy as np

from tinyllm.data.batching import Batch, check_rows, pad_batch
from tinyllm.data.duplicates import linked_groups
from tinyllm.data.order import SHUFFLE, RowBatches
from tinyllm.data.sequence_pairs import Rows


class ContrastivePairs(RowBatches):
    """Rows of ids and their others → batches of "ids", "attention_mask" (B, T), "other_ids", "other_mask" (B, U).

    Row i of other_ids is the answer for row i of ids; the others of the batch are its wrong answers. So no batch should hold
    a text twice on the same side: the loss would push away what it pulls. Rows that share a text, or are linked by such
    rows, are spread over an epoch's batches: none meets another where there are at least as many batches as linked
    rows. Batches are equally large, give or take one row, since a small last one would be an easy question.

    Both sides lose what is beyond max_length. Raises as `SequencePairs` does.

    van den Oord et al. 2018, §2.3 (the loss); Henderson et al. 2017 (the batch's others as wrong answers).
    """

    def __init__(self, rows: Rows, others: Rows, batch_size: int, max_length: int, pad_id: int, seed: int = 0):
        if len(rows) != len(others):
            raise ValueError(f"{len(rows)} rows and {len(others)} others: give each row its other")
        self.rows = check_rows(rows, batch_size, max_length)
        self.others = check_rows(others, batch_size, max_length, "other")
        self.max_length, self.pad_id = max_length, pad_id
        keys = ([tuple(row.tolist()) for row in side] for side in (self.rows, self.others))
        self.groups = np.array(linked_groups(*keys))
        super().__init__(len(self.rows), batch_size, seed)
        self._last: tuple[int, np.ndarray] = (-1, np.zeros(0, np.int64))

    def batch(self, step: int) -> Batch:
        """The batch of this step."""
        epoch, place = divmod(step, self.steps_per_epoch)
        known, order = self._last
        if known != epoch:
            rng = np.random.default_rng([self.seed, epoch, SHUFFLE])
            # Random order of the groups and of the rows inside each: a group's rows stand side by side …
            order = np.lexsort((rng.random(self.n), rng.permutation(self.n)[self.groups]))
            self._last = epoch, order
        return self._gather(order[place :: self.steps_per_epoch])       # … and are dealt out one by one

    def _gather(self, rows: np.ndarray) -> Batch:
        ids, mask = pad_batch([self.rows[i] for i in rows], self.pad_id, self.max_length)
        other_ids, other_mask = pad_batch([self.others[i] for i in rows], self.pad_id, self.max_length)
        return {"ids": ids, "attention_mask": mask, "other_ids": other_ids, "other_mask": other_mask}
