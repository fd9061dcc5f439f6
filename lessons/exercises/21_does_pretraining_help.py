"""Lesson 21: does pretraining help?"""

import numpy as np

import tinyllm.functional as F
from tinyllm.book import Exercise, Mistake
from tinyllm.book.draws import arrays, token_ids
from tinyllm.optim import warmup_linear

STEPS = token_ids("3", vocab_size=6).map(
    lambda args: (2 * int(args[0][0]), int(args[0][1]), int(args[0][1] + args[0][2] + 1))
)                                                       # step, warmup, total: both sides of the top, and beyond the end
HELD_OUT = arrays("K", "K", K=(2, 5), low=0.0, high=1.0, step=0.0625)
SEEDS = arrays("N", "N", N=(2, 5), low=0.0, high=1.0, step=0.0625)
LABELS = token_ids("N", "", vocab_size=3, N=(1, 8)).map(lambda args: (args[0], int(args[1]) + 1))


def with_labels(v, w, b, places):
    return v, w, b, (np.abs(places) * 4).astype(int) % len(w)


PROBES = arrays("N C", "K C", "K", "N", N=(1, 3), C=(1, 3), K=(2, 3)).map(lambda args: with_labels(*args))


def reported_accuracy(valid, test):
    return test[np.argmax(valid)]


def factor(step, warmup, total):
    return warmup_linear(warmup, total)(step)


def paired(a, b):
    return np.mean(a - b), np.std(a - b, ddof=1) / np.sqrt(len(a))


def first_of_each(labels, k):
    return np.sort(np.concatenate([np.flatnonzero(labels == label)[:k] for label in np.unique(labels)]))


def gradient_of_probe(v, w, b, labels):
    p = F.softmax(v @ w.T + b)
    return (p - np.eye(len(w))[labels]).T @ v / len(v)


EXERCISES = [
    Exercise(
        "the reach",
        expected=(150, 0.003),
        mistakes=(
            Mistake((50, 0.001), "That is one epoch: there are three."),
            Mistake((2400, 0.048), "A batch of 16 texts is one update, not 16."),
            Mistake((150, 2e-5), "2e-5 is the way of one update. They add up."),
            Mistake((150, 0.0015), "The rate is constant here, it does not fall to 0: no factor ½."),
        ),
        hint="800/16 updates an epoch, three epochs; the reach is the sum of the rates.",
    ),
    Exercise(
        "an honest report",
        expected=reported_accuracy,
        inputs=HELD_OUT,
        mistakes=(
            Mistake(lambda valid, test: np.max(test), "That chooses by the test side, and finds skill where there is none."),
            Mistake(lambda valid, test: np.max(valid),
                    "The method was chosen by this number: it is too good. Report its test accuracy."),
            Mistake(lambda valid, test: np.mean(test), "One method is used in the end: report that one's."),
            Mistake(lambda valid, test: valid[np.argmax(test)], "The two sides have changed places."),
        ),
        hint="Choose by valid, report test: test at the place where valid is largest.",
    ),
    Exercise(
        "the schedule",
        expected=factor,
        inputs=STEPS,
        mistakes=(
            Mistake(lambda step, warmup, total: step / warmup if step < warmup
                    else max(0.0, (total - step) / (total - warmup)),
                    "The first update would have rate 0 and be wasted: (step + 1)/(warmup + 1)."),
            Mistake(lambda step, warmup, total: min(1.0, (step + 1) / (warmup + 1)), "It rises and never falls."),
            Mistake(lambda step, warmup, total: (step + 1) / (warmup + 1) if step < warmup else max(0.0, 1 - step / total),
                    "At step = warmup the line down begins at 1: count from there, (step − warmup)/(total − warmup)."),
            Mistake(lambda step, warmup, total: (step + 1) / (warmup + 1) if step < warmup
                    else (total - step) / (total - warmup),
                    "Beyond total the factor stays 0: a negative rate climbs the loss."),
        ),
        hint="Two lines that meet at step = warmup with the value 1; never below 0.",
    ),
    Exercise(
        "a paired difference",
        expected=paired,
        inputs=SEEDS,
        mistakes=(
            Mistake(lambda a, b: (np.mean(a - b), np.std(a - b, ddof=1)),
                    "That is the spread of one difference. The mean of N is √N times steadier."),
            Mistake(lambda a, b: (np.mean(a - b), np.std(a - b) / np.sqrt(len(a))),
                    "NumPy divides by N; the mean was estimated from the same numbers, so divide by N − 1: ddof=1."),
            Mistake(lambda a, b: (np.mean(a - b), np.sqrt((np.var(a, ddof=1) + np.var(b, ddof=1)) / len(a))),
                    "That treats a and b as unrelated. Equal seeds share their luck: take the deviation of a − b."),
            Mistake(lambda a, b: paired(b, a), "a less b, not b less a."),
        ),
        hint="d = a − b; its mean; np.std(d, ddof=1)/√N.",
    ),
    Exercise(
        "few labels",
        expected=first_of_each,
        inputs=LABELS,
        mistakes=(
            Mistake(lambda labels, k: np.arange(min(k, len(labels))), "The first k rows of all, whatever their class."),
            Mistake(lambda labels, k: np.concatenate([np.flatnonzero(labels == label)[:k] for label in np.unique(labels)]),
                    "The right rows, class after class: sort the places."),
            Mistake(lambda labels, k: np.sort(np.concatenate([np.flatnonzero(labels == c)[-k:] for c in np.unique(labels)])),
                    "These are the last k of each class."),
            Mistake(lambda labels, k: np.sort(np.unique(labels, return_index=True)[1]), "One of each class, whatever k is."),
        ),
        hint="np.flatnonzero(labels == c)[:k] for each class c, joined and sorted.",
    ),
    Exercise(
        "the gradient of a probe",
        expected=gradient_of_probe,
        inputs=PROBES,
        mistakes=(
            Mistake(lambda v, w, b, labels: gradient_of_probe(v, w, b, labels) * len(v),
                    "The loss is a *mean* over N: divide by N."),
            Mistake(lambda v, w, b, labels: gradient_of_probe(v, w, b, labels).T, "That is its transpose: w is (K, C)."),
            Mistake(lambda v, w, b, labels: F.softmax(v @ w.T + b).T @ v / len(v),
                    "The label is missing: ∂L/∂z is p minus the one-hot row of the label."),
            Mistake(lambda v, w, b, labels: gradient_of_probe(v, w, 0 * b, labels), "The logits have a bias: z = v wᵀ + b."),
        ),
        hint="∂L/∂z = (p − onehot)/N, shape (N, K). And z = v wᵀ + b: as for every linear layer, ∂L/∂w = (∂L/∂z)ᵀ v.",
        atol=1e-7,
    ),
]
