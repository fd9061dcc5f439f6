"""Lesson 29: question answering."""

from collections import Counter

import numpy as np
from hypothesis import strategies as st

import tinyllm.functional as F
from tinyllm.book import Exercise, Mistake
from tinyllm.book.draws import arrays

WORDS = st.lists(st.sampled_from(["red", "tower", "book", "hall"]), max_size=4)


def find_span(starts, ends, longest):
    n = len(starts)
    pairs = [(i, j) for i in range(n) for j in range(i, min(n, i + longest))]
    return max(pairs, key=lambda pair: starts[pair[0]] + ends[pair[1]])


def judged(answer, starts, ends, longest):
    """The sum of the span that was chosen, and whether it may be chosen: of equal sums any is right."""
    found = answer(starts, ends, longest)
    if found is None:
        return None
    i, j = (int(place) for place in found)
    inside = 0 <= i < len(starts) and 0 <= j < len(ends)
    return {"is a span": inside and i <= j < i + longest, "sum": float(starts[i] + ends[j]) if inside else 0.0}


def words_f1(gold, guess):
    if not gold or not guess:
        return float(gold == guess)
    return 2 * (Counter(gold) & Counter(guess)).total() / (len(gold) + len(guess))


def sets_f1(gold, guess):
    if not gold or not guess:
        return float(gold == guess)
    return 2 * len(set(gold) & set(guess)) / (len(set(gold)) + len(set(guess)))


def never_silent(gold, guess):
    return 2 * (Counter(gold) & Counter(guess)).total() / max(len(gold) + len(guess), 1)


def recall(gold, guess):
    if not gold or not guess:
        return float(gold == guess)
    return (Counter(gold) & Counter(guess)).total() / len(gold)


def window_starts(n, room, overlap):
    starts = [0]
    while starts[-1] + room < n:
        starts.append(starts[-1] + room - overlap)
    return starts


@st.composite
def lengths(draw):
    room = draw(st.integers(2, 6))
    return draw(st.integers(1, 14)), room, draw(st.integers(0, room - 1))


def tokens_of(places, start, end):
    shared = [t for t, (a, b) in enumerate(places) if max(a, start) < min(b, end)]
    return (shared[0], shared[-1]) if shared else ()


def whole_tokens(places, start, end):
    inside = [t for t, (a, b) in enumerate(places) if start <= a and b <= end]
    return (inside[0], inside[-1]) if inside else ()


def touching(places, start, end):
    shared = [t for t, (a, b) in enumerate(places) if max(a, start) <= min(b, end)]
    return (shared[0], shared[-1]) if shared else ()


@st.composite
def pieces(draw):
    lengths, gaps = (draw(st.lists(st.integers(low, high), min_size=3, max_size=3)) for low, high in ((1, 3), (0, 1)))
    starts = np.cumsum([0, *np.add(lengths, gaps)])[:3]
    start = draw(st.integers(0, int(starts[-1])))
    return np.stack([starts, starts + lengths], axis=1), start, start + draw(st.integers(1, 5))


def gradient_of_starts(starts, real, gold):
    g = F.softmax(np.where(real, starts, -np.inf))
    return g - (np.arange(len(starts)) == gold)


@st.composite
def rows(draw):
    (starts,) = draw(arrays("T", T=(1, 5)))
    n = draw(st.integers(1, len(starts)))
    return starts, np.arange(len(starts)) < n, draw(st.integers(0, n - 1))


