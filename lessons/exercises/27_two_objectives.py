"""Lesson 27: two objectives at once."""

import numpy as np
from hypothesis import strategies as st

import tinyllm.functional as F
from tinyllm.book import Exercise, Mistake
from tinyllm.book.draws import arrays, token_ids


def packed(a, b):
    return np.array([1, *a, 2, *b, 2])


def segments_of(ids):
    first, last = np.flatnonzero(ids == 2)
    places = np.arange(len(ids))
    return ((places > first) & (places <= last)).astype(int)


def joint_loss(words, targets, pairs, labels):
    return -np.mean(words[np.arange(len(targets)), targets]) - np.mean(pairs[np.arange(len(labels)), labels])


def shared(a, b):
    a, b = set(a.tolist()), set(b.tolist())
    return len(a & b) / len(a | b)


def chance_of_following(sizes):
    n = sizes.sum()
    return (sizes - 1).sum() / (n * (n - 1))


def all_together(words, targets, pairs, labels):
    of_words, of_pairs = words[np.arange(len(targets)), targets], pairs[np.arange(len(labels)), labels]
    return -np.mean([*of_words, *of_pairs])


def sums(words, targets, pairs, labels):
    return -np.sum(words[np.arange(len(targets)), targets]) - np.sum(pairs[np.arange(len(labels)), labels])


def two_texts():
    return token_ids("A", "B", vocab_size=4, A=(1, 4), B=(1, 4)).map(lambda texts: tuple(text + 5 for text in texts))


def padded_rows():
    return st.tuples(two_texts(), st.integers(0, 3)).map(lambda drawn: (np.array([*packed(*drawn[0]), *[0] * drawn[1]]),))


def log_probabilities():
    return st.tuples(
        arrays("M 3", "B 2", M=(1, 4), B=(1, 3)), st.lists(st.integers(0, 2), min_size=4, max_size=4),
        st.lists(st.integers(0, 1), min_size=3, max_size=3),
    ).map(lambda drawn: (
        F.log_softmax(drawn[0][0]), np.array(drawn[1][: len(drawn[0][0])]), F.log_softmax(drawn[0][1]),
        np.array(drawn[2][: len(drawn[0][1])]),
    ))


EXERCISES = [
    Exercise(
        "segments",
        expected=[0, 0, 0, 0, 1, 1, 1, 1],
        mistakes=(
            Mistake([0, 0, 1, 1, 1], "<cls> and both <sep> have segments too: eight tokens in all."),
            Mistake([0, 0, 0, 1, 1, 1, 1, 1], "The first <sep> closes A: it is of segment 0."),
            Mistake([1, 1, 1, 1, 2, 2, 2, 2], "They are numbered from 0."),
            Mistake([0, 0, 0, 0, 1, 1, 1, 0], "The last <sep> belongs to B."),
        ),
        hint="<cls> a a <sep> are 0, b b b <sep> are 1.",
    ),
    Exercise(
        "packing",
        expected=packed,
        inputs=two_texts(),
        mistakes=(
            Mistake(lambda a, b: np.array([1, *a, 2, *b]), "B ends with <sep> too."),
            Mistake(lambda a, b: np.array([1, *a, 2, 1, *b, 2]), "<cls> stands once, at the start of the row."),
            Mistake(lambda a, b: np.array([*a, 2, *b, 2]), "<cls> is missing: the pair is judged by its vector."),
            Mistake(lambda a, b: np.array([1, *b, 2, *a, 2]), "A comes first."),
        ),
        hint="np.array([1, *a, 2, *b, 2]).",
    ),
    Exercise(
        "segments from ids",
        expected=segments_of,
        inputs=padded_rows(),
        mistakes=(
            Mistake(lambda ids: (np.arange(len(ids)) > np.flatnonzero(ids == 2)[0]).astype(int),
                    "Padding is of segment 0: stop after the last <sep>."),
            Mistake(lambda ids: np.where(np.arange(len(ids)) >= np.flatnonzero(ids == 2)[0], ids > 0, 0).astype(int),
                    "The first <sep> belongs to A."),
            Mistake(lambda ids: np.cumsum(ids == 2), "cumsum counts the <sep> itself, and goes on to 2 after the last one."),
            Mistake(lambda ids: segments_of(ids) * (ids != 2), "The last <sep> belongs to B."),
        ),
        hint="np.flatnonzero(ids == 2) gives both places; 1 after the first, up to and with the second.",
    ),
    Exercise(
        "the joint loss",
        expected=joint_loss,
        inputs=log_probabilities(),
        mistakes=(
            Mistake(all_together, "One mean over all: then the many hidden words drown the pairs. Each task has its own mean."),
            Mistake(sums, "Those are sums: take a mean of each, over hidden places and over pairs."),
            Mistake(lambda words, targets, pairs, labels: -joint_loss(words, targets, pairs, labels),
                    "Minus the logarithm: a loss is positive."),
            Mistake(lambda words, targets, pairs, labels: joint_loss(words, targets, pairs, labels) / 2,
                    "The two are added, not averaged."),
            Mistake(lambda words, targets, pairs, labels: joint_loss(words, targets, pairs, 1 - labels),
                    "0 means that B follows, and is column 0."),
        ),
        hint="−mean of words[rows, targets] − mean of pairs[rows, labels].",
    ),
    Exercise(
        "overlap",
        expected=shared,
        inputs=two_texts(),
        mistakes=(
            Mistake(lambda a, b: len(set(a.tolist()) & set(b.tolist())) / len(set(b.tolist())),
                    "Divide by the tokens of both together, or it is not the same for (b, a)."),
            Mistake(lambda a, b: len(set(a.tolist()) & set(b.tolist())) / (len(a) + len(b)),
                    "Count *different* tokens, and those in both only once: the size of the union."),
            Mistake(lambda a, b: float(len(set(a.tolist()) & set(b.tolist()))), "Divide by the size of the union."),
            Mistake(lambda a, b: float(np.mean(np.isin(a, b))),
                    "That counts a repeated token each time, and is not the same for (b, a)."),
        ),
        hint="Sets: len(a & b) / len(a | b).",
    ),
    Exercise(
        "the chance of following",
        expected=chance_of_following,
        inputs=token_ids("D", vocab_size=5, D=(1, 3)).map(lambda drawn: (drawn[0] + 2,)),
        mistakes=(
            Mistake(lambda sizes: 1 / sizes.sum(), "Nearly: but a document's last sentence is followed by none."),
            Mistake(lambda sizes: 2 * chance_of_following(sizes), "In order: the second must follow, not precede."),
            Mistake(lambda sizes: (sizes - 1).sum() / sizes.sum() ** 2, "The two are different: n (n − 1) ordered pairs."),
            Mistake(lambda sizes: (sizes.sum() - 1) / (sizes.sum() * (sizes.sum() - 1)) if len(sizes) == 1
                    else sizes.sum() / (sizes.sum() * (sizes.sum() - 1)),
                    "Each document of n sentences has n − 1 places where one follows another."),
        ),
        hint="Count the ordered pairs that follow, sizes − 1 in each document, and all ordered pairs, n (n − 1).",
    ),
]
