"""The default corpus and the default classification task: real English that every Python brings along.

The text differs a little between Python's versions and distributions, so a corpus carries its version, its hash and
the names of the packages that are not there, and no number in the tests depends on its words.
"""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tinyllm.data import cache
from tinyllm.data.docstrings import Document, present, read_documents, standard_library
from tinyllm.data.duplicates import lot, near_duplicate_groups
from tinyllm.data.labelled import LabelledTexts

FORMAT = 1          # raised when the same sources would give other documents or groups
VALIDATION = 0.05   # share of the corpus held out

# Well stocked in every version, the fullest first.
CLASSES = (
    "tkinter", "asyncio", "email", "importlib", "logging", "xml", "multiprocessing", "unittest", "http", "urllib",
)
SHORTEST = 20       # characters of a text to be classified
SHARES = {"test": 0.2, "validation": 0.1}


@dataclass(frozen=True)
class Corpus:
    """Documents to pretrain on and documents held out, which quote none of the former."""

    train: tuple[Document, ...]
    validation: tuple[Document, ...]
    missing: tuple[str, ...]        # packages that this Python was installed without
    python: str
    sha256: str                     # of the texts and their sides


@dataclass(frozen=True)
class Classification:
    """Docstring → the package it comes from."""

    train: LabelledTexts
    validation: LabelledTexts
    test: LabelledTexts
    names: tuple[str, ...]
    missing: tuple[str, ...]        # of CLASSES, those that this Python was installed without


def corpus() -> Corpus:
    """Python's help topics and the standard library's docstrings, each text once, about 2 million characters.

    A document's side follows from its own text (its group's smallest SHA-256), not from a draw: a Python with a few
    other documents splits the rest alike. Near-duplicates share a side (`duplicates.py` says what they are).
    """
    documents, groups, missing = all_documents()
    unique: dict[str, tuple[Document, int]] = {}
    for document, group in zip(documents, groups, strict=True):
        unique.setdefault(document.text, (document, group))
    members: defaultdict[int, list[str]] = defaultdict(list)
    for document, group in unique.values():
        members[group].append(document.text)
    total = sum(map(len, unique))
    validation = {group for group, texts in members.items() if held_out(texts, total)}
    sides: tuple[list[Document], list[Document]] = ([], [])
    for document, group in unique.values():
        sides[group in validation].append(document)
    digest = hashlib.sha256(json.dumps([[document.text for document in side] for side in sides]).encode()).hexdigest()
    return Corpus(tuple(sides[0]), tuple(sides[1]), missing, platform.python_version(), digest)


def classification(seed: int = 0, split: Literal["random", "file"] = "random") -> Classification:
    """Docstrings of ten packages, labelled with their package; per class about 70% train, 10% validation, 20% test.

    At least 20 characters, each text once, texts that stand in several packages dropped. split "random" keeps
    near-duplicates on one side; "file" keeps every source file on one side, and drops what is held out but has a
    near-duplicate in training: harder and noisier, for a file's docstrings share a subject.

    Raises ValueError where fewer than two of the packages are installed.
    """
    if split not in ("random", "file"):
        raise ValueError(f"split {split!r}: take 'random' or 'file'")
    documents, groups, missing = all_documents()
    packages: defaultdict[str, set[str]] = defaultdict(set)
    for document in documents:
        packages[document.text].add(document.package)
    rows, seen = [], set()
    for document, group in zip(documents, groups, strict=True):
        text = document.text
        one_class = document.package in CLASSES and len(packages[text] & set(CLASSES)) == 1
        if one_class and len(text) >= SHORTEST and text not in seen:
            seen.add(text)
            rows.append((document, group))
    counts = Counter(document.package for document, _ in rows)
    names = tuple(name for name in CLASSES if counts[name])
    if len(names) < 2:
        raise ValueError(f"this Python has docstrings of {len(names)} of {', '.join(CLASSES)}: install two or more")
    # A group that spans packages is dealt with where its first row is.
    owner = {group: document.package for document, group in reversed(rows)}
    sides: dict[str, list[int]] = {"train": [], "validation": [], "test": []}
    for label, name in enumerate(names):
        units: defaultdict[object, list[int]] = defaultdict(list)
        for i, (document, group) in enumerate(rows):
            if split == "file" and document.package == name:
                units[document.file].append(i)
            elif split == "random" and owner[group] == name:
                units[group].append(i)
        for side, indices in _deal(list(units.values()), counts[name], np.random.default_rng([seed, label])).items():
            sides[side] += indices
    if split == "file":
        for side, others in (("validation", ("train",)), ("test", ("train", "validation"))):
            taken = {rows[i][1] for other in others for i in sides[other]}
            sides[side] = [i for i in sides[side] if rows[i][1] not in taken]
    labels = np.array([names.index(document.package) for document, _ in rows])
    everything = LabelledTexts(tuple(document.text for document, _ in rows), labels, names)
    parts = {side: everything.rows(np.sort(np.array(indices, dtype=np.int64))) for side, indices in sides.items()}
    return Classification(**parts, names=names, missing=tuple(name for name in CLASSES if name in missing))


def _deal(units: Sequence[list[int]], total: int, rng: np.random.Generator) -> dict[str, list[int]]:
    """Units in random order: to the emptier of test and validation while they fit into its share, else to train."""
    sides: dict[str, list[int]] = {"train": [], "validation": [], "test": []}
    for place in rng.permutation(len(units)):
        unit = units[place]
        room = [side for side, share in SHARES.items() if len(sides[side]) + len(unit) <= share * total]
        sides[min(room, key=lambda side: len(sides[side]) / SHARES[side], default="train")] += unit
    return sides


def held_out(texts: list[str], total: int) -> bool:
    """Whether a group of near-duplicates goes to validation. One that would fill much of it alone goes to train."""
    if sum(map(len, texts)) > VALIDATION / 5 * total:
        return False
    return lot(texts) < VALIDATION


def all_documents() -> tuple[list[Document], list[int], tuple[str, ...]]:
    """Every document of this Python, its group of near-duplicates, and what packages are missing: read once."""
    library = standard_library()
    key = hashlib.sha256(json.dumps([FORMAT, sys.version, str(library), present(library)]).encode()).hexdigest()
    tag = f"{sys.implementation.cache_tag}-{key[:8]}"

    def build() -> dict[str, list]:
        documents, missing = read_documents(library)
        groups = near_duplicate_groups([document.text for document in documents])
        rows = [[document.text, document.package, document.file, document.name] for document in documents]
        return {"documents": rows, "groups": groups, "missing": missing}

    value = cache.cached(f"pydocs-{tag}", key, build)
    return [Document(*row) for row in value["documents"]], value["groups"], tuple(value["missing"])
