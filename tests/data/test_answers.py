"""Answers out of windows: equal to trying every pair of tokens in every window."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyllm.data import WindowLogits, merge_windows
from tinyllm.data.answers import Reading

PASSAGE = "".join(chr(ord("a") + i % 26) for i in range(60))


@st.composite
def readings(draw):
    """Windows over a passage of tokens of 0 to 3 characters, with drawn logits; ties are likely."""
    n = draw(st.integers(0, 14))
    edges = np.cumsum([0, *(draw(st.integers(0, 3)) for _ in range(n))])
    places = np.stack([edges[:-1], edges[1:]], axis=1).reshape(-1, 2)
    windows = []
    logit = draw(st.sampled_from([st.integers(-3, 3), st.floats(-50, 50, width=32)]))
    for _ in range(draw(st.integers(1, 3))):
        a, b = sorted(draw(st.tuples(st.integers(0, n), st.integers(0, n))))
        starts, ends = (np.array([draw(logit) for _ in range(b - a)], dtype=np.float32) for _ in range(2))
        windows.append(WindowLogits(starts, ends, places[a:b], float(draw(logit))))
    return windows


def every_pair(windows, max_tokens):
    best = {}
    for window in windows:
        for i in range(len(window.starts)):
            for j in range(i, min(i + max_tokens, len(window.starts))):
                (a, nonempty), (nonempty_too, b) = window.places[i], window.places[j]
                if a < nonempty and nonempty_too < b:
                    score = float(window.starts[i]) + float(window.ends[j])
                    best[int(a), int(b)] = max(score, best.get((a, b), score))
    return sorted(((-score, piece) for piece, score in best.items()))


@given(readings(), st.integers(1, 8), st.integers(1, 16))
def test_the_best_pieces_are_those_of_all_pairs(windows, n_best, max_tokens):
    reading = merge_windows(PASSAGE, windows, n_best, max_tokens)
    assert [(-found.score, (found.start, found.end)) for found in reading.found] == every_pair(windows, max_tokens)[:n_best]
    assert all(found.text == PASSAGE[found.start : found.end] != "" for found in reading.found)
    assert reading.null_score == min(window.null for window in windows)


@given(readings(), st.randoms(use_true_random=False))
def test_the_order_of_the_windows_does_not_matter(windows, random):
    shuffled = random.sample(windows, len(windows))
    assert merge_windows(PASSAGE, shuffled) == merge_windows(PASSAGE, windows)


@given(readings(), st.floats(-60, 60))
def test_no_answer_is_a_matter_of_the_threshold(windows, threshold):
    reading = merge_windows(PASSAGE, windows)
    if not reading.found:
        assert reading.answer() == reading.answer(threshold) == ""
    else:
        assert reading.answer() == reading.found[0].text
        none = reading.null_score - reading.found[0].score > threshold
        assert reading.answer(threshold) == ("" if none else reading.found[0].text)


def test_what_is_refused():
    good = WindowLogits(np.zeros(2), np.zeros(2), np.array([[0, 1], [1, 2]]), 0.0)
    for bad in (
        WindowLogits(np.array([0, np.nan]), np.zeros(2), good.places, 0.0),
        WindowLogits(np.zeros(2), np.array([np.inf, 0]), good.places, 0.0),
        WindowLogits(np.zeros(2), np.zeros(2), good.places, float("nan")),
    ):
        with pytest.raises(ValueError, match="not finite: the model has diverged"):
            merge_windows(PASSAGE, [good, bad])
    for sizes in ({"n_best": 0}, {"max_tokens": 0}):
        with pytest.raises(ValueError, match="both are at least 1"):
            merge_windows(PASSAGE, [good], **sizes)
    assert isinstance(merge_windows(PASSAGE, [good]), Reading)
