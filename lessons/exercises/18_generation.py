"""Lesson 18: generation."""

import math

import numpy as np
from hypothesis import strategies as st

import tinyllm.functional as F
from tinyllm.book import Exercise, Mistake
from tinyllm.book.draws import arrays


def draw_token(p, u):
    return int(np.sum(np.cumsum(p) <= u))


def with_temperature(p, t):
    return F.softmax(np.log(p) / t)


def keep_top_k(p, k):
    kept = np.where(p >= np.sort(p)[-k], p, 0.0)
    return kept / kept.sum()


def kept_by_top_p(p, share):
    return int(np.sum(np.cumsum(np.sort(p)[::-1]) < share - 1e-9)) + 1


def cached_step(keys, values, query, key, value):
    return F.attention(query[None], np.vstack([keys, key]), np.vstack([values, value]))[0]


def expected_surprise(p, t):
    return -np.sum(F.softmax(np.log(p) / t) * np.log(p), axis=-1)


def shares(n):
    """Probabilities as multiples of 1/16 with sum 1, n to 5 of them, all positive."""
    return st.lists(st.integers(1, 6), min_size=n, max_size=5).map(lambda counts: np.array(counts) / sum(counts))


def distinct():
    """Probabilities without equal entries, and a k."""
    counts = st.lists(st.integers(1, 12), min_size=2, max_size=5, unique=True)
    return counts.flatmap(lambda drawn: st.tuples(st.just(np.array(drawn) / sum(drawn)), st.integers(1, len(drawn))))


