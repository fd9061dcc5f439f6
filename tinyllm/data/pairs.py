"""Pairs of texts: a sentence and its translation, a text and its summary, a question and the passage that answers it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinyllm.data.files import MAX_BYTES
from tinyllm.data.tables import check_text, table_rows


@dataclass(frozen=True)
class TextPairs:
    """Row i: sources[i] and what belongs to it, targets[i]."""

    sources: tuple[str, ...]
    targets: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.sources)

    def rows(self, indices: Sequence[int] | np.ndarray) -> TextPairs:
        """The rows at these indices, in this order."""
        return TextPairs(tuple(self.sources[i] for i in indices), tuple(self.targets[i] for i in indices))


def read_pairs(
    path: str | Path,
    source: str | int = "source",
    target: str | int = "target",
    max_bytes: int = MAX_BYTES,
) -> TextPairs:
    """Two columns of a table (.csv, .tsv or .jsonl, see `read_table`), in file order.

    Columns are named by the table's first line, or numbered from 0 where it has none: `read_pairs("eng-fra.tsv", 0, 1)`.

    Raises ValueError that names the line and the fix: a missing column, a ragged row, an empty text.
    """
    path = Path(path)
    numbered = isinstance(source, int)
    if numbered != isinstance(target, int):
        raise ValueError(f"columns {source!r} and {target!r}: give two names, or two numbers for a table without a header")
    sources, targets = [], []
    for line, row in table_rows(path, max_bytes, header=not numbered):
        sources.append(check_text(path, line, row, source))
        targets.append(check_text(path, line, row, target))
    if not sources:
        raise ValueError(f"{path} has no rows: give at least one")
    return TextPairs(tuple(sources), tuple(targets))
