"""Lesson 33: blocks of few bits, rows and their order, heads that copy."""

import math

import numpy as np
from hypothesis import strategies as st

from tinyllm.book import Exercise, Mistake
from tinyllm.book.draws import arrays


def weights_of_block(d, m, data):
    data = np.asarray(data, np.uint8)
    return d * np.concatenate([data & 15, data >> 4]).astype(float) + m


def interleaved(d, m, data):
    data = np.asarray(data, np.uint8)
    return d * np.stack([data & 15, data >> 4], axis=1).reshape(-1).astype(float) + m


def high_first(d, m, data):
    data = np.asarray(data, np.uint8)
    return d * np.concatenate([data >> 4, data & 15]).astype(float) + m


def rounded_block(w, bits, rungs=lambda bits: 2**bits - 1, integer=np.round):
    m = w.min()
    d = (w.max() - m) / rungs(bits)
    return np.full_like(w, m) if d == 0 else d * integer((w - m) / d) + m


def around_zero(w, bits):
    d = np.abs(w).max() / (2 ** (bits - 1) - 1 or 1)
    return np.zeros_like(w) if d == 0 else d * np.round(w / d)


def ours_from_theirs(weight, n_heads):
    pairs = weight.reshape(n_heads, -1, 2, weight.shape[-1])
    return np.swapaxes(pairs, 1, 2).reshape(weight.shape)


def theirs_from_ours(weight, n_heads):
    pairs = weight.reshape(n_heads, 2, -1, weight.shape[-1])
    return np.swapaxes(pairs, 1, 2).reshape(weight.shape)


def copying_score(weights, n):
    t = np.arange(n, 2 * n)
    return weights[t, t - n + 1].mean()


def tokens_a_second(P, b, K, R):
    return R / (P * b / 8 + K)


def error_of_product(d, x):
    return d / math.sqrt(12) * np.sqrt(np.sum(x * x))


scales = st.sampled_from([0.25, 0.5, 1.0])
blocks = st.tuples(scales, st.sampled_from([-2.0, 0.0, 1.5]), st.lists(st.integers(0, 255), min_size=1, max_size=4))


def without_ties(drawn):
    """Whether no weight lies in the middle between two rungs: there one may round up, down or to the even one."""
    w, bits = drawn
    place = (w - w.min()) / (np.ptp(w) or 1) * (2**bits - 1)
    return bool((np.abs(place % 1 - 0.5) > 1e-6).all())


rows = st.lists(st.integers(-12, 12), min_size=1, max_size=6).map(lambda values: np.array(values) / 4)
matrices = st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 2)).map(
    lambda size: (np.arange(size[0] * 2 * size[1] * size[2], dtype=float).reshape(-1, size[2]), size[0])
)
squares = st.integers(1, 3).flatmap(lambda n: arrays(f"{2 * n} {2 * n}", low=0, high=4).map(lambda drawn: (*drawn, n)))

