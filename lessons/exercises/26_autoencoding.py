"""Lesson 26: autoencoding."""

import numpy as np
from hypothesis import strategies as st

from tinyllm.book import Exercise, Mistake
from tinyllm.book.draws import arrays


def best_answer(x):
    return x.mean(axis=0)


def reconstruction_loss(x, x_hat, mask):
    return np.mean((x[mask] - x_hat[mask]) ** 2)


def nearest_tokens(table, x_hat):
    return np.sum((x_hat[:, None, :] - table[None, :, :]) ** 2, axis=-1).argmin(axis=1)


def gradient_of_decoder(x, z, w):
    return -2 / x.size * (x - z @ w.T).T @ z


def least_loss(x, k):
    eigenvalues = np.linalg.eigvalsh(x.T @ x / len(x))[::-1]
    return max(0.0, eigenvalues[k:].sum() / x.shape[1])


def _singular_values(x):
    return np.linalg.svd(x, compute_uv=False)


@st.composite
def rebuilt(draw):
    """x, x̂ (B, T, C) and a mask (B, T) with a real token at least in front."""
    x, x_hat = draw(arrays("B T C", "B T C", B=(1, 2), T=(1, 3), C=(1, 2)))
    mask = np.array([[t == 0 or draw(st.booleans()) for t in range(x.shape[1])] for _ in x])
    return x, x_hat, mask


@st.composite
def rows_and_size(draw):
    (x,) = draw(arrays("N C", N=(2, 4), C=(2, 4)))
    return x, draw(st.integers(1, x.shape[1] - 1))


EXERCISES = [
    Exercise(
        "by hand",
        expected=(2.5, 1.25),
        mistakes=(
            Mistake((1.25, 2.5), "The other way round: the mean over all entries divides by C as well."),
            Mistake((5, 2.5), "5 is the sum over both tokens: divide it by N = 2 for the one, by NC = 4 for the other."),
            Mistake((1.5, 0.75), "The second token is 2 off: squared, that is 4."),
            Mistake((5, 1.25), "5 is the sum over both tokens: (a) is its mean over the two."),
        ),
        hint="Squared distances 1 and 4; their mean over 2 tokens; the same sum over 4 entries.",
    ),
    Exercise(
        "the best single answer",
        expected=best_answer,
        inputs=arrays("N C", N=(1, 5), C=(1, 3)),
        mistakes=(
            Mistake(lambda x: np.median(x, axis=0), "The median is best for the *absolute* error. For the squared one?"),
            Mistake(lambda x: np.full(x.shape[1], x.mean()), "Each entry of the answer has a mean of its own: axis=0."),
            Mistake(lambda x: x.mean(axis=1), "The mean runs over the N rows: axis=0."),
            Mistake(lambda x: x[np.argmin(np.sum((x - x.mean(axis=0)) ** 2, axis=1))],
                    "The answer need not be one of the rows."),
        ),
        hint="E(x − c)² = variance + (E x − c)².",
    ),
    Exercise(
        "only what is real",
        expected=reconstruction_loss,
        inputs=rebuilt(),
        mistakes=(
            Mistake(lambda x, x_hat, mask: np.mean((x - x_hat) ** 2), "Padding counts here: use the mask."),
            Mistake(lambda x, x_hat, mask: np.mean((x - x_hat) ** 2 * mask[:, :, None]),
                    "The padding's errors are gone from the sum, but still in the number that you divide by."),
            Mistake(lambda x, x_hat, mask: np.sum((x[mask] - x_hat[mask]) ** 2) / mask.sum(),
                    "Divide by C as well: the mean is over entries."),
            Mistake(lambda x, x_hat, mask: np.mean(
                [np.mean((a[m] - b[m]) ** 2) for a, b, m in zip(x, x_hat, mask)]),
                "That is a mean of means of the texts: a short text's tokens count more. Take one mean over all real tokens."),
        ),
        hint="x[mask] has the shape (N, C): the real tokens alone.",
    ),
    Exercise(
        "back to tokens",
        expected=nearest_tokens,
        inputs=arrays("V C", "T C", V=(2, 5), C=(1, 3), T=(1, 3)),
        mistakes=(
            Mistake(lambda table, x_hat: (x_hat @ table.T).argmax(axis=1),
                    "The largest dot product is not the nearest: a long vector wins too easily. |e|² is missing."),
            Mistake(lambda table, x_hat: np.sum((x_hat[:, None] - table[None]) ** 2, axis=-1).argmax(axis=1),
                    "That is the farthest: argmin."),
            Mistake(lambda table, x_hat: np.sum((x_hat[:, None] - table[None]) ** 2, axis=-1).argmin(axis=0),
                    "One answer a place, not one a token: the minimum runs over the tokens."),
            Mistake(lambda table, x_hat: np.sum((x_hat[:, None] - table[None]) ** 2, axis=-1).min(axis=1),
                    "That is the distance. Asked is which token: argmin."),
            Mistake(lambda table, x_hat: np.sum(x_hat[:, None] - table[None], axis=-1).argmin(axis=1),
                    "The differences are not squared: one too small and one too large cancel."),
        ),
        hint="Distances (T, V) by broadcasting (T, 1, C) − (1, V, C), then argmin along the last axis.",
    ),
    Exercise(
        "the decoder's gradient",
        expected=gradient_of_decoder,
        inputs=arrays("N C", "N K", "C K"),
        mistakes=(
            Mistake(lambda x, z, w: -gradient_of_decoder(x, z, w),
                    "The sign: where x̂ is too small, w must grow, so the gradient is negative."),
            Mistake(lambda x, z, w: gradient_of_decoder(x, z, w) * x.size, "The loss is a mean over NC entries: divide."),
            Mistake(lambda x, z, w: gradient_of_decoder(x, z, w) * x.shape[1], "Divide by C as well: a mean over NC entries."),
            Mistake(lambda x, z, w: gradient_of_decoder(x, z, w) / 2, "The 2 of the square is missing."),
            Mistake(lambda x, z, w: gradient_of_decoder(x, z, w).T, "That is the transpose: w is (C, k)."),
        ),
        hint="∂L/∂x̂ = 2 (x̂ − x) / NC, and x̂ = z wᵀ is lesson 7's linear layer: ∂L/∂w = gᵀ z.",
    ),
    Exercise(
        "the least loss",
        expected=least_loss,
        inputs=rows_and_size(),
        rtol=1e-4,
        atol=1e-6,
        mistakes=(
            Mistake(lambda x, k: np.sum(_singular_values(x)[:k] ** 2) / x.size,
                    "Those are the directions that are kept. What is left over are the others."),
            Mistake(lambda x, k: np.sum(_singular_values(x)[k:] ** 2) / len(x), "Divide by C as well."),
            Mistake(lambda x, k: np.sum(_singular_values(x)[k:]) / x.size,
                    "Singular values must be squared: λ = s² / N."),
            Mistake(lambda x, k: least_loss(x - x.mean(axis=0), k),
                    "Do not subtract the mean: without a bias the autoencoder cannot add it again."),
            Mistake(lambda x, k: np.sum(_singular_values(x)[k + 1:] ** 2) / x.size,
                    "One too few: after k kept ones the first that is left over is number k + 1, at index k."),
            Mistake(lambda x, k: np.sum(np.linalg.eigvalsh(x.T @ x / len(x))[k:]) / x.shape[1],
                    "eigvalsh answers the smallest first: turn them round."),
        ),
        hint="Eigenvalues of xᵀx / N, the largest first; the sum of those from index k on, divided by C.",
    ),
]
