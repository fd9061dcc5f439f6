"""Lesson 12: attention."""

import math

import numpy as np

import tinyllm.functional as F
from tinyllm.autograd import grad
from tinyllm.book import Exercise, Mistake
from tinyllm.book.draws import arrays


def weights_of(scores):
    return F.softmax(scores, axis=-1)


def attention(q, k, v):
    return F.attention(q, k, v)


def self_attention(x, w_q, w_k, w_v):
    return F.attention(x @ w_q, x @ w_k, x @ w_v)


def gradient_of_values(p, g):
    return p.T @ g


def gradient_of_scores(q, k, v, g):
    scores = q @ k.T / math.sqrt(q.shape[-1])
    return grad(lambda s: np.sum(F.softmax(s) @ v * g))(scores)


def softmax_of_scores(q, k, v, g):
    p = F.attention_weights(q, k)
    gp = g @ v.T
    return p * (gp - np.sum(gp * p))                    # one sum for all rows


EXERCISES = [
    Exercise(
        "shapes",
        expected=((2, 8, 10, 15), (2, 8, 10, 32)),
        mistakes=(
            Mistake(((2, 8, 15, 10), (2, 8, 10, 32)), "Scores have a row for each query: first Tq, then Tk."),
            Mistake(((2, 8, 10, 15), (2, 8, 10, 64)), "Attention answers means of *values*: it is as wide as they are."),
            Mistake(
                ((10, 15), (10, 32)),
                "The leading axes, batch and heads, stay: every example and head has scores of its own.",
            ),
        ),
        hint="Scores: queries × keys. Result: queries × width of the values. Leading axes stay.",
    ),
    Exercise(
        "attention weights",
        expected=weights_of,
        inputs=arrays("T S"),
        mistakes=(
            Mistake(
                lambda scores: F.softmax(scores, axis=0),
                "That normalises over the queries: each column sums to 1. Each *row* must.",
            ),
            Mistake(
                lambda scores: np.exp(scores) / np.sum(np.exp(scores)),
                "The sum runs over the whole matrix: give it axis=-1, keepdims=True.",
            ),
            Mistake(lambda scores: np.exp(scores) / np.sum(np.exp(scores), axis=-1),
                    "The sums, shape (T,), were broadcast along the wrong axis: keepdims=True keeps them as a column."),
            Mistake(np.exp, "These are not divided by their sum yet: a row of weights sums to 1."),
            Mistake(
                lambda scores: scores / np.sum(scores, axis=-1, keepdims=True),
                "The exponential is missing: weights are positive.",
            ),
        ),
        hint="softmax along the last axis: exponentials, each divided by its row's sum.",
    ),
    Exercise(
        "attention from memory",
        expected=attention,
        inputs=arrays("T D", "S D", "S E"),
        mistakes=(
            Mistake(lambda q, k, v: F.softmax(q @ k.T) @ v, "The scores are not divided by √d."),
            Mistake(lambda q, k, v: F.softmax(q @ k.T / q.shape[-1]) @ v, "You divide by d, not by its root."),
            Mistake(
                lambda q, k, v: F.softmax(q @ k.T / math.sqrt(v.shape[-1])) @ v,
                "d is the width of queries and keys, not that of the values.",
            ),
            Mistake(
                lambda q, k, v: F.softmax(q @ k.T / math.sqrt(k.shape[0])) @ v,
                "d is the width of a key, not the number of keys.",
            ),
            Mistake(
                lambda q, k, v: F.softmax(q @ k.T / math.sqrt(q.shape[-1]), axis=0) @ v,
                "The softmax runs along the keys, the last axis.",
            ),
        ),
        hint="softmax(q kᵀ / √d) v, the softmax along the keys.",
    ),
    Exercise(
        "self-attention",
        expected=self_attention,
        inputs=arrays("T C", "C D", "C D", "C E"),
        mistakes=(
            Mistake(lambda x, w_q, w_k, w_v: F.attention(x @ w_q, x @ w_k, x), "The values are made from x too: x W_V."),
            Mistake(
                lambda x, w_q, w_k, w_v: F.attention(x @ w_k, x @ w_q, x @ w_v),
                "Query and key have changed places: rows of scores belong to queries.",
            ),
            Mistake(
                lambda x, w_q, w_k, w_v: F.softmax(x @ w_q @ (x @ w_k).T) @ (x @ w_v),
                "Scale is missing: divide the scores by √D, or use F.attention.",
            ),
        ),
        hint="Three products with x, then F.attention of them.",
    ),
    Exercise(
        "the values' gradient",
        expected=gradient_of_values,
        inputs=arrays("T S", "T E"),
        mistakes=(
            Mistake(lambda p, g: p @ g, "Shapes: V is (S, E), P is (T, S). Which product of P and g (T, E) has shape (S, E)?"),
            Mistake(lambda p, g: (g.T @ p), "That is the transpose of it: V is (S, E)."),
            Mistake(
                lambda p, g: p.T @ np.ones_like(g),
                "The g is missing: the chain rule multiplies by what comes from behind.",
            ),
        ),
        hint="O_ie = Σ_j P_ij V_je, so V_je adds to every row i with weight P_ij. Sum over i.",
    ),
    Exercise(
        "the scores' gradient",
        expected=gradient_of_scores,
        inputs=arrays("T D", "S D", "S E", "T E"),
        mistakes=(
            Mistake(lambda q, k, v, g: g @ v.T, "That is ∂L/∂P. It still has to pass through the softmax."),
            Mistake(
                lambda q, k, v, g: F.attention_weights(q, k) * (g @ v.T),
                "The softmax's Jacobian has a second part: − y_i Σ_j y_j g_j.",
            ),
            Mistake(softmax_of_scores, "The sum in the softmax's gradient runs over one row: axis=-1, keepdims=True."),
            Mistake(lambda q, k, v, g: gradient_of_scores(q, k, v, g) / math.sqrt(q.shape[-1]),
                    "S are the scores *after* the division: the factor 1/√d belongs to the gradients of q and k."),
        ),
        hint="∂L/∂P = g vᵀ, then row by row P (∂L/∂P − Σ_j P_j ∂L/∂P_j).",
    ),
]