EXERCISES = [
    Exercise(
        "the best span by hand",
        expected=(1, 2, 6.0),
        mistakes=(
            Mistake((3, 2, 5.0), "A span does not end before it begins: the first place is at most the last."),
            Mistake((1, 1, 5.0), "Place 1 ends with logit 1, place 2 with logit 2: a longer span may score more."),
            Mistake((1, 2, -6.0), "The span beats no answer: the lead is score of the span minus score of no answer."),
            Mistake((1, 2, 2.0), "Start and end logits are added, not only the start's taken."),
        ),
        hint="Add start[i] + end[j] for every 1 ≤ i ≤ j ≤ 3. No answer has start[0] + end[0].",
    ),
    Exercise(
        "the best span",
        expected=find_span,
        inputs=st.tuples(arrays("T", "T", T=(1, 5)), st.integers(1, 3)).map(lambda drawn: (*drawn[0], drawn[1])),
        run=judged,
        mistakes=(
            Mistake(lambda starts, ends, longest: (np.argmax(starts), np.argmax(ends)),
                    "Each by itself may end before it begins, or be too long. Look at pairs."),
            Mistake(lambda starts, ends, longest: find_span(starts, ends, len(starts)),
                    "The span may have `longest` tokens at most."),
            Mistake(lambda starts, ends, longest: find_span(starts, ends, longest + 1),
                    "A span of i … j has j − i + 1 tokens: j < i + longest."),
            Mistake(lambda starts, ends, longest: (np.argmax(starts), np.argmax(starts) + np.argmax(
                ends[np.argmax(starts) : np.argmax(starts) + longest])), "The best start need not belong to the best pair."),
        ),
        hint="All pairs with i ≤ j < i + longest, and of these the largest starts[i] + ends[j].",
    ),
    Exercise(
        "F1 of words",
        expected=words_f1,
        inputs=st.tuples(WORDS, WORDS),
        mistakes=(
            Mistake(sets_f1, "A word that stands twice counts twice: compare counts (Counter), not sets."),
            Mistake(never_silent, "Two empty answers agree: 1.0."),
            Mistake(recall, "That is the recall. Precision counts as well."),
        ),
        hint="common = (Counter(gold) & Counter(guess)).total(); 2 · common / (both lengths together).",
    ),
    Exercise(
        "windows",
        expected=window_starts,
        inputs=lengths(),
        mistakes=(
            Mistake(lambda n, room, overlap: list(range(0, n, room - overlap)),
                    "No window is needed that begins after another one has reached the end."),
            Mistake(lambda n, room, overlap: list(range(0, n, room)),
                    "Neighbours share `overlap` tokens: the step is room − overlap."),
            Mistake(lambda n, room, overlap: list(range(0, max(n - room, 0) + 1, room - overlap)),
                    "The last tokens are in no window."),
        ),
        hint="Steps of room − overlap, until a window reaches the end.",
    ),
    Exercise(
        "tokens of an answer",
        expected=tokens_of,
        inputs=pieces(),
        mistakes=(
            Mistake(whole_tokens, "A token of which the answer has a part belongs to it as well."),
            Mistake(touching, "Ends are one past the last character: what ends where the answer starts shares nothing."),
            Mistake(lambda places, start, end: tokens_of(places, start, start + 1),
                    "That is only the token of the first character."),
        ),
        hint="Two stretches [a, b) and [start, end) share a character if max(a, start) < min(b, end).",
    ),
    Exercise(
        "the start logits' gradient",
        expected=gradient_of_starts,
        inputs=rows(),
        mistakes=(
            Mistake(lambda starts, real, gold: F.softmax(starts) - (np.arange(len(starts)) == gold),
                    "Padding took part in the softmax: its logits are −∞."),
            Mistake(lambda starts, real, gold: F.softmax(np.where(real, starts, 0.0)) - (np.arange(len(starts)) == gold),
                    "A logit of 0 is a probability like any other: −∞ makes it 0."),
            Mistake(lambda starts, real, gold: -gradient_of_starts(starts, real, gold),
                    "The sign: at the right place the gradient is negative, so that a step downhill raises its logit."),
            Mistake(lambda starts, real, gold: F.softmax(np.where(real, starts, -np.inf)), "The right place: minus 1 there."),
        ),
        hint="Lesson 8: softmax − one-hot; and the places that are not real have probability 0.",
    ),
]
