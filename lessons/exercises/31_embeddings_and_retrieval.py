"""Lesson 31: embeddings and retrieval."""

import math

import numpy as np

import tinyllm.functional as F
from tinyllm.book import Exercise, Mistake
from tinyllm.book.draws import arrays


def mean_pool(h, mask):
    return mask @ h / mask.sum()


def cosines(a, b):
    return (a @ b.T) / (np.linalg.norm(a, axis=1)[:, None] * np.linalg.norm(b, axis=1))


def mean_reciprocal_rank(similarity):
    own = np.diag(similarity)[:, None]
    return float(np.mean(1 / np.sum(similarity >= own, axis=1)))


def contrastive(a, b, temperature):
    return -np.trace(F.log_softmax(a @ b.T / temperature)) / len(a)


def gradient_of_a(a, b, temperature):
    p = F.softmax(a @ b.T / temperature)
    return (p @ b - b) / (len(a) * temperature)


def gradient_before_the_length(v, g):
    length = np.linalg.norm(v)
    e = v / length
    return (g - (g @ e) * e) / length


def with_mask(args):
    """A 0 or 1 a token from whole numbers, the first always 1."""
    h, mask = args
    mask = np.where(mask > 0, 1.0, 0.0)
    mask[0] = 1.0
    return h, mask


def with_lengths(args):
    return all(np.all(np.sum(array**2, axis=-1) > 0) for array in args)


def with_temperature(args):
    a, b, t = args
    return a, b, 0.5 + abs(float(t))


