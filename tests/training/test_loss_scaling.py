"""A scaled loss moves the parameters as the loss itself does, or not at all; its scale stays near the largest that fits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cupy_standin import install, transfers
from tinyllm import Tensor
from tinyllm import functional as F
from tinyllm.nn import Parameter
from tinyllm.optim import AdamW
from tinyllm.training import LossScaler
from tinyllm.training.loss_scaling import LARGEST


def two(seed: int) -> list[Parameter]:
    rng = np.random.default_rng(seed)
    return [Parameter(rng.standard_normal(s).astype(np.float32)) for s in ((3, 2), (4,))]


@given(seed=st.integers(0, 999), power=st.integers(-10, 24), steps=st.integers(1, 4))
def test_it_moves_as_the_loss_itself(seed: int, power: int, steps: int) -> None:
    plain, scaled = two(seed), two(seed)
    moves, also = AdamW(plain, lr=0.1), AdamW(scaled, lr=0.1)
    scaler = LossScaler(2.0**power)
    for _ in range(steps):
        for parameters in (plain, scaled):
            loss = np.sum(np.square(parameters[0])) * np.sum(np.sin(parameters[1]))
            (loss if parameters is plain else scaler.scaled(loss)).backward()
        moves.step()
        assert scaler.step(also)
        for a, b in zip(plain, scaled, strict=True):
            np.testing.assert_array_equal(a.grad, b.grad)               # powers of two lose no digit
            np.testing.assert_array_equal(a.data, b.data)
        moves.zero_grad()
        also.zero_grad()


@given(seed=st.integers(0, 999), bad=st.sampled_from([np.inf, -np.inf, np.nan]))
def test_a_gradient_that_is_not_finite_moves_nothing(seed: int, bad: float) -> None:
    parameters, scaler = two(seed), LossScaler(8.0)
    optimizer = AdamW(parameters)
    before = [p.data.copy() for p in parameters]
    for p in parameters:
        p.grad = np.ones_like(p.data)
    parameters[seed % 2].grad.flat[seed % 4] = bad
    assert not scaler.step(optimizer) and scaler.scale == 4.0
    for p, old in zip(parameters, before, strict=True):
        np.testing.assert_array_equal(p.data, old)
    assert not any(optimizer.steps)


@given(fits=st.integers(-4, 30), start=st.integers(-4, 24), patience=st.integers(1, 5))
def test_the_scale_finds_the_largest_that_fits(fits: int, start: int, patience: int) -> None:
    """Gradients overflow from 2^(fits + 1) on."""
    scaler = LossScaler(2.0**start, patience)
    seen = []
    for _ in range(40 * (patience + 1)):
        scaler.update(scaler.scale <= 2.0**fits)
        seen.append(scaler.scale)
    largest = min(2.0**fits, LARGEST)
    assert set(seen[-10:]) <= {largest, 2 * largest} and max(seen) <= LARGEST
    again = LossScaler(1.0, patience)
    again.load_state_dict(scaler.state_dict())
    assert again.state_dict() == scaler.state_dict()


def test_what_float16_loses_without_it() -> None:
    """Gradients of 1e-9 vanish in float16; multiplied by 2¹⁶ they pass."""
    x, found = np.ones((1, 4), np.float32), []
    for scale in (1.0, 2.0**16):
        w = Parameter(np.ones((3, 4), np.float32))
        scaler = LossScaler(scale)
        with F.precision("float16"):
            scaler.scaled(np.sum(F.linear(Tensor(x), w)) * 1e-9).backward()
        scaler.unscale(AdamW([w]))
        found.append(w.grad)
    np.testing.assert_array_equal(found[0], 0.0)
    np.testing.assert_allclose(found[1], 1e-9, rtol=1e-3)


def test_one_answer_a_step_travels() -> None:
    with install():
        parameters = [Parameter(p.data) for p in two(0)]
        for p in parameters:
            p.move_("cuda")
            p.grad = np.ones_like(p.data)
        optimizer, scaler = AdamW(parameters), LossScaler()
        transfers.clear()
        scaler.step(optimizer)
        assert transfers == ["to host: bool()"]


@pytest.mark.parametrize("bad", [{"scale": 0.0}, {"scale": -1.0}, {"scale": 2.0**25}, {"patience": 0}])
def test_refused(bad: dict) -> None:
    with pytest.raises(ValueError, match="choose"):
        LossScaler(**bad)


def test_a_gradient_that_is_never_finite_ends_the_run() -> None:
    scaler = LossScaler()
    with pytest.raises(FloatingPointError, match="not finite even at a scale of"):
        for _ in range(100):
            scaler.update(False)
