"""Lesson 35: what bounds a computation, the online softmax, and what workers send."""

import math

import numpy as np
from hypothesis import strategies as st

from tinyllm.book import Exercise, Mistake
from tinyllm.book.draws import arrays, token_ids


def free_texts(P, W, size):
    return P * size / (2 * W)


def merged(m1, l1, o1, m2, l2, o2):
    m = max(m1, m2)
    a, b = math.exp(m1 - m), math.exp(m2 - m)
    return (a * o1 + b * o2) / (a * l1 + b * l2)


def gradient_of_scores(s, lse, v, o, g):
    p = np.exp(s - lse[:, None])
    return p * (g @ v.T - np.sum(g * o, axis=1, keepdims=True))


def bytes_sent(n, size):
    return 2 * (n - 1) / n * size


def whole_gradient(gs, counts):
    return counts @ gs / counts.sum()


def arrival(compute, send):
    ready = arrived = 0.0
    for c, s in zip(compute, send):
        ready += c
        arrived = max(ready, arrived) + s
    return arrived


def all_but_the_last_hidden(compute, send):
    return sum(compute) + send[-1]


def computed_while_sent(compute, send):
    arrived = 0.0
    for c, s in zip(compute, send):
        arrived = max(c, arrived) + s
    return arrived


def states(args):
    """Two halves of a row as scores and values, as what the online softmax keeps of them."""
    s1, v1, s2, v2 = args
    kept = []
    for s, v in ((2 * s1, v1), (2 * s2, v2)):
        e = np.exp(s - s.max())
        kept += [float(s.max()), float(e.sum()), e @ v]
    return tuple(kept)


def way_back(args):
    s, v, g = args
    lse = np.log(np.exp(s).sum(axis=1))
    return s, lse, v, np.exp(s - lse[:, None]) @ v, g


MACHINES = st.tuples(*map(st.sampled_from, ([1e10, 5e10, 1e12, 6e13], [1e10, 2.5e10, 3e12], [1, 2, 4])))
HALVES = arrays("S", "S D", "R", "R D").map(states)
ROWS = arrays("T S", "S E", "T E").map(way_back)
PARTS = st.integers(2, 4).flatmap(
    lambda n: st.tuples(arrays(f"{n} D").map(lambda args: args[0]), token_ids(f"{n}", vocab_size=6).map(lambda args: args[0]))
).filter(lambda args: args[1].sum() > 0)
BUCKETS = st.integers(1, 4).flatmap(
    lambda n: st.tuples(*(st.lists(st.integers(1, 6).map(float), min_size=n, max_size=n) for _ in range(2)))
)