EXERCISES = [
    Exercise(
        "temperature in your head",
        expected=(16 / 17, 1 / 17),
        mistakes=(
            Mistake((0.4, 0.1),
                    "Dividing the *probabilities* changes no ratio, and these do not sum to 1. Logits are divided."),
            Mistake((0.64, 0.04), "Squaring is right; now divide by the sum, so that they are probabilities."),
            Mistake((2 / 3, 1 / 3), "You took roots: that is T = 2. At T = ½ the ratio is squared, from 4 to 16."),
            Mistake((8 / 9, 1 / 9), "You doubled the ratio, from 4 to 8. Its *logarithm* doubles, so the ratio is squared."),
            Mistake((0.8, 0.2), "Only T = 1 changes nothing."),
        ),
        hint="log(p1/p2) is divided by T = ½, so doubled: the ratio 4 becomes 16. Which two numbers with sum 1 have it?",
    ),
    Exercise(
        "draw",
        expected=draw_token,
        inputs=st.tuples(shares(2), st.integers(0, 31).map(lambda n: (n + 0.5) / 32)),
        mistakes=(
            Mistake(lambda p, u: int(np.argmax(p)), "That is greedy: u is not used."),
            Mistake(lambda p, u: int(np.sum(p <= u)), "Compare u with the *cumulative* sums, the ends of the pieces."),
            Mistake(lambda p, u: int(np.sum(np.cumsum(p) <= u)) - 1,
                    "One too small: with no piece's end below u it is token 0."),
            Mistake(lambda p, u: min(int(np.sum(np.cumsum(p) <= u)) + 1, len(p) - 1),
                    "One too large: with no piece's end below u it is token 0."),
            Mistake(lambda p, u: int(u * len(p)), "That makes all tokens equally likely. The pieces have lengths p."),
        ),
        hint="np.cumsum(p) are the ends of the pieces. The token is the number of pieces that end at or before u.",
    ),
    Exercise(
        "temperature on probabilities",
        expected=with_temperature,
        inputs=st.tuples(shares(2), st.sampled_from([0.5, 2.0, 1.0, 3.0])),
        mistakes=(
            Mistake(lambda p, t: F.softmax(p / t),
                    "p are probabilities. A softmax wants logits: log p is a choice that works."),
            Mistake(lambda p, t: p ** (1 / t), "Divide by the sum, so that they are probabilities again."),
            Mistake(lambda p, t: p**t / np.sum(p**t), "The power is 1/T: a small T sharpens."),
            Mistake(lambda p, t: p / t / np.sum(p / t), "A factor before the sum cancels: nothing changed. Divide log p."),
        ),
        hint="log p are logits. Dividing them by T is raising p to the power 1/T; then divide by the sum.",
    ),
    Exercise(
        "top-k on probabilities",
        expected=keep_top_k,
        inputs=distinct(),
        mistakes=(
            Mistake(lambda p, k: np.where(p >= np.sort(p)[-k], p, 0.0), "Divide by what is left: it must sum to 1 again."),
            Mistake(lambda p, k: keep_top_k(p, min(k + 1, len(p))), "One too many is kept."),
            Mistake(lambda p, k: np.where(np.arange(len(p)) < k, p, 0.0) / p[:k].sum(),
                    "Those are the *first* k, not the largest."),
            Mistake(lambda p, k: np.where(p <= np.sort(p)[k - 1], p, 0.0) / np.sort(p)[:k].sum(),
                    "Those are the k *smallest*."),
            Mistake(lambda p, k: (p >= np.sort(p)[-k]) / k, "What stays keeps its ratios: it does not become uniform."),
        ),
        hint="np.sort(p)[-k] is the smallest that stays. Zero for the rest, then divide by the sum.",
    ),
    Exercise(
        "how many top-p keeps",
        expected=kept_by_top_p,
        inputs=st.tuples(shares(2), st.sampled_from([0.3, 0.55, 0.72, 0.93, 0.99])),
        mistakes=(
            Mistake(lambda p, share: kept_by_top_p(p, share) - 1,
                    "One too few: the token that reaches the share belongs to the set."),
            Mistake(lambda p, share: int(np.sum(np.cumsum(np.sort(p)) < share)) + 1,
                    "You began with the *least* likely. Sort the other way."),
            Mistake(lambda p, share: int(np.sum(np.cumsum(p) < share)) + 1,
                    "Sort first: the set is made of the likeliest tokens."),
            Mistake(lambda p, share: int(np.sum(p >= share)),
                    "It is the *sum* of the kept probabilities that reaches the share."),
            Mistake(lambda p, share: math.ceil(share * len(p)),
                    "That is a share of the number of tokens, not of the probability."),
        ),
        hint="Sort from the likeliest on, add up; count the sums still below the share, and the one that reaches it.",
    ),
    Exercise(
        "one step with a cache",
        expected=cached_step,
        inputs=arrays("T D", "T E", "D", "D", "E", D=(2, 3)),
        mistakes=(
            Mistake(lambda keys, values, query, key, value: F.attention(query[None], keys, values)[0],
                    "The new token sees itself too: append its key and value first."),
            Mistake(
                    lambda keys, values, query, key, value:
                    F.softmax(np.vstack([keys, key]) @ query) @ np.vstack([values, value]),
                    "The scores are divided by √D."),
            Mistake(lambda keys, values, query, key, value: cached_step(keys, values, key, query, value),
                    "Query and key have changed places: the key is what the cache keeps, the query asks once."),
            Mistake(lambda keys, values, query, key, value: cached_step(keys, values, query, key, value)[None],
                    "One row is asked for, of shape (E,): drop the axis."),
        ),
        hint="Append key and value (np.vstack), scores of the one query with all keys, softmax, mean of the values.",
    ),
    Exercise(
        "expected surprise",
        expected=expected_surprise,
        inputs=st.tuples(arrays("n V", V=(2, 3)).map(lambda drawn: F.softmax(drawn[0])), st.sampled_from([0.5, 2.0, 1.0])),
        mistakes=(
            Mistake(lambda p, t: -np.sum(p * np.log(p), axis=-1),
                    "That is the entropy of p, the answer at T = 1. At T the tokens are drawn from another distribution."),
            Mistake(lambda p, t: -np.sum(F.softmax(np.log(p) / t) * F.log_softmax(np.log(p) / t), axis=-1),
                    "That is the surprise measured at temperature T. Drawn at T, but measured by p itself."),
            Mistake(lambda p, t: -np.sum(p * F.log_softmax(np.log(p) / t), axis=-1),
                    "The other way round: here tokens are drawn at 1 and measured at T."),
            Mistake(lambda p, t: np.mean(expected_surprise(p, t)),
                    "A number for each place is asked for, (n,), not their mean."),
            Mistake(lambda p, t: -expected_surprise(p, t), "Surprise is −log p: it is never negative."),
        ),
        hint="An expectation is Σ_i (probability that i is drawn) · (its surprise −log p_i). The first factor depends on T.",
    ),
]
