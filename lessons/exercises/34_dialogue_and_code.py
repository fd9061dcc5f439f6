"""Lesson 34: conversations as tokens, and estimates of pass@k."""

import math

import numpy as np
from hypothesis import strategies as st

from tinyllm.book import Exercise, Mistake


def chatml(messages):
    return "".join(f"<|im_start|>{role}\n{content}<|im_end|>\n" for role, content in messages)


def targets_of(ids, said):
    return np.where(said, ids, -100)[1:]


def loss_on_replies(logp, targets):
    learned = np.flatnonzero(targets != -100)
    return -logp[learned, targets[learned]].mean() if len(learned) else 0.0


def dropped(system, turns, room):
    n = 0
    while n < len(turns) - 1 and system + sum(turns[n:]) > room:
        n += 1
    return n


def dropped_without_system(system, turns, room):
    return dropped(0, turns, room)


def estimate(n, c, k):
    return 1 - math.comb(n - c, k) / math.comb(n, k)


def samples_needed(p, q):
    k = 1
    while 1 - (1 - p) ** k < q:
        k += 1
    return k


messages = st.lists(st.tuples(st.sampled_from(["user", "assistant"]), st.sampled_from(["Hi.", "No", "A lamp"])), max_size=3)
rows = st.integers(2, 5).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(0, 9), min_size=n, max_size=n).map(np.array),
        st.lists(st.booleans(), min_size=n, max_size=n).map(np.array),
    )
)


@st.composite
def predictions(draw):
    length, vocab = draw(st.integers(1, 4)), draw(st.integers(2, 3))
    entries = draw(st.lists(st.integers(1, 12), min_size=length * vocab, max_size=length * vocab))
    targets = draw(st.lists(st.one_of(st.integers(0, vocab - 1), st.just(-100)), min_size=length, max_size=length))
    return -np.reshape(entries, (length, vocab)) / 4, np.array(targets)


counts = st.integers(1, 8).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n)))

EXERCISES = [
    Exercise(
        "ChatML", chatml, st.tuples(messages),
        mistakes=(
            Mistake(lambda messages: chatml(messages) + "<|im_start|>assistant\n", "No opening of a reply was asked for."),
            Mistake(lambda messages: chatml(messages).replace("<|im_end|>\n", "<|im_end|>"), "A new line after each turn."),
            Mistake(lambda messages: chatml(messages).replace("<|im_end|>", ""), "Each turn needs its end sign."),
        ),
        hint="<|im_start|>role, new line, content, <|im_end|>, new line.",
    ),
    Exercise(
        "targets", targets_of, rows,
        mistakes=(
            Mistake(lambda ids, said: np.where(said, ids, -100)[:-1], "Entry t is about token t + 1."),
            Mistake(lambda ids, said: np.where(said[:-1], ids[1:], -100),
                    "Whether token t + 1 is to be said counts, not token t."),
            Mistake(lambda ids, said: np.where(said, -100, ids)[1:], "−100 where it is *not* to be said."),
        ),
        hint="np.where(said, ids, -100), one place ahead.",
    ),
    Exercise(
        "the loss", loss_on_replies, predictions(),
        mistakes=(
            Mistake(lambda logp, targets: loss_on_replies(logp, targets) * (targets != -100).mean(),
                    "The mean over what is learned, not over all places."),
            Mistake(lambda logp, targets: -loss_on_replies(logp, targets), "A loss is *minus* the log-probability."),
            Mistake(lambda logp, targets: -logp[np.arange(len(targets)), np.maximum(targets, 0)].mean(),
                    "Places with −100 do not count at all."),
        ),
        hint="Select the rows whose target is not −100, pick each row's target, take minus the mean.",
    ),
    Exercise(
        "a full context", dropped,
        st.tuples(st.integers(0, 3), st.lists(st.sampled_from([1, 5]), min_size=2, max_size=4), st.integers(4, 12)),
        mistakes=(
            Mistake(dropped_without_system, "The system's message takes room as well."),
            Mistake(lambda system, turns, room: dropped(system, turns, room - 1), "What fits exactly, fits."),
            Mistake(lambda system, turns, room: dropped(system, turns[::-1], room), "The oldest go first."),
        ),
        hint="While system + the rest is more than room, and more than one turn is left, drop the first.",
    ),
    Exercise(
        "pass@k", estimate, counts,
        mistakes=(
            Mistake(lambda n, c, k: 1 - (1 - c / n) ** k, "Plugging c/n in is biased: count the ways to choose k of n."),
            Mistake(lambda n, c, k: math.comb(n - c, k) / math.comb(n, k), "That is the chance that none passes."),
            Mistake(lambda n, c, k: math.comb(c, k) / math.comb(n, k), "That is the chance that *all* k pass."),
            Mistake(lambda n, c, k: c / n, "That is pass@1."),
        ),
        hint="1 − C(n − c, k) / C(n, k).",
    ),
    Exercise(
        "how many samples", samples_needed,
        st.tuples(st.sampled_from([0.1, 0.25, 0.4, 0.7, 0.9]), st.sampled_from([0.3, 0.55, 0.95, 0.99])),
        mistakes=(
            Mistake(lambda p, q: max(1, math.floor(math.log(1 - q) / math.log(1 - p))), "Round up: fewer are not enough."),
            Mistake(lambda p, q: math.ceil(q / p), "Chances do not add: the one that *none* passes multiplies."),
            Mistake(lambda p, q: math.ceil(math.log(q) / math.log(p)), "Look at the chance that none passes, (1 − p)^k."),
        ),
        hint="(1 − p)^k ≤ 1 − q; take logarithms, and mind that ln(1 − p) is negative.",
    ),
]
