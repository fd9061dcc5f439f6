"""Dialogues for chat models: everything is read, the replies alone are learned."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from tinyllm.data.batching import IGNORED, Batch, pad_batch, pad_targets
from tinyllm.data.chats import Dialogue
from tinyllm.data.order import RowBatches

Pieces = Iterable[tuple[str, bool]]         # (text, whether the model is to say it)


class Dialogues(RowBatches):
    """Dialogues → batches of "ids" (B, T), "targets" (B, T), -100 but on replies, and "attention_mask" (B, T).

    `render(dialogue)` writes a dialogue out as a chat template does, in pieces: (text, is_reply). A reply's piece
    includes the sign that ends it, so that the model learns to stop. `encode(text)` gives a piece's ids, control signs
    and all, such as `partial(tokenizer.encode, allow_special=True)`.

    Each piece is encoded by itself: no token reaches across the boundary, and a reply begins with the very tokens it
    begins with in a chat, where the prompt ends right before it.

    targets[:, t] is ids[:, t + 1] where that is a reply's token. Dialogues lose what is beyond max_length (`cut` counts
    them); one that has no reply left is left out (`left_out`).

    Raises ValueError where no dialogue is left.
    """

    def __init__(
        self,
        dialogues: Sequence[Dialogue],
        render: Callable[[Dialogue], Pieces],
        encode: Callable[[str], Sequence[int]],
        batch_size: int,
        max_length: int,
        pad_id: int,
        seed: int = 0,
    ):
        if batch_size < 1 or max_length < 1:
            raise ValueError(f"batch_size {batch_size} and max_length {max_length}: both are at least 1")
        self.pad_id, self.cut, self.left_out = pad_id, 0, 0
        self.rows, self.targets = [], []
        for dialogue in dialogues:
            pieces = [(encode(text), is_reply) for text, is_reply in render(dialogue)]
            ids = np.array([token for tokens, _ in pieces for token in tokens], dtype=np.int64)
            said = np.array([is_reply for tokens, is_reply in pieces for _ in tokens], dtype=bool)
            targets = np.where(said, ids, IGNORED)[1 : max_length + 1]
            if (targets == IGNORED).all():
                self.left_out += 1
                continue
            self.cut += len(ids) > max_length + 1
            self.rows.append(ids[:-1][:max_length])
            self.targets.append(targets)
        if not self.rows:
            raise ValueError(f"{len(dialogues)} dialogues, no reply within max_length {max_length}: take a larger one")
        super().__init__(len(self.rows), batch_size, seed, np.array([len(row) for row in self.rows]))

    def _gather(self, rows: np.ndarray) -> Batch:
        ids, mask = pad_batch([self.rows[i] for i in rows], self.pad_id)
        return {"ids": ids, "targets": pad_targets([self.targets[i] for i in rows], ids.shape[1]), "attention_mask": mask}