EXERCISES = [
    Exercise(
        "without a clue",
        expected=(math.log(64), 0.05),
        mistakes=(
            Mistake((1 / 64, 0.05), "1/64 is the probability of the right one. The loss is minus its logarithm."),
            Mistake((-math.log(64), 0.05), "ln(1/64) is negative; the loss is minus that."),
            Mistake((64.0, 0.05), "64 is the number of choices. The loss is minus the logarithm of a probability."),
            Mistake((math.log(64), 0.005), "1 in 200 is recall@1. Ten places are looked at, not one."),
        ),
        hint="All scores equal: p = 1/64 for each. And ten of two hundred places, drawn at random.",
    ),
    Exercise(
        "mean pooling",
        expected=mean_pool,
        inputs=arrays("T C", "T").map(with_mask),
        mistakes=(
            Mistake(lambda h, mask: h.mean(axis=0), "Padding is in your mean: tokens with mask 0 do not count."),
            Mistake(lambda h, mask: mask @ h / len(h), "Divide by the number of real tokens, not by T."),
            Mistake(lambda h, mask: mask @ h, "That is the sum. A long text would be a long vector."),
            Mistake(lambda h, mask: h[0], "That is the first token's vector, as [CLS] pooling has it. Take all real ones."),
        ),
        hint="The sum of the rows with mask 1, divided by how many they are.",
    ),
    Exercise(
        "cosines",
        expected=cosines,
        inputs=arrays("B C", "N C").filter(with_lengths),
        mistakes=(
            Mistake(lambda a, b: a @ b.T, "That is the dot product: it grows with the vectors' lengths. Divide by both."),
            Mistake(lambda a, b: a @ b.T / np.linalg.norm(a, axis=1)[:, None], "Only the a are made one long."),
            Mistake(lambda a, b: a @ b.T / np.linalg.norm(b, axis=1), "Only the b are made one long."),
            Mistake(
                lambda a, b: a @ b.T / (np.linalg.norm(a) * np.linalg.norm(b)),
                "Each row has a length of its own: norm(…, axis=1).",
            ),
            Mistake(
                lambda a, b: a @ b.T / (np.sum(a**2, axis=1)[:, None] * np.sum(b**2, axis=1)),
                "The length is the root of the sum of squares.",
            ),
        ),
        hint="a · b / (|a| |b|), for each row of a with each row of b.",
    ),
    Exercise(
        "mean reciprocal rank",
        expected=mean_reciprocal_rank,
        inputs=arrays("N N", step=0.5, N=(1, 5)),
        mistakes=(
            Mistake(
                lambda s: float(np.mean(1 / (1 + np.sum(s > np.diag(s)[:, None], axis=1)))),
                "Of equal similarities the own counts as the *last*: >=, not >.",
            ),
            Mistake(
                lambda s: float(np.mean(1 / np.sum(s >= np.diag(s), axis=0))),
                "You rank the questions for each text. Rank the texts for each question: along a row.",
            ),
            Mistake(
                lambda s: float(1 / np.mean(np.sum(s >= np.diag(s)[:, None], axis=1))),
                "The mean of 1/place is not 1/(the mean of places).",
            ),
            Mistake(
                lambda s: float(np.mean(np.sum(s >= np.diag(s)[:, None], axis=1))),
                "These are the places. Take the mean of their reciprocals.",
            ),
            Mistake(
                lambda s: float(np.mean(s.argmax(axis=1) == np.arange(len(s)))),
                "That is recall@1: second places count too, as one half.",
            ),
        ),
        hint="place of the own = how many in its row are at least as similar; then the mean of 1/place.",
    ),
    Exercise(
        "the contrastive loss",
        expected=contrastive,
        inputs=arrays("B C", "B C", "", low=-2.0, high=2.0).map(with_temperature),
        mistakes=(
            Mistake(lambda a, b, t: -np.trace(F.log_softmax(a @ b.T * t)) / len(a), "Divide by the temperature."),
            Mistake(lambda a, b, t: -np.trace(F.log_softmax(a @ b.T)) / len(a), "The temperature is missing."),
            Mistake(
                lambda a, b, t: -np.trace(F.log_softmax(a @ b.T / t, axis=0)) / len(a),
                "You choose an a for each b. Each a chooses among the b: the softmax runs along a row.",
            ),
            Mistake(lambda a, b, t: -np.trace(F.log_softmax(a @ b.T / t)), "The mean over the batch, not the sum."),
            Mistake(lambda a, b, t: np.trace(F.log_softmax(a @ b.T / t)) / len(a), "The minus is missing."),
            Mistake(
                lambda a, b, t: -np.mean(F.log_softmax(a @ b.T / t)),
                "Only the right choices count: the diagonal of the log-softmax.",
            ),
        ),
        hint="Scores a bᵀ / τ; log-softmax along each row; minus the mean of the diagonal.",
    ),
    Exercise(
        "the gradient of a",
        expected=gradient_of_a,
        inputs=arrays("B C", "B C", "", low=-2.0, high=2.0, B=(2, 4)).map(with_temperature),
        mistakes=(
            Mistake(
                lambda a, b, t: (F.softmax(a @ b.T / t) - np.eye(len(a))) / len(a),
                "That is ∂L/∂s. The scores are a bᵀ / τ: go one step further back.",
            ),
            Mistake(lambda a, b, t: gradient_of_a(a, b, t) * t, "∂s/∂a = b / τ: the temperature divides the gradient too."),
            Mistake(lambda a, b, t: gradient_of_a(a, b, t) * len(a), "L is the mean over B rows."),
            Mistake(lambda a, b, t: -b / (len(a) * t), "That only pulls. What pushes it from the others?"),
            Mistake(lambda a, b, t: -gradient_of_a(a, b, t), "The sign: the gradient points uphill, away from the own b."),
            Mistake(
                lambda a, b, t: (F.softmax(a @ b.T / t).T @ a - a) / (len(a) * t),
                "That is ∂L/∂b: p transposed, and the a.",
            ),
        ),
        hint="∂L/∂s = (p − I) / B, and s = a bᵀ / τ: multiply by b / τ.",
    ),
    Exercise(
        "the gradient in front of the length",
        expected=gradient_before_the_length,
        inputs=arrays("C", "C", C=(2, 4)).filter(lambda args: np.sum(args[0] ** 2) > 0),
        mistakes=(
            Mistake(lambda v, g: g, "e = v / |v| depends on v: the gradient does not pass unchanged."),
            Mistake(
                lambda v, g: g / np.linalg.norm(v),
                "|v| depends on v as well: the second term of the quotient's derivative is missing.",
            ),
            Mistake(
                lambda v, g: gradient_before_the_length(v, g) * np.linalg.norm(v),
                "The same turn needs a smaller step at a short vector: divide by |v|.",
            ),
            Mistake(
                lambda v, g: (g - (g @ v) * v) / np.linalg.norm(v),
                "Take away the part along e = v / |v|, which is one long; v is not.",
            ),
            Mistake(
                lambda v, g: (g @ v) * v / np.linalg.norm(v) ** 3,
                "That is the part along v, the one that does nothing. Keep the rest.",
            ),
        ),
        hint="∂e_i/∂v_j = (δ_ij − e_i e_j) / |v|.",
    ),
]
