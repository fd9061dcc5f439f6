"""Data to learn from, to choose the best checkpoint by, and to report on."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass
class Sides:
    """Three parts of a set. `names` are those of its classes, `what` its rows in words, such as "sentences"."""

    train: Any
    valid: Any
    test: Any
    source: str
    what: str
    names: tuple[str, ...] = ()

    @property
    def description(self) -> dict[str, Any]:
        """What config.json keeps of the data: enough to tell whether it is still the same."""
        sizes = {"train": len(self.train), "valid": len(self.valid), "test": len(self.test)}
        digest = hashlib.sha256("\0".join(map(repr, self._rows())).encode("utf-8", "surrogatepass")).hexdigest()
        return {"source": self.source, self.what: sizes, "sha256": digest}

    def _rows(self) -> Iterable[Any]:
        for side in (self.train, self.valid, self.test):
            yield from zip(side.texts, side.labels.tolist(), strict=True) if hasattr(side, "labels") else side
            yield None

    def __str__(self) -> str:
        train, valid, test = (f"{len(side):,}" for side in (self.train, self.valid, self.test))
        classes = f"{len(self.names)} classes; " if self.names else ""
        return f"{classes}{train} {self.what} to learn from, {valid} to choose by, {test} to report on"


def check_shares(valid: float, test: float) -> None:
    """Raise ValueError for shares that leave a side empty."""
    if min(valid, test) <= 0 or valid + test >= 1:
        raise ValueError(f"--valid-share {valid} and --test-share {test}: above 0, together below 1")


def split(
    rows: Sequence[Any], keys: Sequence[Iterable[Hashable]], valid: float, test: float, seed: int
) -> tuple[list[Any], list[Any], list[Any]]:
    """Rows as three sides, in file order. Rows that share a key, or are linked by such rows, stay on one side.

    So nothing that is tested has been seen: a passage with several questions, or a sentence with several translations, is one
    unit. Units are dealt in an order that the seed draws, to the test side until it has its share, then to the valid side.
    Raises ValueError for wrong shares and where a side stays empty.
    """
    check_shares(valid, test)
    units: dict[int, list[int]] = {}
    for row, unit in enumerate(_linked(keys)):
        units.setdefault(unit, []).append(row)
    sides: tuple[list[int], list[int], list[int]] = ([], [], [])
    for unit in np.random.default_rng(seed).permutation(list(units)):
        wanted = 2 if len(sides[2]) < round(test * len(rows)) else 1 if len(sides[1]) < round(valid * len(rows)) else 0
        sides[wanted].extend(units[int(unit)])
    if not all(sides):
        raise ValueError(f"{len(rows)} rows are too few, or too much alike, to hold parts of them out: give more")
    train, valid_rows, test_rows = ([rows[i] for i in sorted(side)] for side in sides)
    return train, valid_rows, test_rows


def _linked(keys: Sequence[Iterable[Hashable]]) -> list[int]:
    """For each row the number of its unit's first row."""
    parent = list(range(len(keys)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    first: dict[Hashable, int] = {}
    for i, row in enumerate(keys):
        for key in row:
            one, other = root(first.setdefault(key, i)), root(i)
            parent[max(one, other)] = min(one, other)
    return [root(i) for i in range(len(keys))]
