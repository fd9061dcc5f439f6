"""Pairs of texts as rows."""

from __future__ import annotations

from typing import Any

from ...data import read_pairs
from .sides import Sides

Pair = tuple[str, str]


def pair_sides(found: Any, source: str) -> Sides:
    """Three `TextPairs`, `train`, `validation` and `test`, as sides of (source, target)."""
    train, valid, test = (
        list(zip(side.sources, side.targets, strict=True)) for side in (found.train, found.validation, found.test)
    )
    return Sides(train, valid, test, source, "pairs")


def load_pairs(path: str, source: str, target: str) -> list[Pair]:
    """Two columns of a table, by their names, or by their numbers from 0. Raises ValueError for one of each."""
    first, second = (int(column) if column.removeprefix("-").isdecimal() else column for column in (source, target))
    pairs = read_pairs(path, first, second)
    return list(zip(pairs.sources, pairs.targets, strict=True))
