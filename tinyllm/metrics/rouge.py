"""Summaries: ROUGE, how much of the reference is in them, as rouge_score counts it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from tinyllm.metrics.ngrams import common, ngrams, references
from tinyllm.metrics.score import Score, check_texts

Words = tuple[str, ...]


class Rouge(NamedTuple):
    """ROUGE of single words, of pairs, and of the longest common subsequence; papers print each one's f1."""

    rouge1: Score
    rouge2: Score
    rougeL: Score

    def __str__(self) -> str:
        return f"ROUGE-1 {self.rouge1.f1:.4f}, ROUGE-2 {self.rouge2.f1:.4f}, ROUGE-L {self.rougeL.f1:.4f}"


def rouge(gold: Sequence[str | Sequence[str]], guessed: Sequence[str]) -> Rouge:
    """The mean ROUGE-1, ROUGE-2 and ROUGE-L over pairs of a reference and a summary.

        ROUGE-N: of runs of N words          recall = common / in the reference      precision = common / in the summary
        ROUGE-L: of the longest sequence of words that both contain in this order, neighbours or not

    gold: for each text its reference, or several: then, for each of the three, the one with the best f1 counts. A word is a
    run of the letters a to z and digits after lower-casing; endings are kept (no stemming). Recall alone, as the name says
    (recall-oriented), would favour copying the whole text, so f1 is what is reported today.

    Worked: gold "the cat sat on the mat", guessed "the cat lay on a mat". 4 of 6 words, 1 of 5 pairs ("the cat"), and
    "the cat on mat" in order: ROUGE-1 = 2/3, ROUGE-2 = 1/5, ROUGE-L = 2/3.

    Raises ValueError for another number of guesses than texts, none, or a text without a reference; TypeError for no strings.

    Lin 2004, §2 and §3.1.
    """
    check_texts(gold, guessed, "texts")
    kinds = (lambda a, b: _of_runs(a, b, 1), lambda a, b: _of_runs(a, b, 2), _of_subsequence)
    scores: list[list[Score]] = [[] for _ in kinds]
    for i, (answers, guess) in enumerate(zip(gold, guessed, strict=True)):
        golds, words = [_words(answer) for answer in references(answers, i)], _words(guess)
        for found, kind in zip(scores, kinds, strict=True):
            found.append(max((kind(answer, words) for answer in golds), key=lambda score: score.f1))
    return Rouge(*map(Score.mean, scores))


def longest_common_subsequence(one: Words, other: Words) -> int:
    """The length of the longest sequence that stands in both in this order, with gaps.

        L(i, j) = L(i-1, j-1) + 1  if the i-th word of one is the j-th of other,  else  max(L(i-1, j), L(i, j-1))

    A row of the table needs only the row before: O(|one| |other|) time, O(|other|) memory.
    """
    before = [0] * (len(other) + 1)
    for word in one:
        row = [0]
        for j, candidate in enumerate(other):
            row.append(before[j] + 1 if word == candidate else max(before[j + 1], row[j]))
        before = row
    return before[-1]


def _words(text: str) -> Words:
    return tuple(re.findall("[a-z0-9]+", text.lower()))


def _of_runs(gold: Words, guess: Words, n: int) -> Score:
    mine, theirs = ngrams(guess, n), ngrams(gold, n)
    return Score.of(common(mine, theirs), mine.total(), theirs.total())


def _of_subsequence(gold: Words, guess: Words) -> Score:
    return Score.of(longest_common_subsequence(gold, guess), len(guess), len(gold))
