"""Lesson 14: norms, residual sums and depth."""

import math

import numpy as np

import tinyllm.functional as F
from tinyllm.book import Exercise, Mistake
from tinyllm.book.draws import arrays


def norm(x):
    return F.layer_norm(x, np.ones(x.shape[-1]))


def layer_norm(x, weight, bias):
    return F.layer_norm(x, weight, bias)


def post_and_pre(x, w):
    return norm(x + x @ w), x + norm(x) @ w


def gradient_of_rms_norm(x, g, eps=1e-6):
    r = 1 / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + eps)
    return r * (g - x * r * np.mean(x * r * g, axis=-1, keepdims=True))


def gradient_of_layer_norm(x, g):
    gx = gradient_of_rms_norm(x - x.mean(axis=-1, keepdims=True), g, 1e-5)
    return gx - gx.mean(axis=-1, keepdims=True)


def shares(n, v):
    return (1 + v) ** -n, 1 / math.sqrt(1 + 2 * n * v), 1 / math.sqrt(1 + v)


def layers_and_variances():
    from hypothesis import strategies as st

    return st.tuples(st.integers(1, 48), st.sampled_from([0.25, 0.5, 1.0, 2.0]))


EXERCISES = [
    Exercise(
        "counting",
        expected=(80, 128, 64),
        mistakes=(
            Mistake((64, 128, 64), "A mean for each *token*: every one of the 8 · 10 rows has its own."),
            Mistake((80, 64, 64), "Layer norm has a weight and a bias, 64 numbers each."),
            Mistake((80, 128, 128), "RMS norm has a weight and no bias."),
            Mistake((80, 2, 1), "Weight and bias are vectors: one number for each of the 64 features."),
            Mistake((1, 128, 64), "There is not one mean of everything: every row, that is every token, has its own."),
        ),
        hint="One mean a row of 64; a weight a feature, and for layer norm a bias a feature.",
    ),
    Exercise(
        "layer norm from memory",
        expected=layer_norm,
        inputs=arrays("T C", "C", "C"),
        mistakes=(
            Mistake(
                lambda x, weight, bias: F.layer_norm(x.T, np.ones(len(x))).T * weight + bias,
                "You average over the tokens, axis 0: it is the features of one token, axis -1.",
            ),
            Mistake(
                lambda x, weight, bias: (x - x.mean(-1, keepdims=True)) / (x.var(-1, keepdims=True) + 1e-5) * weight + bias,
                "You divide by the variance: it is its root, the standard deviation.",
            ),
            Mistake(
                lambda x, weight, bias: (x - x.mean(-1, keepdims=True)) / (x.std(-1, keepdims=True) + 1e-5) * weight + bias,
                "ε stands under the root, beside the variance. (Where the variance is 0 the difference is large.)",
            ),
            Mistake(
                lambda x, weight, bias: (x - x.mean(-1, keepdims=True)) / x.std(-1, keepdims=True) * weight + bias,
                "ε is missing: a constant row becomes 0/0.",
            ),
            Mistake(lambda x, weight, bias: F.rms_norm(x, weight, 1e-5) + bias, "RMS norm: the mean is not subtracted."),
            Mistake(lambda x, weight, bias: norm(x), "Weight and bias come after the norm: h · weight + bias."),
        ),
        hint="(x − μ) / √(σ² + ε) · weight + bias, with mean and variance of each row (axis=-1, keepdims=True).",
    ),
    Exercise(
        "before and after",
        expected=post_and_pre,
        inputs=arrays("T C", "C C", C=(2, 4)),
        mistakes=(
            Mistake(lambda x, w: post_and_pre(x, w)[::-1], "The two have changed places: first post-norm, then pre-norm."),
            Mistake(
                lambda x, w: (x + norm(x @ w), x + norm(x) @ w),
                "Post-norm normalises the *sum*, x included. You normalise the sublayer's output.",
            ),
            Mistake(
                lambda x, w: (norm(x + x @ w), norm(x) + norm(x) @ w),
                "In pre-norm the stream itself is added as it is: x + f(norm(x)), not norm(x) + f(norm(x)).",
            ),
            Mistake(lambda x, w: (norm(x @ w), norm(x) @ w), "The residual sums are missing: x + …"),
        ),
        hint="Post-norm: norm(x + f(x)). Pre-norm: x + f(norm(x)).",
    ),
    Exercise(
        "the gradient of RMS norm",
        expected=gradient_of_rms_norm,
        inputs=arrays("T C", "T C"),
        atol=1e-6,
        mistakes=(
            Mistake(
                lambda x, g: g / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + 1e-6),
                "You treat the root as a constant, but it depends on x too: there is a second term.",
            ),
            Mistake(
                lambda x, g: gradient_of_rms_norm(x - x.mean(-1, keepdims=True), g),
                "RMS norm subtracts no mean, and neither does its gradient.",
            ),
            Mistake(
                lambda x, g: (g - F.rms_norm(x, np.ones(x.shape[-1])) * np.sum(
                    F.rms_norm(x, np.ones(x.shape[-1])) * g, axis=-1, keepdims=True
                )) / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + 1e-6),
                "A sum where a mean should be: the derivative of mean(x²) brings a factor 1/C.",
            ),
            Mistake(
                lambda x, g: g - F.rms_norm(x, np.ones(x.shape[-1])) * np.mean(
                    F.rms_norm(x, np.ones(x.shape[-1])) * g, axis=-1, keepdims=True
                ),
                "The factor r = 1/√(mean(x²) + ε) in front is missing.",
            ),
        ),
        hint="r (g − h mean(h g)), with r = 1/√(mean(x²) + ε), h = x r, and the means along the row.",
    ),
    Exercise(
        "the gradient of layer norm, by another way",
        expected=gradient_of_layer_norm,
        inputs=arrays("T C", "T C"),
        atol=1e-6,
        mistakes=(
            Mistake(
                lambda x, g: gradient_of_rms_norm(x - x.mean(-1, keepdims=True), g, 1e-5),
                "That is the gradient with respect to the centred row. It still has to pass back through the centring.",
            ),
            Mistake(
                lambda x, g: gradient_of_rms_norm(x, g, 1e-5) - gradient_of_rms_norm(x, g, 1e-5).mean(-1, keepdims=True),
                "The RMS norm's input is the *centred* row: h and r come from x − μ.",
            ),
            Mistake(
                lambda x, g: gradient_of_rms_norm(x - x.mean(-1, keepdims=True), g - g.mean(0, keepdims=True), 1e-5),
                "The mean that is taken off runs over the row's features, axis −1, not over the tokens.",
            ),
        ),
        hint="Centring is x ↦ x − mean(x), and its gradient is the same map: first exercise 4 at x − μ, then take off the "
        "mean of each row.",
    ),
    Exercise(
        "shares",
        expected=shares,
        inputs=layers_and_variances(),
        mistakes=(
            Mistake(
                lambda n, v: ((1 + v) ** (-n / 2), 1 / math.sqrt(1 + n * v), 1 / math.sqrt(1 + v / 2)),
                "There are two sublayers, and so two sums, in each layer.",
            ),
            Mistake(
                lambda n, v: ((1 + v) ** (-2 * n), *shares(n, v)[1:]),
                "The norm divides by the *standard deviation* of the sum, √(1 + v), not by its variance.",
            ),
            Mistake(
                lambda n, v: (shares(n, v)[0], 1 / (1 + 2 * n * v), 1 / (1 + v)),
                "That is the share of the variance. The correlation is its root.",
            ),
            Mistake(
                lambda n, v: (*shares(n, v)[:2], 1 / math.sqrt(1 + v / (2 * n))),
                "You counted one sublayer. The variances of 2n of them add up, v/(2n) each.",
            ),
        ),
        hint="Post-norm: every one of the 2n sums is divided by √(1 + v). Pre-norm: nothing is divided, variances add; "
        "the correlation of x₀ with x₀ + (uncorrelated) is the ratio of their standard deviations.",
    ),
]