EXERCISES = [
    Exercise(
        "Amdahl's law",
        expected=1 / 0.6,
        rtol=0.01,
        mistakes=(
            Mistake(2.5, "That is 1/0.4: the products would be what became free. They stay."),
            Mistake(1.4, "Time falls by 40 percent, from 1 to 0.6. Speed is one over time."),
            Mistake(0.6, "That is the time that is left. How many times *faster* is that?"),
            Mistake(0.4, "That is the time that was saved."),
        ),
        hint="1 / ((1 − s) + s/k), with s = 0.4 and k without bound.",
    ),
    Exercise(
        "free texts",
        expected=free_texts,
        inputs=MACHINES,
        mistakes=(
            Mistake(lambda P, W, size: P / W, "That is the roofline's corner, in operations a byte. How many has one text?"),
            Mistake(lambda P, W, size: 2 * P / W, "Right for 4 bytes a weight: size is not always 4."),
            Mistake(lambda P, W, size: P * size / W, "A weight costs two operations a text, a factor and a sum."),
            Mistake(lambda P, W, size: 2 * W / (P * size), "Upside down: more arithmetic means more free texts."),
        ),
        hint="Reading a weight takes size/W, computing with it 2b/P: for which b are they equal?",
    ),
    Exercise(
        "two halves of a row",
        expected=merged,
        inputs=HALVES,
        mistakes=(
            Mistake(lambda m1, l1, o1, m2, l2, o2: (o1 + o2) / (l1 + l2),
                    "Each half has a shift of its own: bring both to the larger maximum first."),
            Mistake(lambda m1, l1, o1, m2, l2, o2: (o1 / l1 + o2 / l2) / 2,
                    "The halves do not count alike: the one with larger scores counts more."),
            Mistake(lambda m1, l1, o1, m2, l2, o2: merged(m2, l1, o1, m1, l2, o2),
                    "Each half is scaled by exp(its own maximum − the common one)."),
            Mistake(lambda m1, l1, o1, m2, l2, o2: merged(m1, l1, o1, m2, l2, o2)
                    * (math.exp(m1 - max(m1, m2)) * l1 + math.exp(m2 - max(m1, m2)) * l2),
                    "That is the new o. The attention is o divided by the new ℓ."),
        ),
        hint="m = max(m1, m2); scale l and o of each half by exp(m_i − m), add, divide o by l.",
    ),
    Exercise(
        "the way back",
        expected=gradient_of_scores,
        inputs=ROWS,
        mistakes=(
            Mistake(lambda s, lse, v, o, g: np.exp(s - lse[:, None]) * (g @ v.T),
                    "The softmax's gradient subtracts the row's mean of g·v, weighted by P: that is g·o."),
            Mistake(lambda s, lse, v, o, g: np.exp(s) * (g @ v.T - np.sum(g * o, axis=1, keepdims=True)),
                    "exp(s) is not the weight yet: lse divides by the sum."),
            Mistake(lambda s, lse, v, o, g: g @ v.T - np.sum(g * o, axis=1, keepdims=True),
                    "Each entry is multiplied by its weight P."),
            Mistake(lambda s, lse, v, o, g: np.exp(s - lse[:, None]) * (g @ v.T - np.sum(g * o)),
                    "g·o is a number for each row, not one for all."),
        ),
        hint="P = exp(s − Λ), then P (g vᵀ − g · o), the last a number a row.",
    ),
    Exercise(
        "straight to the owner",
        expected=bytes_sent,
        inputs=st.tuples(st.integers(2, 16), st.sampled_from([240.0, 1e6, 4e9])),
        mistakes=(
            Mistake(lambda n, size: (n - 1) / n * size, "That is the way there; the moved weights have to be sent as well."),
            Mistake(lambda n, size: 2 * (n - 1) * size, "To each other rank goes *its* shard, not the whole gradient."),
            Mistake(lambda n, size: 2 * size, "A rank sends nothing to itself."),
            Mistake(lambda n, size: 2 * size / n, "To *each* of the others such a piece."),
        ),
        hint="A shard has size/n bytes. There: one to each of n − 1 owners. Back: one's own to each of n − 1.",
    ),
    Exercise(
        "the gradient of the whole",
        expected=whole_gradient,
        inputs=PARTS,
        mistakes=(
            Mistake(lambda gs, counts: gs.mean(axis=0), "Parts with more targets count more."),
            Mistake(lambda gs, counts: counts @ gs, "Divide by the number of all targets."),
            Mistake(lambda gs, counts: gs.sum(axis=0) / counts.sum(),
                    "Each part's gradient is of its *mean*: times its n_i first."),
            Mistake(lambda gs, counts: counts @ gs / len(counts), "The weights n_i/N sum to 1; yours do not."),
        ),
        hint="Σ n_i g_i / Σ n_i.",
    ),
    Exercise(
        "arrival",
        expected=arrival,
        inputs=BUCKETS,
        mistakes=(
            Mistake(lambda compute, send: sum(compute) + sum(send), "That is without overlap."),
            Mistake(all_but_the_last_hidden, "Only if the wire is free by then: sending may be the slower one."),
            Mistake(lambda compute, send: compute[0] + sum(send), "Only if the next bucket is always ready in time."),
            Mistake(lambda compute, send: max(all_but_the_last_hidden(compute, send), compute[0] + sum(send)),
                    "True for equal buckets. A jam may begin in the middle: follow it bucket by bucket."),
            Mistake(computed_while_sent, "Buckets are computed one after the other: when is bucket i ready?"),
        ),
        hint="end_i = max(computed_i, end_{i−1}) + send_i, where computed_i sums compute up to i.",
    ),
]
