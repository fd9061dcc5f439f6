"""Answers to questions: SQuAD's exact match and F1, over several gold answers, or none."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tinyllm.metrics.score import Score, check_texts

PUNCTUATION = str.maketrans("", "", string.punctuation)
ARTICLES = re.compile(r"\b(a|an|the)\b")


@dataclass(frozen=True)
class AnswerScores:
    """Means over questions: of all, of those that have an answer, of those that have none (0.0 where there are none)."""

    exact_match: float
    f1: float
    answered_exact_match: float
    answered_f1: float
    unanswerable: float     # share of the questions without an answer where none was given
    questions: int
    without_answer: int

    def __str__(self) -> str:
        text = f"exact match {self.exact_match:.2%}, F1 {self.f1:.2%} of {self.questions:,} questions"
        if self.without_answer:
            text += (
                f" ({self.answered_exact_match:.2%}, {self.answered_f1:.2%} where there is an answer; silent at "
                f"{self.unanswerable:.2%} of the {self.without_answer:,} that have none)"
            )
        return text


def answer_scores(gold: Sequence[str | Sequence[str]], guessed: Sequence[str]) -> AnswerScores:
    """The means of exact_match and answer_f1 over a set of questions; gold: for each its answers, or [] for no answer.

    Raises ValueError for another number of guesses than questions, or none; TypeError for what is no string.
    """
    check_texts(gold, guessed, "answers")
    pairs = list(zip(gold, guessed, strict=True))
    exact = [exact_match(answers, guess) for answers, guess in pairs]
    f1 = [answer_f1(answers, guess) for answers, guess in pairs]
    silent = [_usable(answers) == [""] for answers, _ in pairs]

    def mean(values: list[float], no_answer: bool | None = None) -> float:
        chosen = [value for value, none in zip(values, silent, strict=True) if no_answer in (None, none)]
        return sum(chosen) / max(len(chosen), 1)

    return AnswerScores(
        mean(exact), mean(f1), mean(exact, False), mean(f1, False), mean(exact, True), len(pairs), sum(silent)
    )


def exact_match(gold: str | Sequence[str], guessed: str) -> float:
    """1.0 if the guess equals one of the gold answers once both are normalised, else 0.0.

    gold: one answer, several (people answer differently), or none ([] or ""): then only the empty guess is right.

    Worked: gold "the Eiffel Tower", guessed "Eiffel tower." → both "eiffel tower": 1.0.

    Rajpurkar et al. 2016, §6.1; Rajpurkar et al. 2018 (no answer).
    """
    return float(normalized(guessed) in _usable(gold))


def answer_f1(gold: str | Sequence[str], guessed: str) -> float:
    """The F1 of the words in common with the gold answer that has most: half of an answer is worth something.

        precision = common / words guessed        recall = common / words of the answer        (words counted as often as
        they stand in both)

    Where the answer or the guess is empty there are no words to share: 1.0 if both are, else 0.0.

    Worked: gold "in the summer of 1889", guessed "summer 1889". Normalised, gold has 4 words, the guess 2, both of them
    right: precision 1, recall 1/2, F1 = 2/3.

    Rajpurkar et al. 2016, §6.1; Rajpurkar et al. 2018 (no answer).
    """
    return max(_overlap(answer.split(), normalized(guessed).split()) for answer in _usable(gold))


def normalized(text: str) -> str:
    """Lower case; without ASCII punctuation; without a, an, the; single spaces. In this order, which matters:

    the apostrophe goes before the articles do, so that "a's" becomes the word "as" and stays.
    """
    return " ".join(ARTICLES.sub(" ", text.lower().translate(PUNCTUATION)).split())


def _usable(gold: str | Sequence[str]) -> list[str]:
    """Normalised answers; those of which nothing is left do not count, and none at all means the empty answer."""
    answers = [normalized(answer) for answer in ([gold] if isinstance(gold, str) else gold)]
    return [answer for answer in answers if answer] or [""]


def _overlap(gold: list[str], guess: list[str]) -> float:
    if not gold or not guess:
        return float(gold == guess)
    common = (Counter(gold) & Counter(guess)).total()
    return Score.of(common, len(guess), len(gold)).f1
