"""Lesson 8: softmax and likelihood."""

import math

import numpy as np
from hypothesis import strategies as st

import tinyllm.functional as F
from tinyllm.autograd import grad
from tinyllm.book import Exercise, Mistake
from tinyllm.book.draws import arrays, token_ids


def softmax(x):
    return F.softmax(x, axis=-1)


def cross_entropy(logits, targets):
    return F.cross_entropy(logits, targets)


def perplexity(p):
    return np.exp(-np.mean(np.log(p)))


def bigram_model(ids, n):
    counts = np.zeros((n, n))
    np.add.at(counts, (ids[:-1], ids[1:]), 1)
    seen = counts.sum(axis=1, keepdims=True)
    return np.where(seen > 0, counts / np.maximum(seen, 1), 1 / n)


def softmax_gradient(y, g):
    return y * (g - np.sum(g * y, axis=-1, keepdims=True))


def temperature_gradient(z, t, tau):
    return grad(lambda tau: -F.log_softmax(z / tau)[t])(np.asarray(tau, np.float64))


def log_of_right(logits, targets):
    return F.log_softmax(logits)[np.arange(len(targets)), targets]


def added_one(ids, n):
    counts = np.ones((n, n))
    np.add.at(counts, (ids[:-1], ids[1:]), 1)
    return counts / counts.sum(axis=1, keepdims=True)


def around_the_end(ids, n):
    counts = np.zeros((n, n))
    np.add.at(counts, (ids, np.roll(ids, -1)), 1)
    seen = counts.sum(axis=1, keepdims=True)
    return np.where(seen > 0, counts / np.maximum(seen, 1), 1 / n)


def counted_once(ids, n):
    counts = np.zeros((n, n))
    counts[ids[:-1], ids[1:]] += 1                      # a pair that occurs twice is set twice, not added
    seen = counts.sum(axis=1, keepdims=True)
    return np.where(seen > 0, counts / np.maximum(seen, 1), 1 / n)


def without_even_rows(ids, n):
    counts = np.zeros((n, n))
    np.add.at(counts, (ids[:-1], ids[1:]), 1)
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def logits_and_targets():
    """Logits (N, V), and for each row a target below V."""
    def fit(drawn):
        logits, numbers = drawn
        return logits, numbers.astype(np.int64) % logits.shape[1]
    return arrays("N V", "N", low=0, high=5, step=1).flatmap(
        lambda drawn: arrays("N V", N=len(drawn[1]), V=drawn[0].shape[1]).map(lambda logits: fit((logits[0], drawn[1])))
    )


def scores_and_temperature():
    def case(drawn):
        (z,), number, tau = drawn
        return z, number % len(z), tau
    return st.tuples(arrays("V", V=(2, 4)), st.integers(0, 3), st.sampled_from([1.0, 0.5, 2.0, 4.0])).map(case)


