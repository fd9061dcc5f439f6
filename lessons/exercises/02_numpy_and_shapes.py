"""Lesson 2: NumPy and shapes."""

import numpy as np
from hypothesis import strategies as st

from tinyllm.book import Exercise, Mistake
from tinyllm.book.draws import arrays, token_ids

SHAPES = [(2, 5, 8), (2, 5, 3), (2, 8), (2, 5, 1), (2, 8), (2, 2, 5, 4)]


def shapes_with(place, shape):
    return [*SHAPES[:place], shape, *SHAPES[place + 1:]]


def row_shares(counts):
    return counts / np.sum(counts, axis=1, keepdims=True)


def one_hot(ids, v):
    return (ids[:, None] == np.arange(v)).astype(np.float64)


def probability_of_what_came(p, came):
    return p[np.arange(len(came)), came]


def split_heads(x, n_heads):
    return np.swapaxes(x.reshape(len(x), n_heads, -1), 0, 1)


def mean_of_real(x, mask):
    return np.sum(x * mask[:, :, None], axis=1) / np.sum(mask, axis=1, keepdims=True)


def squared_distances(x, y):
    return np.sum((x[:, None, :] - y[None, :, :]) ** 2, axis=-1)


def ids_and_size(drawn):
    ids, extra = drawn
    return ids, int(ids.max(initial=0)) + 1 + int(extra)


def ids_within(drawn):
    p, came = drawn
    return p, came % p.shape[1]


def rows_and_heads(drawn):
    (x,), (heads,) = drawn
    return np.repeat(x, heads, axis=1) + np.arange(heads * x.shape[1]), heads


def mask_with_one(drawn):
    (x,), (mask,) = drawn
    mask = np.resize(mask, x.shape[:2]) > 0             # the drawn ones, again and again
    mask[:, 0] |= ~mask.any(axis=1)
    return x, mask


