"""Translations: BLEU, the runs of words in common with the references, as sacrebleu counts it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tinyllm.metrics.ngrams import common, ngrams, references
from tinyllm.metrics.score import check_texts
from tinyllm.metrics.words_13a import words_13a

ORDERS = range(1, 5)


@dataclass(frozen=True)
class Bleu:
    """BLEU with what it is made of; printed, it is sacrebleu's line, which says how the number was counted.

    score and precisions lie between 0 and 100; lengths are in words of the whole corpus.
    """

    score: float
    precisions: tuple[float, float, float, float]
    brevity_penalty: float
    guessed_length: int
    gold_length: int
    signature: str

    def __str__(self) -> str:
        ratio = self.guessed_length / self.gold_length if self.gold_length else 0
        return (
            f"BLEU|{self.signature} = {self.score:.2f} {'/'.join(f'{p:.1f}' for p in self.precisions)} "
            f"(BP = {self.brevity_penalty:.3f} ratio = {ratio:.3f} "
            f"hyp_len = {self.guessed_length} ref_len = {self.gold_length})"
        )


def bleu(gold: Sequence[str | Sequence[str]], guessed: Sequence[str]) -> Bleu:
    """The BLEU of a corpus: the geometric mean of four precisions, times a penalty for being short.

        BLEU = 100 BP (p₁ p₂ p₃ p₄)^¼        BP = min(1, exp(1 - r/c))

        pₙ = Σ runs of n words that also stand in a reference / Σ runs of n words        (sums over all texts)

    gold: for each text its reference, or several; guessed: the texts; both plain text, not tokenised. A run counts at most
    as often as it stands in the reference that has most of it: else "the the the" would be perfect. There is no recall,
    since nobody says all references at once; the penalty stands in for it: c is the number of words guessed, r that of
    the references, of each text the one nearest in length (the shorter of two as near).

    pₙ = 0 would make the whole number 0, even for one missing run of four words in a small corpus: the first such pₙ is
    counted as half a hit, the next as a quarter, and so on (exponential smoothing). Without a single word right, BLEU is
    0, and so it is where no text has four words: there is no p₄ then.

    It is a number of a corpus: the mean over sentences is another one.

    Worked: gold "the cat sat on the mat", guessed "the cat sat on a mat". p = 5/6, 3/5, 2/4, 1/3; c = r = 6, BP = 1;
    their product is 1/12, and BLEU = 100 (1/12)^¼ = 53.73.

    Raises ValueError for another number of guesses than texts, none, or a text without a reference; TypeError for no strings.

    Papineni et al. 2002, §2; Post 2018 (words_13a); Chen & Cherry 2014, smoothing 3.
    """
    check_texts(gold, guessed, "texts")
    right, total = [0] * 4, [0] * 4
    guessed_length = gold_length = 0
    counts = set()
    for i, (answers, guess) in enumerate(zip(gold, guessed, strict=True)):
        golds, words = [words_13a(answer) for answer in references(answers, i)], words_13a(guess)
        counts.add(len(golds))
        guessed_length += len(words)
        gold_length += min((abs(len(answer) - len(words)), len(answer)) for answer in golds)[1]
        for n in ORDERS:
            allowed: Counter[Sequence[str]] = Counter()
            for answer in golds:
                allowed |= ngrams(answer, n)        # the larger count of the two
            runs = ngrams(words, n)
            right[n - 1] += common(runs, allowed)
            total[n - 1] += runs.total()
    precisions = _smoothed(right, total)
    penalty = _brevity_penalty(guessed_length, gold_length)
    score = 100 * penalty * math.prod(precisions) ** 0.25
    signature = f"nrefs:{counts.pop() if len(counts) == 1 else 'var'}|case:mixed|eff:no|tok:13a|smooth:exp"
    p1, p2, p3, p4 = (100 * p for p in precisions)
    return Bleu(score, (p1, p2, p3, p4), penalty, guessed_length, gold_length, signature)


def _smoothed(right: list[int], total: list[int]) -> list[float]:
    if not any(right):
        return [0.0] * 4
    precisions, hit = [], 1.0
    for hits, runs in zip(right, total, strict=True):
        if runs and not hits:
            hit /= 2
        precisions.append((hits or hit) / runs if runs else 0.0)
    return precisions


def _brevity_penalty(guessed_length: int, gold_length: int) -> float:
    if guessed_length >= gold_length:
        return 1.0
    return math.exp(1 - gold_length / guessed_length) if guessed_length else 0.0
