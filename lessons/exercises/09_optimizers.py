"""Lesson 9: optimisers."""

import numpy as np
from hypothesis import strategies as st

from tinyllm.book import Exercise, Mistake
from tinyllm.book.draws import arrays

RATE = st.sampled_from([0.125, 0.25, 0.5])
BETA = st.sampled_from([0.5, 0.75, 0.875])
EPS = 0.01


def with_numbers(drawn, *numbers):
    """Arrays, then numbers, as one tuple of arguments."""
    return st.tuples(drawn, *numbers).map(lambda parts: (*parts[0], *parts[1:]))


def momentum_step(x, v, g, rate, mu):
    v = mu * v + g
    return x - rate * v, v


def adam_first_step(x, g, rate, beta1, beta2):
    return x - rate * g / (np.abs(g) + EPS)


def no_hats(x, g, rate, beta1, beta2):
    return x - rate * (1 - beta1) * g / (np.sqrt((1 - beta2) * g * g) + EPS)


def adamw_step(x, g, m, v, t, rate, decay, beta1, beta2):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return (1 - rate * decay) * x - rate * m_hat / (np.sqrt(v_hat) + EPS), m, v


def adam_l2(x, g, m, v, t, rate, decay, beta1, beta2):
    return adamw_step(x, g + decay * x, m, v, t, rate, 0.0, beta1, beta2)


def decay_without_rate(x, g, m, v, t, rate, decay, beta1, beta2):
    moved, m, v = adamw_step(x, g, m, v, t, rate, 0.0, beta1, beta2)
    return moved - decay * x, m, v


def without_hats(x, g, m, v, t, rate, decay, beta1, beta2):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    return (1 - rate * decay) * x - rate * m / (np.sqrt(v) + EPS), m, v


def old_moments(x, g, m, v, t, rate, decay, beta1, beta2):
    moved, _, _ = adamw_step(x, g, m, v, t, rate, decay, beta1, beta2)
    return moved, m, v


def clipped(g, c):
    return g * min(1.0, c / max(float(np.sqrt(np.sum(g * g))), 1e-12))


def distance(g, rate, mu, n):
    return -rate * g * (n - mu * (1 - mu**n) / (1 - mu)) / (1 - mu)


EXERCISES = [
    Exercise(
        "the edge",
        expected=0.25,
        mistakes=(
            Mistake(0.5, "The curvature is the second derivative: of 4x² it is 8, not 4."),
            Mistake(0.125, "That is 1/c, where one step lands on the floor. Up to 2/c it still comes down."),
            Mistake(2.0, "2 divided by the curvature."),
        ),
        hint="2 over the curvature, the second derivative of L.",
    ),
    Exercise(
        "momentum",
        expected=momentum_step,
        inputs=with_numbers(arrays("N", "N", "N"), RATE, BETA),
        mistakes=(
            Mistake(lambda x, v, g, rate, mu: (x - rate * v, mu * v + g), "x moves by the *new* v: first update v, then x."),
            Mistake(
                lambda x, v, g, rate, mu: (x - rate * (mu * v + (1 - mu) * g), mu * v + (1 - mu) * g),
                "That is a mean (Adam's). Momentum is a sum: g has the factor 1.",
            ),
            Mistake(lambda x, v, g, rate, mu: (x + rate * (mu * v + g), mu * v + g), "The sign: against the gradient."),
            Mistake(lambda x, v, g, rate, mu: (x - rate * g, mu * v + g), "x moves by v, not by g alone."),
        ),
        hint="v ← mu v + g, then x ← x − rate v.",
    ),
    Exercise(
        "Adam's first step",
        expected=adam_first_step,
        inputs=with_numbers(arrays("N", "N"), RATE, st.sampled_from([0.75, 0.875]), st.sampled_from([0.5, 0.96])),
        mistakes=(
            Mistake(no_hats, "The hats are missing: divide m by 1 − beta1 and v by 1 − beta2."),
            Mistake(
                lambda x, g, rate, beta1, beta2: x - rate * np.sign(g),
                "Almost, but eps is added to the root: g / (|g| + 0.01).",
            ),
            Mistake(
                lambda x, g, rate, beta1, beta2: x - rate * g / (g * g + EPS),
                "Divide by the *root* of v̂.",
            ),
            Mistake(
                lambda x, g, rate, beta1, beta2: x - rate * g / np.sqrt(g * g + EPS),
                "eps stands outside the root: √v̂ + eps.",
            ),
        ),
        hint="With hats, after one step m̂ = g and v̂ = g², whatever the betas.",
    ),
    Exercise(
        "AdamW",
        expected=adamw_step,
        inputs=with_numbers(
            arrays("N", "N", "N", "N").map(lambda a: (a[0], a[1], a[2], np.abs(a[3]))),
            st.integers(1, 4), RATE, st.sampled_from([0.25, 0.5]), BETA, BETA,
        ),
        mistakes=(
            Mistake(adam_l2, "That adds the decay to the gradient: L2. AdamW shrinks x itself by 1 − rate · decay."),
            Mistake(decay_without_rate, "The decay is multiplied by the rate: (1 − rate · decay) x."),
            Mistake(without_hats, "The hats are missing: m / (1 − beta1ᵗ), v / (1 − beta2ᵗ)."),
            Mistake(old_moments, "Answer the *new* m and v: the next step starts from them."),
        ),
        hint="New m and v, their hats, then x ← (1 − rate decay) x − rate m̂ / (√v̂ + eps).",
    ),
    Exercise(
        "clipping",
        expected=clipped,
        inputs=with_numbers(arrays("R C"), st.sampled_from([0.5, 1.0, 3.0])),
        mistakes=(
            Mistake(lambda g, c: np.clip(g, -c, c), "That clips each entry, and turns the direction. Shorten the whole."),
            Mistake(
                lambda g, c: g * c / max(float(np.sqrt(np.sum(g * g))), 1e-12),
                "A gradient shorter than c stays as it is.",
            ),
            Mistake(
                lambda g, c: g * np.minimum(1, c / np.maximum(np.sqrt(np.sum(g * g, axis=1, keepdims=True)), 1e-12)),
                "One length for the whole gradient, not one a row.",
            ),
        ),
        hint="g times min(1, c / ‖g‖), the norm over all entries; mind ‖g‖ = 0.",
    ),
    Exercise(
        "how far momentum goes",
        expected=distance,
        inputs=st.tuples(st.sampled_from([-2.0, 1.0, 3.0]), RATE, BETA, st.integers(1, 6)),
        mistakes=(
            Mistake(
                lambda g, rate, mu, n: -rate * g * n / (1 - mu),
                "That takes v as g/(1 − mu) from the start; it has to get there.",
            ),
            Mistake(
                lambda g, rate, mu, n: -rate * g * (1 - mu**n) / (1 - mu),
                "That is the n-th move alone. Add all moves up to it.",
            ),
            Mistake(lambda g, rate, mu, n: -rate * g * n, "That is without momentum."),
            Mistake(
                lambda g, rate, mu, n: rate * g * (n - mu * (1 - mu**n) / (1 - mu)) / (1 - mu),
                "The sign: it moves against the slope.",
            ),
        ),
        hint="v after k steps is g (1 − muᵏ)/(1 − mu). Sum over k = 1 … n, with the geometric sum once more.",
    ),
]