EXERCISES = [
    Exercise(
        "shapes",
        expected=SHAPES,
        mistakes=(
            Mistake(shapes_with(0, (2, 5)), "(a) A row of the table replaces each id: the index's shape, then the row's."),
            Mistake(shapes_with(1, (2, 5, 8)), "(b) The 8 is summed over. What is left of w.T, of shape (8, 3)?"),
            Mistake(shapes_with(2, (2, 5)), "(c) axis=1 is the one that vanishes, not the last."),
            Mistake(shapes_with(3, (2, 5)), "(d) keepdims leaves the axis, with size 1."),
            Mistake(shapes_with(4, (2, 1, 8)), "(e) An index that is a number removes its axis; a slice, -1:, would keep it."),
            Mistake(shapes_with(5, (2, 5, 2, 4)), "(f) The reshape gives (2, 5, 2, 4); then axes 1 and 2 change places."),
        ),
        hint="Go through them one by one, with the rules of this lesson; at least one is off.",
    ),
    Exercise(
        "rows to shares",
        expected=row_shares,
        inputs=arrays("R C", low=0.25),
        mistakes=(
            Mistake(lambda counts: counts / np.sum(counts, axis=1), "The sums, (R,), lie along the columns: keepdims."),
            Mistake(
                lambda counts: counts / np.sum(counts, axis=0, keepdims=True),
                "Now each *column* sums to 1: the axis that is summed over is the one along a row.",
            ),
            Mistake(lambda counts: counts / np.sum(counts), "That divides by the sum of everything: name an axis."),
            Mistake(lambda counts: np.sum(counts, axis=1, keepdims=True), "Those are the sums. Divide the counts by them."),
        ),
        hint="Sum along axis 1, keep the axis, divide.",
    ),
    Exercise(
        "one-hot",
        expected=one_hot,
        inputs=st.tuples(token_ids("T", vocab_size=5), st.integers(0, 2)).map(lambda d: ids_and_size((d[0][0], d[1]))),
        mistakes=(
            Mistake(
                lambda ids, v: (ids == np.arange(v)[:, None]).astype(float),
                "That is the transpose: a row for each token, a column for each id.",
            ),
            Mistake(lambda ids, v: (ids[:, None] <= np.arange(v)).astype(float), "Equal, not at most: one entry a row is 1."),
            Mistake(lambda ids, v: (ids[:, None] == np.arange(1, v + 1)).astype(float), "Columns are counted from 0."),
            Mistake(
                lambda ids, v: (ids[:, None] == np.arange(ids.max() + 1)).astype(float),
                "There are v columns, whether or not the largest id occurs.",
            ),
        ),
        hint="Compare ids as a column, ids[:, None], with the row np.arange(v).",
    ),
    Exercise(
        "what came",
        expected=probability_of_what_came,
        inputs=st.tuples(arrays("3 V", low=0), token_ids("3")).map(lambda d: ids_within((d[0][0], d[1][0]))),
        mistakes=(
            Mistake(lambda p, came: p[:, came], "That takes these columns from *every* row. Give the row numbers too."),
            Mistake(lambda p, came: p[came], "That picks rows of p. Rows go in order; what came picks the column."),
            Mistake(lambda p, came: p.max(axis=1), "The largest entry of a row is the likeliest token, not the one that came."),
            Mistake(lambda p, came: p[np.arange(len(came)), came - 1], "Columns are counted from 0."),
        ),
        hint="Two integer indices that walk together: np.arange(T) for the rows, came for the columns.",
    ),
    Exercise(
        "heads and back",
        expected=split_heads,
        inputs=st.tuples(arrays("T D"), st.tuples(st.integers(1, 3))).map(rows_and_heads),
        mistakes=(
            Mistake(
                lambda x, n_heads: x.reshape(n_heads, len(x), -1),
                "The shape is right, the contents are mixed: split C where it stands, (T, H, D), then swap axes.",
            ),
            Mistake(lambda x, n_heads: x.reshape(len(x), n_heads, -1), "Split rightly. Now bring the heads to the front."),
            Mistake(
                lambda x, n_heads: np.moveaxis(x.reshape(len(x), -1, n_heads), -1, 0),
                "Head h should hold D neighbouring columns: C splits into (H, D), not (D, H).",
            ),
        ),
        hint="Reshape (T, C) to (T, H, D), then swap the first two axes.",
    ),
    Exercise(
        "a mean that ignores padding",
        expected=mean_of_real,
        inputs=st.tuples(arrays("B T C"), token_ids("5", vocab_size=2)).map(mask_with_one),
        mistakes=(
            Mistake(lambda x, mask: x.mean(axis=1), "Padding takes part: multiply by the mask before you add."),
            Mistake(
                lambda x, mask: np.mean(x * mask[:, :, None], axis=1),
                "That divides by T. Divide by how many tokens are real: sum the mask.",
            ),
            Mistake(
                lambda x, mask: np.sum(x * mask[:, :, None], axis=1) / np.sum(mask),
                "Each text has its own number of real tokens: sum the mask along axis 1.",
            ),
            Mistake(
                lambda x, mask: np.sum(x, axis=1) / np.sum(mask, axis=1, keepdims=True),
                "The number is right, but the sum above it still has the padding in it.",
            ),
            Mistake(lambda x, mask: np.sum(x * mask[:, :, None], axis=1), "That is the sum: divide by how many are real."),
        ),
        hint="Sum of x times mask (B, T, 1), over T; divided by the sum of the mask (B, 1).",
    ),
    Exercise(
        "all distances",
        expected=squared_distances,
        inputs=arrays("N C", "M C"),
        mistakes=(
            Mistake(
                lambda x, y: np.sum((y[:, None, :] - x[None, :, :]) ** 2, axis=-1),
                "That is (M, N): x varies along the rows of the result, so its new axis is the second.",
            ),
            Mistake(lambda x, y: np.sum(x[:, None, :] - y[None, :, :], axis=-1), "Square the differences before you add them."),
            Mistake(
                lambda x, y: np.sum(np.abs(x[:, None, :] - y[None, :, :]), axis=-1),
                "Squares, not absolute values.",
            ),
            Mistake(
                lambda x, y: np.sqrt(np.sum((x[:, None, :] - y[None, :, :]) ** 2, axis=-1)),
                "The root is not asked for: squared distances.",
            ),
            Mistake(lambda x, y: (x[:, None, :] - y[None, :, :]) ** 2, "Still (N, M, C): sum over the last axis."),
        ),
        hint="x as (N, 1, C), y as (1, M, C): subtract, square, sum over the last axis.",
    ),
]
