"""Lesson 30: summarisation."""

from collections import Counter
from itertools import pairwise

import numpy as np

from tinyllm.book import Exercise, Mistake
from tinyllm.metrics.rouge import longest_common_subsequence


def in_common(gold, guess):
    return (Counter(gold) & Counter(guess)).total()


def rouge_1(gold, guess):
    return 2 * in_common(gold, guess) / (len(gold) + len(guess))


def longest(one, other):
    return longest_common_subsequence(tuple(one), tuple(other))


def longest_run(one, other):
    return max(
        (n for n in range(1, len(one) + 1) for i in range(len(one) - n + 1) for j in range(len(other) - n + 1)
         if one[i : i + n] == other[j : j + n]),
        default=0,
    )


def without_diagonal(one, other):
    """The recursion that takes L(i, j - 1) + 1 for equal words: one word may be used twice."""
    L = np.zeros((len(one) + 1, len(other) + 1), int)
    for i in range(1, len(one) + 1):
        for j in range(1, len(other) + 1):
            L[i, j] = L[i, j - 1] + 1 if one[i - 1] == other[j - 1] else max(L[i - 1, j], L[i, j - 1])
    return int(L[-1, -1])


def summary_targets(ids, sign):
    place = int(np.argmax(ids == sign))
    return np.where(np.arange(len(ids) - 1) >= place, ids[1:], -100)


def neighbours(words):
    return list(pairwise(words))


def new_pairs(source, summary):
    there, pairs = set(neighbours(source)), neighbours(summary)
    return sum(pair not in there for pair in pairs) / len(pairs) if pairs else 0.0


def best_fixed(p, n):
    p = np.sort(p)[::-1]
    return float(max(2 * p[:k].sum() / (k + n) for k in range(1, len(p) + 1)))


def texts():
    from hypothesis import strategies as st

    words = st.lists(st.sampled_from("abcd"), min_size=1, max_size=6)
    return st.tuples(words, words)


def rows():
    from hypothesis import strategies as st

    @st.composite
    def draw_row(draw):
        source = draw(st.lists(st.integers(3, 6), min_size=1, max_size=4))
        summary = draw(st.lists(st.integers(3, 6), min_size=0, max_size=4))
        return np.array([*source, 2, *summary, 1]), 2

    return draw_row()


def chances():
    from hypothesis import strategies as st

    p = st.lists(st.sampled_from([0.05, 0.1, 0.2, 0.3, 0.5, 0.8]), min_size=2, max_size=6).map(np.array)
    return st.tuples(p, st.integers(1, 6))


EXERCISES = [
    Exercise(
        "three numbers",
        expected=(1.0, 0.0, 0.25),
        mistakes=(
            Mistake((1.0, 1.0, 1.0), "Only single words forget the order: d c, c b and b a are no pairs of the reference."),
            Mistake((1.0, 0.0, 0.0), "One word alone is a subsequence as well: any of the four."),
            Mistake((1.0, 0.0, 1.0), "A subsequence keeps its order: a before b in both texts."),
            Mistake((0.0, 0.0, 0.25), "ROUGE-1 asks for no order: all four words are in common."),
        ),
        hint="Words, then neighbours in common; then the longest sequence in one order in both: each 2c over both lengths.",
    ),
    Exercise(
        "ROUGE-1",
        expected=rouge_1,
        inputs=texts(),
        mistakes=(
            Mistake(lambda gold, guess: in_common(gold, guess) / len(gold), "That is recall: the longest summary would win."),
            Mistake(lambda gold, guess: in_common(gold, guess) / len(guess), "That is precision: one safe word would win."),
            Mistake(lambda gold, guess: 2 * len(set(gold) & set(guess)) / (len(set(gold)) + len(set(guess))),
                    "A word that stands twice in both counts twice: Counters, not sets."),
            Mistake(lambda gold, guess: 2 * sum(w in gold for w in guess) / (len(gold) + len(guess)),
                    "A word counts at most as often as it stands in the reference."),
        ),
        hint="c = sum of the smaller counts; F1 = 2c / (words of both).",
    ),
    Exercise(
        "longest common subsequence",
        expected=longest,
        inputs=texts(),
        mistakes=(
            Mistake(longest_run, "Words in between are allowed: in order, not side by side."),
            Mistake(in_common, "The order counts: a before b in both."),
            Mistake(without_diagonal, "Equal words use up one word on *both* sides: L(i − 1, j − 1) + 1."),
        ),
        hint="A table of (len + 1) × (len + 1) zeros, filled row by row by the recursion.",
    ),
    Exercise(
        "targets for a decoder alone",
        expected=summary_targets,
        inputs=rows(),
        mistakes=(
            Mistake(lambda ids, sign: ids[1:].copy(), "That learns the source as well: -100 where the next id is no summary."),
            Mistake(
                lambda ids, sign: np.where(np.arange(len(ids) - 1) > np.argmax(ids == sign), ids[1:], -100),
                "The summary's first token is asked for *at* the sign.",
            ),
            Mistake(
                lambda ids, sign: np.where(np.arange(len(ids) - 1) >= np.argmax(ids == sign) - 1, ids[1:], -100),
                "The sign itself need not be learned: it is put there by us.",
            ),
            Mistake(
                lambda ids, sign: np.where(np.arange(len(ids) - 1) >= np.argmax(ids == sign), ids[:-1], -100),
                "Moved by one: at each place the *next* id is asked for.",
            ),
        ),
        hint="ids[1:] from the sign's place on, -100 before it.",
    ),
    Exercise(
        "new pairs",
        expected=new_pairs,
        inputs=texts(),
        mistakes=(
            Mistake(lambda source, summary: 1 - new_pairs(source, summary) if len(summary) > 1 else 0.0,
                    "That is the share that was copied."),
            Mistake(lambda source, summary: float(np.mean([w not in source for w in summary])),
                    "Pairs of neighbours, not single words."),
            Mistake(lambda source, summary: new_pairs(summary, source), "Source and summary have changed places."),
            Mistake(
                lambda source, summary: len(set(neighbours(summary)) - set(neighbours(source)))
                / max(len(set(neighbours(summary))), 1),
                "A pair that stands twice in the summary counts twice.",
            ),
        ),
        hint="zip(words, words[1:]) makes the neighbours; ask each of the summary's whether the source has it.",
    ),
    Exercise(
        "the best fixed string",
        expected=best_fixed,
        inputs=chances(),
        mistakes=(
            Mistake(lambda p, n: float(2 * p.sum() / (len(p) + n)), "All words: but a rare one costs more than it brings."),
            Mistake(lambda p, n: float(2 * p.max() / (1 + n)), "Not only the commonest: go on as long as the score rises."),
            Mistake(lambda p, n: float(p.sum() / n),
                    "That is recall: a longer string always has more of it. F1 divides by both lengths."),
            Mistake(lambda p, n: float(np.sort(p)[::-1][:n].sum() / n),
                    "The string need not be as long as the references."),
        ),
        hint="Expectation is linear: a bag S has mean 2 Σ p_w / (|S| + n). For each size the likeliest words are best.",
    ),
]
