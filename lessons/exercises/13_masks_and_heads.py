"""Lesson 13: masks and heads."""

import math

import numpy as np
from hypothesis import strategies as st

import tinyllm.functional as F
from tinyllm.book import Exercise, Mistake
from tinyllm.book.draws import arrays, token_ids


def causal_mask(n_queries, n_keys):
    return np.tri(n_queries, n_keys, n_keys - n_queries, dtype=bool)


counts_of_tokens = st.integers(1, 4).flatmap(lambda n: st.tuples(st.just(n), st.integers(n, 5)))


def padding_mask(lengths, T):
    return (np.arange(T) < lengths[:, None])[:, None, None, :]


lengths_and_room = token_ids("B", vocab_size=5, B=(1, 3)).map(lambda drawn: (np.maximum(drawn[0], 1), 4))


@st.composite
def scores_and_mask(draw):
    t, s = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    (scores,), (mask,) = draw(arrays("T S", T=t, S=s)), draw(token_ids("T S", vocab_size=2, T=t, S=s))
    return scores, mask.astype(bool)


def masked_weights(scores, mask):
    return F.softmax(scores, where=mask)


def by_minus_infinity(scores, mask):
    scores = np.where(mask, scores, -np.inf)
    e = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


@st.composite
def array_and_heads(draw):
    heads, width = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    (x,) = draw(arrays("B T C", B=(1, 2), T=(1, 3), C=heads * width))
    return x, heads


