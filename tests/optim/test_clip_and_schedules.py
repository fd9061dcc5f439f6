"""Clipping keeps directions; schedules pass through their corners."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyllm.nn import Parameter
from tinyllm.optim import clip_grad_norm, warmup_cosine, warmup_linear


def with_gradients(*gradients):
    parameters = [Parameter(np.zeros_like(g)) for g in gradients]
    for p, g in zip(parameters, gradients, strict=True):
        p.grad = g.copy()
    return parameters


@given(
    shapes=st.lists(st.lists(st.integers(0, 4), max_size=3).map(tuple), min_size=1, max_size=4),
    max_norm=st.sampled_from([1e-3, 1.0, 100.0]), dtype=st.sampled_from([np.float32, np.float64]), seed=st.integers(0, 2**31),
)
def test_clipping_scales_all_by_one_number(shapes, max_norm, dtype, seed):
    rng = np.random.default_rng(seed)
    gradients = [np.asarray(rng.standard_normal(s), dtype) for s in shapes]
    parameters = [*with_gradients(*gradients), Parameter(np.zeros(2, dtype))]
    parameters[0].grad = np.asfortranarray(parameters[0].grad)
    norm = clip_grad_norm(iter(parameters), max_norm)
    whole = math.sqrt(sum(float((g.astype(np.float64) ** 2).sum()) for g in gradients))
    assert isinstance(norm, float) and norm == pytest.approx(whole, rel=1e-6, abs=0)
    factor = min(1.0, max_norm / whole) if whole else 1.0
    for p, g in zip(parameters, gradients, strict=False):
        assert p.grad.dtype == dtype
        np.testing.assert_allclose(p.grad, g * factor, rtol=2e-6)
    assert parameters[-1].grad is None


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_left_alone_or_refused(bad):
    (p,) = with_gradients(np.array([1.0, bad]))
    assert not math.isfinite(clip_grad_norm([p], 1.0))
    np.testing.assert_array_equal(p.grad, [1.0, bad])
    with pytest.raises(FloatingPointError, match=f"norm of the gradients is {bad}"):
        clip_grad_norm([p], 1.0, error_if_nonfinite=True)


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan")])
def test_the_largest_norm_is_positive(bad):
    with pytest.raises(ValueError, match="max_norm"):
        clip_grad_norm([], bad)


def test_schedules_at_their_corners():
    cosine = warmup_cosine(warmup=4, total=20, floor=0.1)
    assert [cosine(s) for s in range(5)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert cosine(12) == pytest.approx(0.55) and cosine(20) == cosine(10**6) == pytest.approx(0.1)
    line = warmup_linear(warmup=4, total=20)
    assert [line(s) for s in range(5)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert line(12) == pytest.approx(0.5) and line(19) == pytest.approx(1 / 16) and line(20) == line(99) == 0.0
    assert warmup_cosine(0, 10)(0) == warmup_linear(0, 10)(0) == 1.0


@given(warmup=st.integers(0, 30), more=st.integers(1, 50), floor=st.sampled_from([0.0, 0.1, 1.0]),
       kind=st.sampled_from([warmup_cosine, warmup_linear]))
def test_schedules_rise_then_fall(warmup, more, floor, kind):
    factors = [kind(warmup, warmup + more, floor)(s) for s in range(warmup + more + 5)]
    assert factors[0] > 0 and max(factors) == factors[warmup] == pytest.approx(1.0)
    assert all(a < b for a, b in itertools.pairwise(factors[: warmup + 1]))
    assert all(a >= b for a, b in itertools.pairwise(factors[warmup:]))
    assert factors[-1] == pytest.approx(floor)


@pytest.mark.parametrize("kind", [warmup_cosine, warmup_linear])
def test_bad_schedules(kind):
    for warmup, total in ((5, 5), (-1, 5), (0, 0)):
        with pytest.raises(ValueError, match="choose 0 <= warmup < total"):
            kind(warmup, total)
    with pytest.raises(ValueError, match=r"floor is 1\.5"):
        kind(1, 5, 1.5)
