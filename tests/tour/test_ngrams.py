"""The n-gram model is a probability distribution, and the one of the paper."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyllm.tour.ngrams import NGram

texts = st.lists(st.integers(0, 4), min_size=1, max_size=60)


@given(texts, st.lists(st.integers(0, 4), min_size=0, max_size=6), st.integers(1, 4))
def test_probabilities_after_any_context_sum_to_one(train, context, order):
    model = NGram(np.array(train), order, 5)
    p = [model.probabilities(np.array([*context, w]))[-1] for w in range(5)]
    assert sum(p) == pytest.approx(1.0, abs=1e-12)
    assert min(p) > 0.0


def slow_probability(train, order, context, w, vocab_size, highest=True):
    """The formula, term by term, from dictionaries."""
    if order == 0:
        return 1.0 / vocab_size
    grams = [tuple(train[i:i + order]) for i in range(len(train) - order + 1)]
    if highest:
        counts = Counter(grams)
    else:
        longer = {tuple(train[i:i + order + 1]) for i in range(len(train) - order)}
        counts = Counter(gram[1:] for gram in longer)
    once, twice = (sum(c == r for c in counts.values()) for r in (1, 2))
    discount = once / (once + 2 * twice) if once and twice else 0.5
    history = tuple(context[len(context) - order + 1:]) if order > 1 else ()
    followers = {g: c for g, c in counts.items() if g[:-1] == history}
    lower = slow_probability(train, order - 1, context, w, vocab_size, False)
    total = sum(followers.values())
    if not total:
        return lower
    return (max(followers.get((*history, w), 0) - discount, 0.0) + discount * len(followers) * lower) / total


@given(texts, st.lists(st.integers(0, 4), min_size=3, max_size=6), st.integers(0, 4), st.integers(1, 4))
def test_equals_the_formula_term_by_term(train, context, w, order):
    got = NGram(np.array(train), order, 5).probabilities(np.array([*context, w]))[-1]
    assert got == pytest.approx(slow_probability(train, order, context, w, 5), rel=1e-12)


def test_a_higher_order_learns_a_text_with_structure():
    text = np.tile([0, 1, 2, 0, 2, 1], 50)
    bits = [NGram(text, order, 3).bits_per_token(text) for order in (1, 2, 3)]
    assert bits[0] > bits[1] > bits[2]


def test_an_order_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="order 7 with 1000 tokens needs 70 bits"):
        NGram(np.arange(10), 7, 1000)
    with pytest.raises(ValueError, match="order 0"):
        NGram(np.arange(10), 0, 10)
