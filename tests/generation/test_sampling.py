"""Each rule by what defines it, on drawn logits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tinyllm.functional import softmax
from tinyllm.generation import Sampling
from tinyllm.generation.sampling import draw, greedy, repetition_penalty, temperature, top_k, top_p

finite = st.floats(-30, 30, width=32)
rows = st.integers(1, 3).flatmap(lambda n: st.integers(1, 12).flatmap(lambda v: arrays(np.float32, (n, v), elements=finite)))


def probabilities(logits: np.ndarray) -> np.ndarray:
    return softmax(logits.astype(np.float64))


@given(rows, st.integers(1, 15))
def test_top_k_keeps_the_k_largest(logits, k):
    kept = np.isfinite(top_k(logits, k))
    assert (kept.sum(axis=-1) == min(k, logits.shape[-1])).all()
    for row, keep in zip(logits, kept, strict=True):
        assert row[keep].min() >= row[~keep].max(initial=-np.inf)
    assert (top_k(logits, k)[kept] == logits[kept]).all()


@given(rows, st.floats(0.01, 1.0))
def test_top_p_keeps_a_smallest_set_that_reaches_p(logits, p):
    kept = np.isfinite(top_p(logits, p))
    for row, keep in zip(probabilities(logits), kept, strict=True):
        assert row[keep].sum() >= p - 1e-9                                  # reaches p
        assert row[keep].min() >= row[~keep].max(initial=0.0)               # with the likeliest
        assert keep.sum() == 1 or p == 1 or row[keep].sum() - row[keep].min() < p + 1e-9    # and not one too many


@given(rows)
def test_temperature_goes_from_greedy_to_uniform(logits):
    # Equal logits share; only those apart by more than the temperature resolves are told apart.
    cold = probabilities(temperature(logits.astype(np.float64), 1e-6))
    best = logits == logits.max(axis=-1, keepdims=True)
    assert np.allclose(cold[~best & (logits < logits.max(axis=-1, keepdims=True) - 1e-3)], 0, atol=1e-12)
    hot = probabilities(temperature(logits.astype(np.float64), 1e9))
    assert np.allclose(hot, 1 / logits.shape[-1], atol=1e-6)


@given(rows, st.floats(0.1, 10))
def test_temperature_divides_the_log_odds(logits, t):
    z = logits.astype(np.float64)
    assert np.allclose(np.diff(temperature(z, t)), np.diff(z) / t)
    assert temperature(logits, t).dtype == np.float32


@given(rows, st.floats(1.01, 5), st.data())
def test_repetition_penalty_lowers_what_was_seen_and_nothing_else(logits, penalty, data):
    n, V = logits.shape
    seen = data.draw(arrays(np.int64, (n, 4), elements=st.integers(0, V - 1)))
    out = repetition_penalty(logits, seen, penalty)
    for before, after, ids in zip(logits, out, seen, strict=True):
        for i in range(V):
            expected = before[i]
            if i in ids:                    # once, however often it was seen
                expected = before[i] / penalty if before[i] > 0 else before[i] * penalty
                assert after[i] <= before[i]
            assert after[i] == pytest.approx(expected, rel=1e-6)
    assert (repetition_penalty(logits, seen, 1.0) == logits).all()


@given(rows, st.floats(0, 1, exclude_max=True))
def test_draw_inverts_the_distribution_function(logits, u):
    token = draw(logits, np.full(len(logits), u))
    for row, i in zip(probabilities(logits), token, strict=True):
        assert row[:i].sum() <= u + 1e-12
        assert u <= row[: i + 1].sum() + 1e-12


def test_draw_meets_the_probabilities():
    logits = np.log(np.array([0.5, 0.3, 0.15, 0.05], np.float32))
    u = (np.arange(100_000) + 0.5) / 100_000
    counts = np.bincount(draw(np.broadcast_to(logits, (len(u), 4)), u), minlength=4)
    assert np.abs(counts / len(u) - [0.5, 0.3, 0.15, 0.05]).max() <= 2e-5


@given(rows, st.floats(0, 1, exclude_max=True), st.integers(1, 4))
def test_what_is_excluded_is_never_drawn(logits, u, k):
    kept = top_k(logits, k)
    token = draw(kept, np.full(len(logits), u))
    assert np.isfinite(np.take_along_axis(kept, token[:, None], axis=-1)).all()


def test_greedy_takes_the_first_of_equals():
    assert greedy(np.array([[1.0, 3.0, 3.0], [2.0, 0.0, 2.0]])).tolist() == [1, 0]


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_broken_logits_are_an_error(broken):
    with pytest.raises(FloatingPointError, match="NaN or infinity"):
        draw(np.array([[0.0, broken]]), np.zeros(1))


def test_logits_without_a_token_are_an_error():
    with pytest.raises(FloatingPointError, match="every token is excluded"):
        draw(np.full((1, 3), -np.inf), np.zeros(1))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"temperature": 0.0}, "greedy=True"),
        ({"temperature": float("nan")}, "temperature nan"),
        ({"temperature": -1.0}, "temperature -1"),
        ({"temperature": float("inf")}, "temperature inf"),
        ({"top_k": 0}, "top_k 0"),
        ({"top_p": 0.0}, "top_p 0"),
        ({"top_p": 1.5}, "top_p 1.5"),
        ({"repetition_penalty": 0.0}, "repetition_penalty 0"),
    ],
)
def test_numbers_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        Sampling(**options)


def test_rules_apply_in_order():
    """The penalty comes first, so it may change which token is the most likely one."""
    logits, seen = np.array([[2.0, 1.5, 0.0]], np.float32), np.array([[0]])
    assert Sampling(greedy=True).choose(logits, seen, np.zeros(1)) == 0
    assert Sampling(greedy=True, repetition_penalty=2.0).choose(logits, seen, np.zeros(1)) == 1
    assert Sampling(top_k=1, repetition_penalty=2.0).choose(logits, seen, np.full(1, 0.99)) == 1
