"""Retrieval's scores: by hand, against sorting, and what they refuse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyllm.metrics import retrieval_scores


def test_scores_by_hand():
    """Places 1 and 2, and 3 where all are equal."""
    similarity = np.array([[0.9, 0.1, 0.2], [0.8, 0.5, 0.1], [0.3, 0.3, 0.3]])
    assert retrieval_scores([0, 1, 2], similarity) == pytest.approx((1 / 3, 1, (1 + 1 / 2 + 1 / 3) / 3))
    assert retrieval_scores([2, 2, 0], similarity) == pytest.approx((0, 1, (1 / 2 + 1 / 3 + 1 / 3) / 3))


def test_lists_are_as_good_as_arrays():
    assert retrieval_scores([0, 1], [[0.9, 0.2], [0.8, 0.3]]) == (1 / 2, 1, 3 / 4)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_model_that_diverged_has_no_scores(value):
    with pytest.raises(ValueError, match="not finite everywhere: the model has diverged"):
        retrieval_scores([0, 1], [[0.9, 0.2], [value, 0.3]])


def test_what_tells_no_texts_apart_has_found_none():
    assert retrieval_scores(range(20), np.zeros((20, 20))) == pytest.approx((0, 0, 1 / 20))


@given(st.integers(1, 8), st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_places_are_those_of_a_sorted_row(n_questions, n_texts, seed):
    rng = np.random.default_rng(seed)
    similarity = rng.permutation(n_questions * n_texts).reshape(n_questions, n_texts)
    own = rng.integers(n_texts, size=n_questions)
    places = [sorted(row, reverse=True).index(row[text]) + 1 for row, text in zip(similarity, own, strict=True)]
    found = retrieval_scores(own, similarity)
    assert found.recall_at_1 == pytest.approx(sum(place == 1 for place in places) / n_questions)
    assert found.recall_at_10 == pytest.approx(sum(place <= 10 for place in places) / n_questions)
    assert found.mrr == pytest.approx(sum(1 / place for place in places) / n_questions)


@pytest.mark.parametrize("own, n_questions, match", [
    ([0], 2, "1 own texts and 2 rows"), ([], 0, "at least one"), ([3], 1, "own 3 to 3: .* 0 to 2"), ([-1], 1, "own -1"),
])
def test_what_is_refused(own, n_questions, match):
    with pytest.raises(ValueError, match=match):
        retrieval_scores(own, np.zeros((n_questions, 3)))
