"""Lesson 20: a classifier."""

import numpy as np

from tinyllm.book import Exercise, Mistake
from tinyllm.book.draws import arrays, token_ids
from tinyllm.models import pool
from tinyllm.training import macro_f1


def real(places):
    """Drawn numbers (B, T) as a mask with at least one True a row, at any place."""
    mask = places > 0
    mask[:, 0] |= ~mask.any(axis=1)
    return mask


SIZES = {"B": (1, 3), "T": (1, 4), "C": (1, 3)}
TEXTS = arrays("B T C", "B T", **SIZES).map(lambda args: (args[0], real(args[1])))
MASKED_GRADIENTS = arrays("B T", "B C", **SIZES).map(lambda args: (real(args[0]), args[1]))


def leak(h, places, p):
    """What the leaky service's log holds: the mean over all places, with p (C,) at the padding."""
    mask = real(places)
    return np.where(mask[:, :, None], h, p).mean(axis=1), mask, p


LEAKS = arrays("B T C", "B T", "C", **SIZES).map(lambda args: leak(*args))
PAIRS = token_ids("N", "N", vocab_size=3, N=(1, 6)).map(lambda args: (*args, 3))
COUNTS = token_ids("K K", vocab_size=6, K=(2, 3)).map(lambda args: (args[0] + np.eye(len(args[0]), dtype=int),))


def mean_of_real(h, mask):
    return pool(h, mask, "mean")


def max_of_real(h, mask):
    return pool(h, mask, "max")


def confusion(labels, guesses, k):
    return np.bincount(labels * k + guesses, minlength=k * k).reshape(k, k)


def overwritten(labels, guesses, k):
    counts = np.zeros((k, k), int)
    counts[labels, guesses] += 1
    return counts


def mean_f1(counts):
    return macro_f1(counts)


def gradient_of_mean(mask, g):
    return (mask / mask.sum(axis=1, keepdims=True))[:, :, None] * g[:, None, :]


def recovered(leaky, mask, p):
    n, t = mask.sum(axis=1, keepdims=True), mask.shape[1]
    return (leaky * t - (t - n) * p) / n


