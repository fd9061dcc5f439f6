"""Lesson 5: the derivative table."""

import numpy as np
from hypothesis import strategies as st

from tinyllm import scatter_add
from tinyllm.book import Exercise, Mistake
from tinyllm.book.draws import arrays


@st.composite
def lookups(draw):
    """g (K, C), token ids (K,) of which some occur twice, and the number of rows V."""
    g, = draw(arrays("K C"))
    V = draw(st.integers(1, 4))
    ids = draw(st.lists(st.integers(0, V - 1), min_size=len(g), max_size=len(g)))
    return g, np.array(ids), V


def sigmoid_rule(g, y):
    return g * y * (1.0 - y)


def scale_rules(g, x, s):
    return g * s, np.sum(g * x, axis=0)


def lookup_rule(g, ids, V):
    return scatter_add(g, ids, (V, g.shape[1]))


def last_lookup(g, ids, V):
    w_bar = np.zeros((V, g.shape[1]))
    w_bar[ids] += g
    return w_bar


def counted_lookup(g, ids, V):
    """How often each row was used, in place of the sum of its gradients."""
    return np.repeat(np.bincount(ids, minlength=V)[:, None], g.shape[1], axis=1).astype(float)


def mean_lookup(g, ids, V):
    return lookup_rule(g, ids, V) / np.maximum(np.bincount(ids, minlength=V), 1)[:, None]


def running_sum_rule(g):
    return np.cumsum(g[::-1])[::-1]


def all_pairs_rule(g, x):
    return (g + g.T) @ x


def softmax(x):
    e = np.exp(x - np.max(x))
    return e / np.sum(e)


def log_sum_exp_rule(g, x):
    return g * softmax(x)


EXERCISES = [
    Exercise(
        "sizes",
        expected=(8_000_000, 5_000),
        mistakes=(
            Mistake((5_000, 5_000), "The Jacobian has a row for each entry of Y and a column for each entry of W."),
            Mistake((8_000_000, 1_600), "A gradient has the shape of what it belongs to: here W, (100, 50)."),
            Mistake((8_000_000, 8_000_000), "The rule answers the product g J, never J itself. Which shape has W?"),
            Mistake((5_120_000, 5_000), "That is the Jacobian along X, with 32 · 100 columns. W has 100 · 50 entries."),
        ),
        hint="Y has 32 · 50 entries, W has 100 · 50. The Jacobian: one times the other. The gradient: as many as W.",
    ),
    Exercise(
        "the sigmoid's rule",
        expected=sigmoid_rule,
        inputs=arrays("N", "N"),
        mistakes=(
            Mistake(lambda g, y: y * (1.0 - y), "The g is missing: a rule multiplies by what comes from behind."),
            Mistake(lambda g, y: g * (1.0 - y * y), "That is the rule of tanh."),
            Mistake(lambda g, y: g * y * (y - 1.0), "The sign: a sigmoid rises everywhere, and y (1 − y) is positive."),
            Mistake(lambda g, y: g * y, "That is the rule of exp. Write y = 1/(1 + e⁻ˣ) and use the chain rule."),
        ),
        hint="dy/dx = e⁻ˣ/(1 + e⁻ˣ)². Write e⁻ˣ/(1 + e⁻ˣ) with the help of y.",
    ),
    Exercise(
        "a scale",
        expected=scale_rules,
        inputs=arrays("T C", "T C", "C"),
        mistakes=(
            Mistake(lambda g, x, s: (g * s, g * x), "s was stretched over all rows: sum its gradient over them."),
            Mistake(lambda g, x, s: (g * s, np.sum(g, axis=0)),
                    "That would be the gradient of an added bias. s is multiplied with x."),
            Mistake(lambda g, x, s: (g * s, np.sum(g * x, axis=1)),
                    "The sum runs along the wrong axis: s has an entry a column."),
            Mistake(lambda g, x, s: (g * s, np.mean(g * x, axis=0)), "Uses add up; they are not averaged."),
            Mistake(lambda g, x, s: (g, np.sum(g * x, axis=0)),
                    "y grows by s when x grows by 1: the factor s is missing in ∂L/∂x."),
        ),
        hint="x_tc occurs in y_tc alone, with factor s_c. s_c occurs in y_tc for every t, with factor x_tc.",
    ),
    Exercise(
        "a lookup",
        expected=lookup_rule,
        inputs=lookups(),
        mistakes=(
            Mistake(last_lookup,
                    "An id that occurs twice must add twice: w[ids] += g writes back once. See np.add.at or scatter_add."),
            Mistake(lambda g, ids, V: g, "That has a row for each token. The gradient has a row for each row of the table."),
            Mistake(counted_lookup, "That counts how often a row was used. Add up the gradients of those uses."),
            Mistake(mean_lookup, "Uses add up; they are not averaged."),
        ),
        hint="Row j receives the sum of g_k over all k with ids[k] = j; a row never used receives zeros.",
    ),
    Exercise(
        "a running sum",
        expected=running_sum_rule,
        inputs=arrays("N"),
        mistakes=(
            Mistake(np.cumsum, "That sums from the front. x_i occurs in y_i and all *later* ones."),
            Mistake(lambda g: g, "x_i occurs in y_i, but not in y_i alone."),
            Mistake(lambda g: np.full_like(g, np.sum(g)), "x_i does not occur in the sums that end before it."),
            Mistake(lambda g: np.cumsum(g[::-1]), "Right sums, in reversed order: turn the result round again."),
            Mistake(lambda g: np.cumsum(g[::-1])[::-1] - g, "x_i occurs in y_i itself, too."),
        ),
        hint="x_i occurs in y_j for all j ≥ i with factor 1: sum g from i to the end.",
    ),
    Exercise(
        "all pairs",
        expected=all_pairs_rule,
        inputs=arrays("T C", "T T").map(lambda args: args[::-1]),
        mistakes=(
            Mistake(lambda g, x: g @ x, "That is the part of the left x alone. It is used twice: add the right one's."),
            Mistake(lambda g, x: g.T @ x, "That is the part of the right x alone. Add the part of the left one."),
            Mistake(lambda g, x: 2.0 * g @ x, "The two parts are equal only for a symmetric g. It may be anything."),
        ),
        hint="With Y = A B, A = X, B = Xᵀ: ∂L/∂A = g Bᵀ; ∂L/∂B = Aᵀ g, transposed to be X's. Add them.",
    ),
    Exercise(
        "log-sum-exp",
        expected=log_sum_exp_rule,
        inputs=st.one_of(arrays("", "N"), arrays("", "N", low=-1000.0, high=1000.0, step=250.0)),
        mistakes=(
            Mistake(lambda g, x: g * np.exp(x) / np.sum(np.exp(x)),
                    "Right, until it overflows: subtract the largest x inside both exponentials."),
            Mistake(lambda g, x: softmax(x), "The g is missing."),
            Mistake(lambda g, x: g / np.sum(np.exp(x - np.max(x))),
                    "The slope of the sum along x_i is e^{x_i}: the numerator is missing."),
            Mistake(lambda g, x: g * np.exp(x - np.max(x)), "The logarithm's slope, one over the sum, is missing."),
        ),
        hint="Chain rule: log has slope 1/Σ, the sum 1, the exponential e^{x_i}. A factor e^{−max} cancels in the fraction.",
    ),
]
