"""Translations: chrF, the runs of letters in common with the references, as sacrebleu counts it."""

from __future__ import annotations

from collections.abc import Sequence

from tinyllm.metrics.ngrams import common, ngrams, references
from tinyllm.metrics.score import check_texts, f_measure

ORDERS = range(1, 7)
BETA = 2

Counts = list[tuple[int, int, int]]     # right, guessed, gold runs of each order


def chrf(gold: Sequence[str | Sequence[str]], guessed: Sequence[str]) -> float:
    """chrF2 of a corpus, between 0 and 100: an F-measure of letters that counts recall four times as much as precision.

        chrF = 100 (1 + β²) P R / (β² P + R),  β = 2

    P and R: the mean over n = 1 … 6 of the share of runs of n letters guessed that stand in the reference, and of the
    reference's that were guessed; counts are summed over all texts first, white space is left out, and an n for which one
    side has no run is left out of the means.

    Where a language puts much into endings, a wrong ending is a wrong word to BLEU, and nearly right here.
    gold: for each text its reference, or several: then the one with the best chrF counts.

    Worked, with gold "abc" and guessed "abd": n = 1: 2 of 3; n = 2: 1 of 2; n = 3: 0 of 1; P = R = 7/18, chrF 38.89.

    Raises ValueError for another number of guesses than texts, none, or a text without a reference; TypeError for no strings.

    Popović 2015, §2; Popović 2016 (β = 2); Post 2018 (sacrebleu's defaults: chrF2, case kept, no white space).
    """
    check_texts(gold, guessed, "texts")
    totals: Counts = [(0, 0, 0) for _ in ORDERS]
    for i, (answers, guess) in enumerate(zip(gold, guessed, strict=True)):
        best = max((_counts(answer, guess) for answer in references(answers, i)), key=_score)      # the first of equals
        totals = [(a + x, b + y, c + z) for (a, b, c), (x, y, z) in zip(totals, best, strict=True)]
    return _score(totals)


def _counts(gold: str, guess: str) -> Counts:
    gold, guess = "".join(gold.split()), "".join(guess.split())
    runs = [(ngrams(guess, n), ngrams(gold, n)) for n in ORDERS]
    # What is guessed counts only where the reference is long enough to have such runs.
    return [(common(mine, theirs), mine.total() if theirs else 0, theirs.total()) for mine, theirs in runs]


def _score(counts: Counts) -> float:
    shares = [(right / guessed, right / gold) for right, guessed, gold in counts if guessed and gold]
    if not shares:
        return 0.0
    precision, recall = (sum(share[i] for share in shares) / len(shares) for i in (0, 1))
    return 100 * f_measure(precision, recall, BETA)
