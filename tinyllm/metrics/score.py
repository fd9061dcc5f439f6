"""Precision, recall and their harmonic mean: what entities, answers and summaries are all counted by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Score(NamedTuple):
    """How much of what was guessed is right, how much of what is right was guessed, and both in one number.

        precision = right / guessed        recall = right / gold        f1 = 2 precision recall / (precision + recall)

    The harmonic mean stays near the smaller of the two: guessing everything, or hardly anything, does not pay. A share of
    nothing is 0, so that a model that never guesses has precision 0.

    Worked: 2 guesses, 1 of them right, of 4 there were: precision 1/2, recall 1/4, f1 = 2 · 1/8 / (3/4) = 1/3.

    van Rijsbergen 1979, Information Retrieval, chapter 7.
    """

    precision: float
    recall: float
    f1: float

    @classmethod
    def of(cls, right: int, guessed: int, gold: int) -> Score:
        """From counts: `right` are both guessed and gold."""
        precision = right / guessed if guessed else 0.0
        recall = right / gold if gold else 0.0
        return cls(precision, recall, f_measure(precision, recall))

    @classmethod
    def mean(cls, scores: Sequence[Score]) -> Score:
        """Each number averaged for itself, so that the mean f1 is not the f1 of the means; of none: zeros."""
        n = max(len(scores), 1)
        return cls(*(sum(score[i] for score in scores) / n for i in range(3)))


def f_measure(precision: float, recall: float, beta: float = 1.0) -> float:
    """(1 + β²) precision recall / (β² precision + recall), 0 where both are 0; β = 2 counts recall four times as much."""
    below = beta**2 * precision + recall
    return (1 + beta**2) * precision * recall / below if below else 0.0


def check_same_length(gold: Sequence[object], guessed: Sequence[object], what: str) -> None:
    """Raises ValueError unless there is one guess for each gold entry, and at least one."""
    if isinstance(gold, str) or isinstance(guessed, str):
        raise TypeError(f"gold and guessed are sequences of {what}, not one string: put it into a list")
    if len(gold) != len(guessed):
        raise ValueError(f"{len(gold)} gold {what} and {len(guessed)} guessed: give one guess for each")
    if not len(gold):
        raise ValueError(f"no {what}: there is nothing to score")


def check_texts(gold: Sequence[object], guessed: Sequence[object], what: str) -> None:
    """`check_same_length`, and TypeError unless each guess is a string, and each gold entry one or several."""
    check_same_length(gold, guessed, what)
    for i, (right, guess) in enumerate(zip(gold, guessed, strict=True)):
        several = right if isinstance(right, Iterable) and not isinstance(right, str) else [right]
        for side, text in [("guessed", guess), *(("gold", one) for one in several)]:
            if not isinstance(text, str):
                raise TypeError(f"{side} {what}, number {i}: {text!r} is no string: give \"\" where nothing is said")