EXERCISES = [
    Exercise(
        "probabilities in the head",
        expected=(0.125, 0.25, 0.625),
        mistakes=(
            Mistake((1, 2, 5), "These are the exponentials. A distribution sums to 1: divide by their sum."),
            Mistake(
                (0.0, math.log(2) / math.log(10), math.log(5) / math.log(10)),
                "You divided the scores themselves by their sum: first the exponential, e to the ln 5 is 5.",
            ),
            Mistake((1 / 3, 1 / 3, 1 / 3), "Even probabilities belong to equal scores; here ln 5 is the largest."),
            Mistake((0.625, 0.25, 0.125), "The order is that of the scores: the largest score comes last here."),
        ),
        hint="e to the power of ln 1, ln 2, ln 5 is 1, 2, 5. Divide by their sum, 8.",
        atol=2e-3,
    ),
    Exercise(
        "softmax from memory",
        expected=softmax,
        inputs=st.one_of(arrays("T V"), arrays("T V", low=-3000, high=3000, step=500)),
        mistakes=(
            Mistake(
                lambda x: np.exp(x) / np.sum(np.exp(x), axis=-1, keepdims=True),
                "e to the 1000 overflows to infinity: subtract each row's largest score first.",
            ),
            Mistake(
                lambda x: np.exp(x - np.max(x)) / np.sum(np.exp(x - np.max(x)), axis=-1, keepdims=True),
                "You subtract the largest score of the whole matrix: a row far below it becomes 0/0. Give max an axis.",
            ),
            Mistake(lambda x: F.softmax(x, axis=0), "Each row must sum to 1, not each column: axis=-1."),
            Mistake(
                lambda x: np.exp(x - np.max(x, axis=-1, keepdims=True)),
                "Not yet divided by the sum of the row.",
            ),
            Mistake(
                lambda x: (e := np.exp(x - np.max(x, axis=-1, keepdims=True))) / np.sum(e),
                "The sum runs over the whole matrix: each row must sum to 1 by itself.",
            ),
        ),
        hint="Subtract the row's maximum, take exponentials, divide by the row's sum; axis=-1, keepdims=True.",
    ),
    Exercise(
        "cross-entropy",
        expected=cross_entropy,
        inputs=logits_and_targets(),
        mistakes=(
            Mistake(lambda logits, targets: -np.sum(log_of_right(logits, targets)), "The mean over the N places, not the sum."),
            Mistake(lambda logits, targets: np.mean(log_of_right(logits, targets)), "The minus is missing."),
            Mistake(lambda logits, targets: -np.mean(log_of_right(logits, targets)) / np.log(2), "Those are bits. Nats: ln."),
            Mistake(
                lambda logits, targets: -np.log(np.mean(np.exp(log_of_right(logits, targets)))),
                "First the logarithm of each probability, then the mean: a product of probabilities becomes a sum of logs.",
            ),
            Mistake(lambda logits, targets: F.cross_entropy(F.softmax(logits), targets), "The softmax is taken twice."),
            Mistake(
                lambda logits, targets: -np.mean(F.log_softmax(logits)),
                "That is the mean over all words. Only the target of each row counts: log_y[np.arange(N), targets].",
            ),
        ),
        hint="The log-softmax of each row, its entry at the target, the mean of those, with a minus.",
    ),
    Exercise(
        "perplexity",
        expected=perplexity,
        inputs=arrays("N", low=0.05, high=1.0, step=0.05),
        mistakes=(
            Mistake(lambda p: 1 / np.mean(p), "The mean is taken over logarithms, not over probabilities."),
            Mistake(lambda p: np.mean(1 / p), "The mean is taken over logarithms, then comes exp: not the mean of 1/p."),
            Mistake(lambda p: 1 / np.prod(p), "That grows with the text's length: the mean of the logarithms, not the sum."),
            Mistake(lambda p: 2 ** -np.mean(np.log(p)), "Nats belong to e, bits to 2: exp of a loss in nats."),
            Mistake(lambda p: -np.mean(np.log(p)), "That is the cross-entropy. Perplexity is e to its power."),
            Mistake(lambda p: np.exp(np.mean(np.log(p))), "Turned round: a perplexity is 1 or more. The minus is missing."),
        ),
        hint="exp of the mean of −ln p.",
    ),
    Exercise(
        "a counted bigram model",
        expected=bigram_model,
        inputs=token_ids("T", vocab_size=3, T=(2, 8)).map(lambda drawn: (*drawn, 3)),
        mistakes=(
            Mistake(
                lambda ids, n: bigram_model(ids[::-1], n),
                "Rows and columns have changed places: a row is a token, its columns what comes after.",
            ),
            Mistake(
                lambda ids, n: bigram_model(ids, n).T,
                "Each row must be a distribution, here each column is one: count [before, after].",
            ),
            Mistake(added_one, "You begin with ones in the table: that is smoothing. Here the counts alone."),
            Mistake(around_the_end, "The last token is followed by nothing; np.roll lets the first one follow it."),
            Mistake(counted_once, "counts[a, b] += 1 writes each pair once, however often it occurs: np.add.at adds them all."),
            Mistake(without_even_rows, "A row never seen: 1/n each, so that it is a distribution too."),
        ),
        hint="np.add.at(counts, (ids[:-1], ids[1:]), 1), then divide each row by its sum; rows of zeros become 1/n.",
    ),
    Exercise(
        "through the softmax",
        expected=softmax_gradient,
        inputs=arrays("T V", "T V").map(lambda drawn: (F.softmax(drawn[0]), drawn[1])),
        mistakes=(
            Mistake(lambda y, g: y * g, "The second part is missing: raising one score lowers all other probabilities."),
            Mistake(lambda y, g: y * (1 - y) * g, "That is the Jacobian's diagonal alone; the entries −y_i y_j count too."),
            Mistake(lambda y, g: y * (g - np.sum(g, axis=-1, keepdims=True)), "The mean of g is weighted by y: Σ g y."),
            Mistake(lambda y, g: y * (g - np.sum(g * y)), "The sum runs along one row: axis=-1, keepdims=True."),
            Mistake(lambda y, g: y - g, "That is what a softmax together with a cross-entropy gives. Here any g may come."),
        ),
        hint="y (g − Σ g y), the sum along the last axis.",
    ),
    Exercise(
        "the temperature's gradient",
        expected=temperature_gradient,
        inputs=scores_and_temperature(),
        mistakes=(
            Mistake(
                lambda z, t, tau: z[t] - np.sum(F.softmax(z / tau) * z),
                "The inner derivative is missing: d(z/τ)/dτ = −z/τ².",
            ),
            Mistake(lambda z, t, tau: -temperature_gradient(z, t, tau), "The sign: z/τ shrinks when τ grows."),
            Mistake(
                lambda z, t, tau: (z[t] - np.sum(F.softmax(z) * z)) / tau**2,
                "The mean of the scores is taken under the probabilities at temperature τ: softmax(z/τ).",
            ),
            Mistake(
                lambda z, t, tau: (z[t] - np.sum(F.softmax(z / tau) * z)) / tau,
                "d(1/τ)/dτ is −1/τ², not −1/τ.",
            ),
            Mistake(
                lambda z, t, tau: (z[t] - np.mean(z)) / tau**2,
                "Not the plain mean of the scores: each counts with its probability.",
            ),
        ),
        hint="With x = z/τ: ∂L/∂x is y − onehot(t), and dx/dτ is −z/τ². Multiply and sum.",
    ),
]
