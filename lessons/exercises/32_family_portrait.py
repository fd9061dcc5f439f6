"""Lesson 32: the families as switches of one layer, and their folders."""

import math

import numpy as np
from hypothesis import strategies as st

from tinyllm.book import Exercise, Mistake
from tinyllm.book.draws import arrays

BYTES = {"F32": 4, "F16": 2, "BF16": 2, "I8": 1}


def llama_layer(C, d, H, K, D):
    return 2 * C * H * d + 2 * C * K * d + 3 * C * D + 2 * C


def prefix_mask(T, P):
    return np.tril(np.ones((T, T), bool)) | (np.arange(T) < P)


def bytes_of(header):
    return sum(BYTES[entry["dtype"]] * math.prod(entry["shape"]) for entry in header.values())


def alibi_bias(T, m):
    distance = np.arange(T)[:, None] - np.arange(T)
    return np.where(distance >= 0, -m * distance, -np.inf)


def split_attention(c_attn):
    return tuple(np.split(c_attn.T, 3))


def cache_outgrows(P, L, K, d):
    return P // (2 * L * K * d) + 1


small = st.integers(1, 6)
entry = st.fixed_dictionaries({
    "dtype": st.sampled_from(list(BYTES)), "shape": st.lists(small, min_size=0, max_size=3), "data_offsets": st.just([0, 0]),
})
headers = st.dictionaries(st.sampled_from(["a.weight", "a.bias", "b.weight"]), entry, max_size=3)

EXERCISES = [
    Exercise(
        "a layer, counted", llama_layer, st.tuples(small, small, small, small, small),
        mistakes=(
            Mistake(lambda C, d, H, K, D: 4 * C * H * d + 3 * C * D + 2 * C, "Keys and values have K heads, not H."),
            Mistake(lambda C, d, H, K, D: 2 * C * H * d + 2 * C * K * d + 2 * C * D + 2 * C, "A gate is a third matrix."),
            Mistake(lambda C, d, H, K, D: 2 * C * H * d + 2 * C * K * d + 3 * C * D, "Each of the two norms has a weight."),
            Mistake(lambda C, d, H, K, D: 4 * C * C + 3 * C * D + 2 * C, "H · d need not be C, and K need not be H."),
        ),
        hint="Matrices q, o (C · H d each), k, v (C · K d each), three of the network, two norms of C.",
    ),
    Exercise(
        "who sees whom", prefix_mask, st.integers(1, 6).flatmap(lambda T: st.tuples(st.just(T), st.integers(0, T))),
        mistakes=(
            Mistake(lambda T, P: np.tril(np.ones((T, T), bool)), "The prefix is seen by all, also by earlier tokens of it."),
            Mistake(lambda T, P: prefix_mask(T, P).T, "Rows are who sees, columns who is seen."),
            Mistake(lambda T, P: np.tril(np.ones((T, T), bool)) | (np.arange(T)[:, None] < P),
                    "Now the prefix sees everything, the future too: it is to be seen by everything."),
            Mistake(lambda T, P: np.tril(np.ones((T, T), bool)) | (np.arange(T) <= P), "The first P: places 0 to P − 1."),
        ),
        hint="The triangle of a causal model, or a column below P.",
    ),
    Exercise(
        "the header", bytes_of, st.tuples(headers),
        mistakes=(
            Mistake(lambda header: 4 * sum(math.prod(e["shape"]) for e in header.values()), "Not every number has 4 bytes."),
            Mistake(lambda header: sum(BYTES[e["dtype"]] * sum(e["shape"]) for e in header.values()),
                    "An array of shape (2, 3) has 6 numbers, not 5."),
            Mistake(lambda header: sum(e["data_offsets"][1] for e in header.values()),
                    "From dtypes and shapes: the offsets are what one would like to check."),
        ),
        hint="Bytes of a number, times the product of the shape (1 for the shape []), over all entries.",
    ),
    Exercise(
        "ALiBi's scores", alibi_bias, st.tuples(st.integers(1, 5), st.sampled_from([0.5, 0.25, 1.0])),
        mistakes=(
            Mistake(lambda T, m: -m * np.abs(np.arange(T)[:, None] - np.arange(T)), "Keys ahead of the query must be hidden."),
            Mistake(lambda T, m: -alibi_bias(T, m), "Far tokens are to be seen less: the bias is negative."),
            Mistake(lambda T, m: alibi_bias(T, m).T, "Row i is query i: it sees keys 0 to i."),
            Mistake(lambda T, m: np.where(alibi_bias(T, m) == -np.inf, 0.0, alibi_bias(T, m)),
                    "0 hides nothing: exp(0) is the weight of the nearest key."),
        ),
        hint="distance = i − j; where it is negative the key is ahead.",
    ),
    Exercise(
        "from one matrix to three", split_attention, st.integers(1, 3).flatmap(lambda C: arrays(f"{C} {3 * C}")),
        mistakes=(
            Mistake(lambda c: tuple(np.split(c, 3, axis=1)), "Ours are (out, in): transpose."),
            Mistake(lambda c: tuple(reversed(np.split(c.T, 3))), "The order is q, k, v."),
            Mistake(lambda c: tuple(c.T[i::3] for i in range(3)), "Side by side, not interleaved: the first C outputs are q."),
        ),
        hint="Transpose first, (3C, C); then the first C rows are q.",
    ),
    Exercise(
        "a cache larger than the weights", cache_outgrows,
        st.tuples(st.integers(1, 400), st.integers(1, 4), st.integers(1, 3), st.integers(1, 4)),
        mistakes=(
            Mistake(lambda P, L, K, d: P // (L * K * d) + 1, "Keys and values: two numbers for each feature."),
            Mistake(lambda P, L, K, d: P // (2 * L * K * d), "At this number it is not yet larger."),
            Mistake(lambda P, L, K, d: math.ceil(P / (2 * L * K * d)), "When it comes out even, equal is not larger."),
        ),
        hint="One token adds 2 L K d numbers. Larger, not equal.",
    ),
]
