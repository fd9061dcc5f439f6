"""First lines of docstrings and what comes below them: a summarisation set and a retrieval set on every machine.

A docstring's first line says in a few words what the rest explains (PEP 257 asks for just that), written by the
people who wrote the rest. Like the corpus of `pydocs`, the texts differ a little between Python's versions.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from dataclasses import dataclass

from tinyllm.data import cache
from tinyllm.data.docstrings import TOPICS
from tinyllm.data.duplicates import linked_groups, lot, near_duplicate_groups
from tinyllm.data.pairs import TextPairs
from tinyllm.data.pydocs import all_documents

FORMAT = 1                      # raised when the same documents would give other rows or groups
LINE = range(15, 101)           # characters of a first line that says something, and fits one line
BODY = range(60, 4001)          # characters of what is below it
SIGNATURE = re.compile(r"[\w.]+\(.*\)")     # "dump(obj, file)": what some modules open with, no summary
SHARES = {"test": 0.1, "validation": 0.1}


@dataclass(frozen=True)
class PairSets:
    """Pairs of texts to learn from and to be tested on, and the packages that this Python was installed without."""

    train: TextPairs
    validation: TextPairs
    test: TextPairs
    missing: tuple[str, ...]


def summaries() -> PairSets:
    """A docstring's body → its first line: about 2,300 pairs, 80% train, 10% validation, 10% test.

    First lines of 15 to 100 characters that are no signatures, bodies of 60 to 4,000 that do not repeat them. Pairs
    with nearly the same docstring, nearly the same body or the same first line stand on one side, chosen by their own
    text (`lot`), not by a draw.
    """
    sides: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    members, missing = _groups()
    for pairs in members:
        sides[_side(pairs)] += pairs
    return _sets(sides, missing, lines_first=False)


def retrieval() -> PairSets:
    """A docstring's first line → its body, as a question and the one text that answers it: about 2,000 pairs.

    The pairs and sides of `summaries`, one of each group of look-alikes: no other body of the set is nearly the right
    one, and no question is asked twice.
    """
    sides: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    members, missing = _groups()
    for pairs in members:
        sides[_side(pairs)].append(pairs[0])
    return _sets(sides, missing, lines_first=True)


def first_line(text: str) -> tuple[str, str] | None:
    """A docstring as (first line, body), or None where it is not a line that says something, an empty line, and more."""
    line, _, rest = (part.strip(" \t") for part in text.partition("\n"))
    body = rest.strip()
    if not rest.startswith("\n") or len(line) not in LINE or len(body) not in BODY:
        return None
    if SIGNATURE.match(line) or line.rstrip(".").lower() in " ".join(body.lower().split()):
        return None
    return line, body


def _side(pairs: list[tuple[str, str]]) -> str:
    where = lot([line + body for line, body in pairs])
    for side, share in SHARES.items():
        if where < share:
            return side
        where -= share
    return "train"


def _sets(sides: dict[str, list[tuple[str, str]]], missing: tuple[str, ...], lines_first: bool) -> PairSets:
    def pairs(side: str) -> TextPairs:
        lines, bodies = (tuple(pair[i] for pair in sides[side]) for i in range(2))
        return TextPairs(lines, bodies) if lines_first else TextPairs(bodies, lines)

    return PairSets(pairs("train"), pairs("validation"), pairs("test"), missing)


def _groups() -> tuple[list[list[tuple[str, str]]], tuple[str, ...]]:
    """Every (first line, body) once, look-alikes together; and the packages that are not there."""
    documents, near, missing = all_documents()
    found: dict[tuple[str, str], int] = {}
    for document, group in zip(documents, near, strict=True):
        pair = first_line(document.text)
        if pair is not None and document.package != TOPICS:
            found.setdefault(pair, group)
    key = hashlib.sha256(json.dumps([FORMAT, list(found.items())]).encode()).hexdigest()

    def build() -> list[int]:
        bodies = near_duplicate_groups([body for _, body in found])
        return linked_groups(list(found.values()), bodies, [line.rstrip(".").lower() for line, _ in found])

    groups: defaultdict[int, list[tuple[str, str]]] = defaultdict(list)
    for pair, group in zip(found, cache.cached(f"first-lines-{key[:8]}", key, build), strict=True):
        groups[group].append(pair)
    return list(groups.values()), missing