def split_heads(x, n_heads):
    batch, length, width = x.shape
    return np.swapaxes(x.reshape(batch, length, n_heads, width // n_heads), 1, 2)


def every_other_feature(x, n_heads):
    batch, length, width = x.shape
    return np.moveaxis(x.reshape(batch, length, width // n_heads, n_heads), -1, 1)


@st.composite
def projected(draw):
    heads, width = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    return (*draw(arrays("T C", "T C", "T C", "C C", T=(1, 3), C=heads * width)), heads)


def heads_of(x, n_heads):
    return np.swapaxes(x.reshape(len(x), n_heads, -1), 0, 1)


def merged(y):
    return np.swapaxes(y, 0, 1).reshape(y.shape[1], -1)


def multi_head(q, k, v, w_o, n_heads):
    return merged(F.attention(*(heads_of(x, n_heads) for x in (q, k, v)))) @ w_o


def scaled_by_the_whole_width(q, k, v, w_o, n_heads):
    return multi_head(q / math.sqrt(n_heads), k, v, w_o, n_heads)


def one_head_alone(q, k, v, w_o, n_heads):
    return F.attention(q, k, v) @ w_o


def heads_not_brought_back(q, k, v, w_o, n_heads):
    return F.attention(*(heads_of(x, n_heads) for x in (q, k, v))).reshape(q.shape) @ w_o


def not_mixed(q, k, v, w_o, n_heads):
    return merged(F.attention(*(heads_of(x, n_heads) for x in (q, k, v))))


def window_mask(length, w):
    return np.tri(length, dtype=bool) & ~np.tri(length, k=-w, dtype=bool)


@st.composite
def shuffled(draw):
    (y,) = draw(arrays("T C", T=(1, 5), C=(1, 2)))
    return y, np.array(draw(st.permutations(range(len(y)))))


EXERCISES = [
    Exercise(
        "counting",
        expected=(21, 11, 18),
        mistakes=(
            Mistake((15, 9, 14), "A token may look at itself: the diagonal belongs to the mask."),
            Mistake((21, 3, 18), "The two queries are the *last* of the six: they see five and six keys."),
            Mistake((21, 11, 21), "In (c) the last two keys are hidden from everybody: no row sees more than 4."),
            Mistake((36, 12, 24), "These are all entries: query i sees keys 0 to i only."),
        ),
        hint="(a) 1 + 2 + … + 6; (b) the last two rows of that; (c) rows that see at most 4.",
    ),
    Exercise(
        "the causal mask",
        expected=causal_mask,
        inputs=counts_of_tokens,
        mistakes=(
            Mistake(lambda n, m: np.tri(n, m, dtype=bool), "The queries are the last ones: the last query sees every key."),
            Mistake(lambda n, m: np.tri(n, m, m - n - 1, dtype=bool), "Off by one: a token may look at itself."),
            Mistake(lambda n, m: np.tri(n, m, m - n + 1, dtype=bool), "Off by one: this lets each token see the next one."),
            Mistake(lambda n, m: ~causal_mask(n, m), "True means *may look*: yours hides what it should show."),
            Mistake(lambda n, m: np.tri(m, n, m - n, dtype=bool).T, "That is the other triangle: rows are queries."),
        ),
        hint="np.tri(rows, columns, k): query i sees keys up to n_keys − n_queries + i.",
    ),
    Exercise(
        "the padding mask",
        expected=padding_mask,
        inputs=lengths_and_room,
        mistakes=(
            Mistake(lambda lengths, T: np.arange(T) < lengths[:, None], "Heads and queries need axes of size 1: (B, 1, 1, T)."),
            Mistake(lambda lengths, T: ~padding_mask(lengths, T), "True means *may look*: the real tokens."),
            Mistake(lambda lengths, T: (np.arange(T) <= lengths[:, None])[:, None, None, :],
                    "Off by one: a sentence of length n has tokens 0 to n − 1."),
            Mistake(lambda lengths, T: padding_mask(lengths, T)[..., ::-1], "The real tokens stand on the left."),
        ),
        hint="np.arange(T) < lengths[:, None] is (B, T); two axes of size 1 go in between.",
    ),
    Exercise(
        "masked weights",
        expected=masked_weights,
        inputs=scores_and_mask(),
        mistakes=(
            Mistake(lambda scores, mask: F.softmax(scores) * mask, "Hidden scores still count in the denominator: mask first."),
            Mistake(by_minus_infinity, "A row that may look nowhere is 0/0 here: it should give zeros."),
            Mistake(lambda scores, mask: F.softmax(np.where(mask, scores, -1e9)),
                    "A row that may look nowhere looks everywhere here: it should give zeros."),
            Mistake(lambda scores, mask: F.softmax(np.where(mask, scores, 0.0)),
                    "A score of 0 is no ban, e⁰ = 1: hidden scores must be far below all others."),
            Mistake(lambda scores, mask: F.softmax(scores, where=~mask), "True means *may look*."),
        ),
        hint="e = exp(scores) · mask, divided by its row's sum, and by 1 where the sum is 0.",
    ),
    Exercise(
        "into heads",
        expected=split_heads,
        inputs=array_and_heads(),
        mistakes=(
            Mistake(lambda x, n: x.reshape(len(x), n, x.shape[1], -1),
                    "The shape is right, but tokens are torn apart: reshape to (B, T, H, D), then exchange two axes."),
            Mistake(lambda x, n: x.reshape(*x.shape[:2], n, -1), "That is (B, T, H, D): heads come before tokens."),
            Mistake(every_other_feature, "A head is D *neighbouring* features: reshape to (…, H, D), not (…, D, H)."),
            Mistake(lambda x, n: np.swapaxes(split_heads(x, n), 2, 3), "That is (B, H, D, T): the width of a head comes last."),
        ),
        hint="reshape (B, T, C) → (B, T, H, D), then swapaxes(1, 2).",
    ),
    Exercise(
        "multi-head attention",
        expected=multi_head,
        inputs=projected(),
        mistakes=(
            Mistake(one_head_alone, "This is one head of width C: the heads were not split."),
            Mistake(scaled_by_the_whole_width, "A head's scores are divided by the root of *its* width, D = C/H."),
            Mistake(heads_not_brought_back, "Before heads are joined, tokens must come first again: swapaxes, then reshape."),
            Mistake(not_mixed, "The heads stand side by side, but w_o has not mixed them."),
            Mistake(lambda q, k, v, w_o, n: multi_head(q, k, v, w_o.T, n), "w_o is transposed: its *rows* belong to heads."),
        ),
        hint="(T, C) → (H, T, D) for q, k and v; attention; (H, T, D) → (T, C); times w_o.",
    ),
    Exercise(
        "a window",
        expected=window_mask,
        inputs=st.tuples(st.integers(1, 6), st.integers(1, 4)),
        mistakes=(
            Mistake(lambda length, w: window_mask(length, w + 1), "One too many: itself and w − 1 before it are w tokens."),
            Mistake(lambda length, w: np.abs(np.arange(length)[:, None] - np.arange(length)) < w,
                    "This sees w − 1 tokens of the future too: j ≤ i."),
            Mistake(lambda length, w: np.tri(length, dtype=bool), "The causal mask is half of it: what is too long ago?"),
            Mistake(lambda length, w: window_mask(length, w).T, "Rows are queries: yours look ahead."),
        ),
        hint="True where i − w < j and j ≤ i.",
    ),
    Exercise(
        "undoing a shuffle",
        expected=lambda y, order: y[np.argsort(order)],
        inputs=shuffled(),
        mistakes=(
            Mistake(lambda y, order: y[order], "That shuffles a second time. Which place did row i of x go to?"),
            Mistake(lambda y, order: y, "The answers are shuffled like the questions: bring them back."),
            Mistake(lambda y, order: y[::-1], "Only a reversal is undone by a reversal."),
        ),
        hint="y[i] belongs to row order[i] of x: write it there, result[order] = y.",
    ),
]
