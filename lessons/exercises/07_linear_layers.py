"""Lesson 7: linear layers."""

import numpy as np

import tinyllm.functional as F
from tinyllm.autograd import grad
from tinyllm.book import Exercise, Mistake
from tinyllm.book.draws import arrays


def linear(x, w, b):
    return x @ w.T + b


def linear_gradients(x, w, g):
    return g @ w, g.T @ x, g.sum(axis=0)


def joined(w1, b1, w2, b2):
    return w2 @ w1, b1 @ w2.T + b2


def silu_slope(x):
    return grad(lambda x: np.sum(F.silu(x)))(x)


def gradient_of_first(x, w1, w2, g):
    inside = x @ w1.T
    return (g @ w2 * (inside > 0)).T @ x


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


EXERCISES = [
    Exercise(
        "counting",
        expected=512 * 2048 + 2048 + 2048 * 512 + 512,
        mistakes=(
            Mistake(2 * 512 * 2048, "Those are the matrices. Each layer has a bias for every output as well."),
            Mistake(512 * 2048 + 2048, "That is the first layer alone."),
            Mistake(2 * 512 * 2048 + 2 * 2048, "A bias has one entry for each *output*: the second layer has 512."),
            Mistake(2 * 512 * 2048 + 2 * 512, "A bias has one entry for each *output*: the first layer has 2048."),
        ),
        hint="Each layer: inputs × outputs, and one bias for each output.",
    ),
    Exercise(
        "the layer",
        expected=linear,
        inputs=arrays("N I", "O I", "O"),
        mistakes=(
            Mistake(lambda x, w, b: x @ w.T, "The bias is missing."),
            Mistake(lambda x, w, b: x @ w + b, "w is (O, I), one neuron a row: transpose it."),
            Mistake(
                lambda x, w, b: x @ w.T + b[:, None],
                "The bias belongs to outputs, the last axis: b as it is broadcasts to every row.",
            ),
            Mistake(lambda x, w, b: w @ x.T + b[:, None], "That is the transpose: one input a *row* of the answer."),
        ),
        hint="x wᵀ + b.",
    ),
    Exercise(
        "its gradients",
        expected=linear_gradients,
        inputs=arrays("N I", "O I", "N O"),
        mistakes=(
            Mistake(lambda x, w, g: (g @ w, x.T @ g, g.sum(axis=0)), "∂L/∂w has w's shape (O, I): gᵀ x, not xᵀ g."),
            Mistake(
                lambda x, w, g: (g @ w, g.T @ x, g.mean(axis=0)),
                "b is added to every row, so its gradient adds over the rows: a sum.",
            ),
            Mistake(lambda x, w, g: (g @ w, g.T @ x, g), "b has shape (O,). It was used once a row: add up."),
            Mistake(lambda x, w, g: (g @ w, g.T @ x / len(x), g.sum(axis=0)), "∂L/∂w adds over the rows, it does not average."),
        ),
        hint="g w, gᵀ x, and the sum of g over its rows.",
    ),
    Exercise(
        "two are one",
        expected=joined,
        inputs=arrays("H I", "H", "O H", "O"),
        mistakes=(
            Mistake(
                lambda w1, b1, w2, b2: (w2 @ w1, b1.sum() + b2),
                "The first bias goes through the second layer too: b1 w2ᵀ + b2.",
            ),
            Mistake(
                lambda w1, b1, w2, b2: (w2 @ w1, b2),
                "The first bias is forgotten: it goes through the second layer, b1 w2ᵀ.",
            ),
            Mistake(
                lambda w1, b1, w2, b2: (w1.T @ w2.T, b1 @ w2.T + b2),
                "That is the weight's transpose: it should be (O, I), w2 w1.",
            ),
            Mistake(
                lambda w1, b1, w2, b2: (w1 @ w2, b1 @ w2.T + b2),
                "The order: x meets w1 first, and in W it stands on the right, w2 w1.",
            ),
        ),
        hint="Multiply (x w1ᵀ + b1) w2ᵀ + b2 out, and use (w2 w1)ᵀ = w1ᵀ w2ᵀ.",
    ),
    Exercise(
        "the slope of SiLU",
        expected=silu_slope,
        inputs=arrays("T"),
        mistakes=(
            Mistake(lambda x: sigmoid(x), "x occurs twice, as the factor and inside σ. The second path is missing: x σ'(x)."),
            Mistake(
                lambda x: x * sigmoid(x) * (1 - sigmoid(x)),
                "That is the path through σ. Add the one through the factor x: σ(x).",
            ),
            Mistake(lambda x: sigmoid(x) * (1 - sigmoid(x)), "By the product rule: 1 · σ(x) + x · σ'(x)."),
            Mistake(lambda x: sigmoid(x) + x * sigmoid(x), "σ' is σ (1 − σ)."),
        ),
        hint="Product rule, with σ' = σ (1 − σ).",
    ),
    Exercise(
        "the gradient of the first matrix",
        expected=gradient_of_first,
        inputs=arrays("N I", "H I", "O H", "N O"),
        mistakes=(
            Mistake(
                lambda x, w1, w2, g: (g @ w2).T @ x,
                "The ReLU is missing: where the inside is not positive, nothing comes back.",
            ),
            Mistake(
                lambda x, w1, w2, g: (g @ w2 * np.maximum(x @ w1.T, 0)).T @ x,
                "Multiply by the ReLU's *slope*, 1 or 0, not by its output.",
            ),
            Mistake(
                lambda x, w1, w2, g: (g @ w2 * (g @ w2 > 0)).T @ x,
                "What decides is the sign of what went *into* the ReLU, x w1ᵀ, not that of the gradient.",
            ),
            Mistake(lambda x, w1, w2, g: x.T @ (g @ w2 * (x @ w1.T > 0)), "That is the transpose: w1 is (H, I)."),
        ),
        hint="From the end: through w2 (g w2), through the ReLU (times 1 or 0), then to w1 (its transpose times x).",
    ),
]
