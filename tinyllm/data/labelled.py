"""Texts with labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class LabelledTexts:
    """Row i: texts[i] belongs to class names[labels[i]]; labels is an integer array (rows,)."""

    texts: tuple[str, ...]
    labels: np.ndarray
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.texts)

    def few(self, k: int, seed: int = 0) -> LabelledTexts:
        """k rows of every class, drawn without replacement: the same (k, seed) gives the same rows.

        A larger k keeps the rows of a smaller one, so that a curve over k adds labels and changes none.

        Raises ValueError where a class has fewer than k rows.
        """
        if k < 1:
            raise ValueError(f"{k} labels a class: take at least 1")
        chosen = []
        for label, name in enumerate(self.names):
            rows = np.flatnonzero(self.labels == label)
            if len(rows) < k:
                raise ValueError(f"class {name!r} has {len(rows)} rows, fewer than {k}: take at most {len(rows)}")
            chosen.append(np.random.default_rng([seed, label]).permutation(rows)[:k])
        return self.rows(np.sort(np.concatenate(chosen)))

    def rows(self, indices: np.ndarray) -> LabelledTexts:
        """The rows at these indices, in this order."""
        return LabelledTexts(tuple(self.texts[i] for i in indices), self.labels[indices], self.names)
