"""Which texts are nearly the same, or have something in common, and which side of a split they go to together."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence

SHARE = 0.6     # of word triples in common, from which on two texts count as one
QUOTE = 20      # word triples: a shorter text inside a longer one is a phrase, not a copy


def near_duplicate_groups(texts: Sequence[str]) -> list[int]:
    """A group number for each text, the place of its group's first: texts with most word triples in common share one.

    With A and B the sets of triples of neighbouring words, lower case: |A ∩ B| / |A ∪ B| ≥ 0.6 (Jaccard), or, where
    the smaller set has at least 20, |A ∩ B| / min(|A|, |B|) ≥ 0.6, which a long text that quotes a shorter one also
    meets. Chains join: if a is near b and b near c, all three are one group. No sampling: every pair with a triple in
    common is counted.

    A model that has read one of a group has nearly read the others, so a split keeps a group on one side.
    """
    parent = list(range(len(texts)))
    sizes: list[int] = []
    holders: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for i, text in enumerate(texts):
        words = re.findall(r"\w+", text.lower())
        triples = {tuple(words[j : j + 3]) for j in range(max(1, len(words) - 2))}
        common = Counter(j for triple in triples for j in holders[triple])
        for j, shared in common.items():
            smaller = min(len(triples), sizes[j])
            if shared >= SHARE * (len(triples) + sizes[j] - shared) or (smaller >= QUOTE and shared >= SHARE * smaller):
                first, second = sorted((_root(parent, i), _root(parent, j)))
                parent[second] = first
        sizes.append(len(triples))
        for triple in triples:
            holders[triple].append(i)
    return [_root(parent, i) for i in range(len(texts))]


def linked_groups(*keys: Sequence[Hashable]) -> list[int]:
    """A group number for each row, the place of its group's first: rows with an equal key in any column share one.

    Each of `keys` is a column, a key for each row; keys of different columns are never equal. Chains join.
    """
    parent = list(range(len(keys[0])))
    for column in keys:
        first: dict[Hashable, int] = {}
        for i, key in enumerate(column):
            one, other = sorted((_root(parent, first.setdefault(key, i)), _root(parent, i)))
            parent[other] = one
    return [_root(parent, i) for i in range(len(parent))]


def lot(texts: Sequence[str]) -> float:
    """A number from 0 up to 1 for a group of texts, drawn by their smallest SHA-256.

    It depends on these texts alone: where other texts come or go, a split by lots moves no group.
    """
    smallest = min(hashlib.sha256(text.encode()).digest() for text in texts)
    return int.from_bytes(smallest[-8:], "big") / 2**64


def _root(parent: list[int], i: int) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i
