"""Pairs of sequences for encoder-decoder models, with teacher forcing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyllm.data.batching import Batch, check_rows, pad_batch, pad_targets
from tinyllm.data.order import RowBatches

Rows = Sequence[Sequence[int] | np.ndarray]


class SequencePairs(RowBatches):
    """Rows of source and target ids → batches of "ids" (B, S), "attention_mask" (B, S), "decoder_ids" and "targets" (B, T).

    Teacher forcing: whatever the decoder would have said, it is shown the true words so far. With the target y₁ … yₙ

        decoder_ids   start  y₁  y₂ …  yₙ
        targets       y₁     y₂  …  yₙ  end

    so that at every place the next word is asked for, and after the last one the end; -100 behind it.

    Sources lose what is beyond max_source, targets (end and all) what is beyond max_target: `cut_sources` and
    `cut_targets` count the rows. A target that was cut does not end, so it has no end to learn. Rows of like length
    share a batch.

    Raises ValueError for a source without tokens (a target may have none: its end is the answer) and different numbers
    of sources and targets; TypeError for rows that are no integers.

    Sutskever et al. 2014, §2; Williams and Zipser 1989 (teacher forcing).
    """

    def __init__(
        self,
        sources: Rows,
        targets: Rows,
        batch_size: int,
        max_source: int,
        max_target: int,
        pad_id: int,
        start_id: int,
        end_id: int,
        seed: int = 0,
    ):
        if len(sources) != len(targets):
            raise ValueError(f"{len(sources)} sources and {len(targets)} targets: give one target a source")
        self.sources = check_rows(sources, batch_size, max_source, "source")
        self.targets = check_rows([[*target, end_id] for target in targets], batch_size, max_target, "target")
        self.max_source, self.max_target, self.pad_id, self.start_id = max_source, max_target, pad_id, start_id
        lengths = np.array([[len(row) for row in rows] for rows in (self.sources, self.targets)]).T     # (n, 2)
        self.cut_sources, self.cut_targets = (lengths > (max_source, max_target)).sum(axis=0).tolist()
        super().__init__(len(self.sources), batch_size, seed, np.minimum(lengths, (max_source, max_target)))

    def _gather(self, rows: np.ndarray) -> Batch:
        ids, mask = pad_batch([self.sources[i] for i in rows], self.pad_id, self.max_source)
        targets = [self.targets[i] for i in rows]
        shown, _ = pad_batch([[self.start_id, *target[:-1]] for target in targets], self.pad_id, self.max_target)
        return {"ids": ids, "attention_mask": mask, "decoder_ids": shown, "targets": pad_targets(targets, shown.shape[1])}