EXERCISES = [
    Exercise(
        "a rectangle",
        expected=((3, 3), 6),
        mistakes=(
            Mistake(((3, 4), 7), "max_length=3 cuts the row of 4: no row of the rectangle is longer than 3."),
            Mistake(((3, 3), 9), "The shape is right. True stands for real tokens only: the padding is False."),
            Mistake(((3, 3), 7), "The row of 4 lost its last token: it no longer counts."),
            Mistake(((3, 3), 3), "That is the number of padding places. True marks the real tokens."),
        ),
        hint="A row for each text, as long as the longest after cutting to 3; True where a token of the text stands.",
    ),
    Exercise(
        "mean over real tokens",
        expected=mean_of_real,
        inputs=TEXTS,
        mistakes=(
            Mistake(lambda h, mask: h.mean(axis=1),
                    "That is the mean over all places: the padding is in it. Where is the mask?"),
            Mistake(lambda h, mask: (h * mask[:, :, None]).mean(axis=1),
                    "The sum is right. mean divides it by T, the number of places: divide by the number of real tokens."),
            Mistake(lambda h, mask: (h * mask[:, :, None]).sum(axis=1),
                    "A sum is not divided yet: by the number of real tokens."),
            Mistake(lambda h, mask: (h * mask[:, :, None]).sum(axis=1) / mask.sum(),
                    "mask.sum() counts the real tokens of the whole batch: divide by each text's own, along axis=1."),
        ),
        hint="Multiply h by the mask as (B, T, 1), sum over the tokens, divide by each text's number of real tokens.",
    ),
    Exercise(
        "maximum over real tokens",
        expected=max_of_real,
        inputs=TEXTS,
        mistakes=(
            Mistake(lambda h, mask: h.max(axis=1),
                    "That is the maximum over all places: the padding is in it. Where is the mask?"),
            Mistake(lambda h, mask: (h * mask[:, :, None]).max(axis=1),
                    "Padding became 0, and 0 wins where all real values are negative. Which number never wins?"),
            Mistake(lambda h, mask: np.where(mask[:, :, None], h, -np.inf).max(axis=2),
                    "The axes are (B, T, C): the maximum runs over the tokens, axis 1, for each feature by itself."),
            Mistake(lambda h, mask: np.abs(np.where(mask[:, :, None], h, 0)).max(axis=1),
                    "The largest value, not the largest size: −3 is less than 1."),
        ),
        hint="np.where puts −∞ at the padding; then the maximum over axis 1.",
    ),
    Exercise(
        "confusion matrix",
        expected=confusion,
        inputs=PAIRS,
        mistakes=(
            Mistake(lambda labels, guesses, k: confusion(guesses, labels, k),
                    "Row = label, column = guess: this is the transpose."),
            Mistake(overwritten,
                    "counts[labels, guesses] += 1 writes each pair once, however often it occurs: np.add.at adds up."),
            Mistake(lambda labels, guesses, k: np.diag(np.bincount(labels[labels == guesses], minlength=k)),
                    "Only the hits are counted: the misses belong off the diagonal."),
            Mistake(lambda labels, guesses, k: confusion(labels, guesses, k) / len(labels), "Counts, not shares."),
        ),
        hint="For each i add 1 at row labels[i], column guesses[i]; equal pairs add up.",
    ),
    Exercise(
        "macro F1",
        expected=mean_f1,
        inputs=COUNTS,
        mistakes=(
            Mistake(lambda counts: np.trace(counts) / counts.sum(),
                    "That is the accuracy. F1 is computed for each class, then averaged."),
            Mistake(lambda counts: np.mean(np.diag(counts) / counts.sum(axis=1)),
                    "That is the mean recall: the false alarms, the rest of each *column*, are missing."),
            Mistake(lambda counts: np.mean(np.diag(counts) / counts.sum(axis=0)),
                    "That is the mean precision: the misses, the rest of each *row*, are missing."),
            Mistake(lambda counts: np.mean(np.diag(counts) / (counts.sum(axis=0) + counts.sum(axis=1) - np.diag(counts))),
                    "TP/(TP + FP + FN) counts the hits once; F1 has 2 TP above and below."),
            Mistake(lambda counts: 2 * np.diag(counts) / (counts.sum(axis=0) + counts.sum(axis=1)),
                    "That is F1 of every class: take the mean."),
        ),
        hint="2 TP/(2 TP + FP + FN) for each class: 2·diagonal over (row sum + column sum). Then the mean.",
    ),
    Exercise(
        "the gradient of the mean",
        expected=gradient_of_mean,
        inputs=MASKED_GRADIENTS,
        mistakes=(
            Mistake(lambda mask, g: np.repeat(g[:, None, :], mask.shape[1], axis=1) / mask.sum(axis=1)[:, None, None],
                    "Padding does not occur in the mean: its gradient is 0."),
            Mistake(lambda mask, g: mask[:, :, None] * g[:, None, :], "Each h_t enters v with the factor 1/n: it is missing."),
            Mistake(lambda mask, g: mask[:, :, None] * g[:, None, :] / mask.shape[1],
                    "The factor is one over the number of *real* tokens, not over T."),
        ),
        hint="v = Σ_t (m_t/n) h_t, so ∂L/∂h_t = (m_t/n) g. As shapes: (B, T, 1) times (B, 1, C).",
    ),
    Exercise(
        "recovered from a leak",
        expected=recovered,
        inputs=LEAKS,
        mistakes=(
            Mistake(lambda leaky, mask, p: leaky * mask.shape[1] / mask.sum(axis=1, keepdims=True),
                    "The sum over all places still holds the padding's: (T − n) times p must be taken off."),
            Mistake(lambda leaky, mask, p: (leaky * mask.shape[1] - p) / mask.sum(axis=1, keepdims=True),
                    "p stands at every padding place: take it off T − n times."),
            Mistake(lambda leaky, mask, p: leaky - (1 - mask.mean(axis=1, keepdims=True)) * p,
                    "The padding is out. What is left is (sum of the real)/T: times T, over n."),
        ),
        hint="T · leaky = n · mean + (T − n) · p. Solve for the mean.",
        rtol=1e-8,
    ),
]