EXERCISES = [
    Exercise(
        "bits", expected=(8.5, 4.5),
        mistakes=(
            Mistake((8, 4), "The scale takes room as well: 2 bytes for every 32 weights."),
            Mistake((9, 5), "One scale, not two: Q8_0 and Q4_0 have no m."),
            Mistake((10, 6), "The scale is 16 bits for 32 weights together, half a bit each."),
        ),
        hint="(bits of 32 whole numbers + 16 bits of the scale) / 32.",
    ),
    Exercise(
        "a block", weights_of_block, blocks,
        mistakes=(
            Mistake(interleaved, "Not byte by byte: first the low halves of all bytes, then all the high ones."),
            Mistake(high_first, "The low halves come first."),
            Mistake(lambda d, m, data: weights_of_block(d, 0.0, data), "The m is missing: a q of 0 is the smallest weight, m."),
            Mistake(lambda d, m, data: weights_of_block(d, m - 8 * d, data), "No shift by 8 here: Q4_1 has m instead."),
            Mistake(lambda d, m, data: d * np.asarray(data, float) + m, "Each byte holds two numbers of four bits."),
        ),
        hint="low = data & 15, high = data >> 4; d q + m of both, one after the other.",
    ),
    Exercise(
        "rounding", rounded_block, st.tuples(rows, st.sampled_from([1, 2, 3])).filter(without_ties),
        mistakes=(
            Mistake(lambda w, bits: rounded_block(w, bits, rungs=lambda bits: 2**bits),
                    "With b bits there are 2^b rungs, and one gap less than rungs."),
            Mistake(lambda w, bits: rounded_block(w, bits, integer=np.floor), "To the *nearest* rung: np.round."),
            Mistake(around_zero, "The rungs reach from the smallest weight to the largest, not from −max to max."),
            Mistake(lambda w, bits: rounded_block(w, bits) - w.min(), "Add m again at the end."),
        ),
        hint="m = min, d = (max − min) / (2^bits − 1), q = round((w − m) / d); where d is 0, all weights are m.",
        atol=1e-9,
    ),
    Exercise(
        "rows", ours_from_theirs, matrices,
        mistakes=(
            Mistake(theirs_from_ours, "That is the other direction."),
            Mistake(lambda weight, n_heads: ours_from_theirs(weight, 1),
                    "Head by head: no row leaves its head."),
            Mistake(lambda weight, n_heads: weight, "Row 1 of a head belongs at D/2."),
            Mistake(lambda weight, n_heads: weight.reshape(n_heads, -1, weight.shape[-1])[:, ::-1].reshape(weight.shape),
                    "The rows are not reversed: the even ones first, in their order, then the odd ones."),
        ),
        hint="reshape to (H, D/2, 2, C), swap the two middle axes, reshape back.",
    ),
    Exercise(
        "finding copiers", copying_score, squares,
        mistakes=(
            Mistake(lambda w, n: w[np.arange(n, 2 * n), np.arange(n)].mean(),
                    "That is the earlier occurrence itself; what is wanted came *after* it."),
            Mistake(lambda w, n: w[np.arange(n, 2 * n), np.arange(n) + 1].sum(), "The mean over the second half's tokens."),
            Mistake(lambda w, n: w[np.arange(n) + 1, np.arange(n, 2 * n)].mean(), "Rows are who looks, columns who is seen."),
            Mistake(lambda w, n: w[np.arange(n, 2 * n), np.maximum(np.arange(n) - 1, 0)].mean(),
                    "After, not before: t − n + 1."),
        ),
        hint="For t = n … 2n − 1 the entry in row t and column t − n + 1.",
    ),
    Exercise(
        "how fast", tokens_a_second, st.tuples(*[st.integers(1, 8).map(float)] * 4),
        mistakes=(
            Mistake(lambda P, b, K, R: R / (P * b + K), "b are bits; R and K are bytes."),
            Mistake(lambda P, b, K, R: R / (P * b / 8), "The cache is read too."),
            Mistake(lambda P, b, K, R: (P * b / 8 + K) / R, "That is seconds for a token."),
        ),
        hint="Bytes for one token: P b / 8 + K.",
    ),
    Exercise(
        "the error of a product", error_of_product, st.tuples(scales, arrays("N").map(lambda drawn: drawn[0])),
        mistakes=(
            Mistake(lambda d, x: d / math.sqrt(12) * np.sum(np.abs(x)),
                    "Variances of independent errors add, standard deviations do not."),
            Mistake(lambda d, x: d**2 / 12 * np.sum(x * x), "That is the variance."),
            Mistake(lambda d, x: d / math.sqrt(12) * math.sqrt(len(x)), "Each error is multiplied by its input x_i."),
            Mistake(lambda d, x: d * np.sqrt(np.sum(x * x)), "The error of one weight is d/√12, not d."),
        ),
        hint="The error is Σ e_i x_i: what is its variance?",
    ),
]
