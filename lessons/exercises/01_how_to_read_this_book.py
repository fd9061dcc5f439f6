"""Lesson 1: the mechanics, on small texts."""

import math
from itertools import pairwise

import numpy as np
from hypothesis import strategies as st

from tinyllm.book import Exercise, Mistake
from tinyllm.book.draws import arrays

LETTERS = "ab "
TEXT_AND_PAIR = st.tuples(st.text(LETTERS, max_size=8), st.sampled_from(LETTERS), st.sampled_from(LETTERS))


def times_followed(text, a, b):
    return sum(1 for c, d in pairwise(text) if c == a and d == b)


def share(part, whole):
    return part / whole if whole else 0.0


def probability_of_next(text, a, b):
    return share(times_followed(text, a, b), text[:-1].count(a))


def loss_of_guessing_evenly(v):
    return math.log(v)


def loss_of(p):
    return np.mean(-np.log(p))


def written(text, start, n, choose=min):
    result, last = "", start
    for _ in range(n):
        followers = [d for c, d in pairwise(text) if c == last]
        if not followers:
            break
        most = max(map(followers.count, followers))
        last = choose(c for c in followers if followers.count(c) == most)
        result += last
    return result


def never_looking_at_what_it_wrote(text, start, n):
    return written(text, start, 1) * n


def in_order_of_the_alphabet(text, start, n):
    result, last = "", start
    for _ in range(n):
        followers = [d for c, d in pairwise(text) if c == last]
        if not followers:
            break
        last = min(followers)
        result += last
    return result


EXERCISES = [
    Exercise(
        "the ledger",
        expected="F12",
        mistakes=(
            Mistake("F10", "F10 is the causal one, which predicts the next token. Look for 'masked'."),
            Mistake("F13", "F13 is next-sentence prediction, printed in the same sections."),
            Mistake("F11", "F11 is pretraining by reconstruction, printed one section earlier in 004."),
            Mistake(12, 'A string with its letter, such as "F1".'),
            Mistake("12", 'With its letter, such as "F1".'),
        ),
        hint="In a terminal: tinyllm formulas. The name says 'masked'; it is a formula, so the number begins with F.",
    ),
    Exercise(
        "pairs",
        expected=times_followed,
        inputs=TEXT_AND_PAIR,
        mistakes=(
            Mistake(
                lambda text, a, b: text.count(a + b),
                "str.count does not count places that overlap. Go over the neighbours: zip(text, text[1:]).",
            ),
            Mistake(lambda text, a, b: text.count(b), "Only those b that stand directly after an a."),
            Mistake(lambda text, a, b: times_followed(text, b, a), "That counts a after b; asked for is b after a."),
            Mistake(
                lambda text, a, b: times_followed(text + text[:1], a, b),
                "The last character has no follower: the text does not begin again.",
            ),
        ),
        hint="Look at each character together with the next one, and count where they are a and b.",
    ),
    Exercise(
        "a probability",
        expected=probability_of_next,
        inputs=TEXT_AND_PAIR,
        mistakes=(
            Mistake(
                lambda text, a, b: share(times_followed(text, a, b), text.count(a)),
                "If the text ends in a, that last a is followed by nothing: it does not count below either.",
            ),
            Mistake(
                lambda text, a, b: share(times_followed(text, a, b), len(text) - 1),
                "That is the share among all pairs. Divide by the pairs that begin with a.",
            ),
            Mistake(
                lambda text, a, b: share(times_followed(text, a, b), text[1:].count(b)),
                "That asks: of all b, how many stand after an a? The other way round is asked for.",
            ),
            Mistake(times_followed, "That is the number. Divide by how often anything follows a."),
        ),
        hint="Number of pairs (a, b), divided by the number of pairs that begin with a; 0 if there are none.",
    ),
    Exercise(
        "knowing nothing",
        expected=loss_of_guessing_evenly,
        inputs=st.tuples(st.integers(1, 1000)),
        mistakes=(
            Mistake(lambda v: math.log2(v), "That is in bits. In nats, with the natural logarithm."),
            Mistake(lambda v: math.log10(v), "The natural logarithm, np.log."),
            Mistake(lambda v: -math.log(v), "1/v is below 1 and its logarithm negative: the surprise, −ln(1/v), is positive."),
            Mistake(lambda v: 1 / v, "That is the probability. The loss is its surprise."),
        ),
        hint="Every token has probability 1/v, so each costs −ln(1/v).",
    ),
    Exercise(
        "the loss",
        expected=loss_of,
        inputs=arrays("N", low=0.125, high=1.0, step=0.125),
        mistakes=(
            Mistake(lambda p: -np.log(np.mean(p)), "First the surprise of each token, then the mean; the order matters."),
            Mistake(lambda p: np.sum(-np.log(p)), "The mean, not the sum: a long text is not worse for being long."),
            Mistake(lambda p: np.mean(np.log(p)), "Surprise is −ln p, which is positive."),
            Mistake(lambda p: 1 - np.mean(p), "It is not the missing probability that is charged, but −ln p."),
            Mistake(lambda p: -np.log(p), "Those are N surprises. The loss is their mean."),
        ),
        hint="The mean of −ln p.",
    ),
    Exercise(
        "a writer",
        expected=lambda text, start, n: written(text, start, n),
        inputs=st.tuples(st.text("abc", max_size=10), st.sampled_from("abc"), st.integers(0, 5)),
        mistakes=(
            Mistake(lambda text, start, n: start + written(text, start, n), "Only what was appended, without the start."),
            Mistake(lambda text, start, n: written(text, start, n, max), "Between equals, the first in the alphabet."),
            Mistake(never_looking_at_what_it_wrote, "After each step, look at the character just written, not at the start."),
            Mistake(in_order_of_the_alphabet, "The most frequent follower; the alphabet decides only between equals."),
        ),
        hint="Again and again: collect what follows the last character, append the most frequent. Stop if there is none.",
    ),
]
