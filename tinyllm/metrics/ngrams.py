"""Runs of neighbouring words or letters, counted: what BLEU, chrF and ROUGE have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence


def ngrams(items: Sequence[str], n: int) -> Counter[Sequence[str]]:
    """How often each run of n neighbours stands in items; T items have max(T - n + 1, 0) runs.

    Of a string, runs of its letters; of a tuple, runs of its words. (A list's runs are lists, which nothing can count.)

    Worked: ngrams(("to", "be", "or", "to", "be"), 2) → ("to", "be") twice, ("be", "or") and ("or", "to") once.
    """
    return Counter(items[i : i + n] for i in range(len(items) - n + 1))


def common(one: Counter[Sequence[str]], other: Counter[Sequence[str]]) -> int:
    """Σ min(count in one, count in other): a run that stands twice in one and once in the other is in common once."""
    return sum(min(count, other[run]) for run, count in one.items() if run in other)


def references(gold: str | Sequence[str], which: int) -> list[str]:
    """One reference or several, as a list; raises ValueError for none, with the number of the text."""
    found = [gold] if isinstance(gold, str) else list(gold)
    if not found:
        raise ValueError(f"text {which} has no reference: give one or more, or leave the text out")
    return found
