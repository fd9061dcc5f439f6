"""Each rule against its formula, written plainly in float64."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.nn.support import close
from tinyllm.nn import Parameter
from tinyllm.optim import SGD, Adam, AdamW, Muon, adam, orthogonalized

SEEDS = st.integers(0, 2**31)
SHAPES = st.lists(st.integers(1, 5), max_size=3).map(tuple)
STEPS = 6


def run(make, shape, seed, dtype=np.float64):
    """(start, gradients, what the optimiser makes of them)."""
    rng = np.random.default_rng(seed)
    start, gradients = rng.standard_normal(shape), rng.standard_normal((STEPS, *shape))
    parameter = Parameter(start.astype(dtype))
    optimiser = make([parameter])
    for g in gradients:
        parameter.grad = g.astype(dtype)
        kept = parameter.grad.copy()
        optimiser.step()
        np.testing.assert_array_equal(parameter.grad, kept, err_msg="a step must not change the gradient")
    return start, gradients, parameter.data


@given(shape=SHAPES, momentum=st.sampled_from([0.0, 0.5, 0.9]), nesterov=st.booleans(),
       decay=st.sampled_from([0.0, 0.3]), seed=SEEDS)
def test_sgd(shape, momentum, nesterov, decay, seed):
    nesterov = nesterov and momentum > 0
    x, gradients, got = run(lambda p: SGD(p, 0.1, momentum, nesterov, decay), shape, seed)
    v = np.zeros_like(x)
    for g in gradients:
        g = g + decay * x
        v = momentum * v + g
        x = x - 0.1 * (g + momentum * v if nesterov else v)
    assert close(got, x, 1e-13)


@given(shape=SHAPES, b1=st.sampled_from([0.0, 0.9]), b2=st.sampled_from([0.5, 0.999]), decay=st.sampled_from([0.0, 0.3]),
       kind=st.sampled_from([Adam, AdamW]), seed=SEEDS)
def test_adam(shape, b1, b2, decay, kind, seed):
    x, gradients, got = run(lambda p: kind(p, 0.01, (b1, b2), 1e-6, decay), shape, seed)
    m, v = np.zeros_like(x), np.zeros_like(x)
    for t, g in enumerate(gradients, 1):
        if kind is AdamW:
            x = x - 0.01 * decay * x
        else:
            g = g + decay * x
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        x = x - 0.01 * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + 1e-6)
    assert close(got, x, 1e-12)


@pytest.mark.parametrize("order", ["C", "F"])
def test_tiles_change_nothing(order, monkeypatch):
    """In pieces and whole, and whatever the memory layout of the gradient."""
    rng = np.random.default_rng(0)
    start, g = rng.standard_normal((2, 37, 11)).astype(np.float32)
    found = []
    for tile in (1 << 20, 64):
        monkeypatch.setattr(adam, "TILE", tile)
        p = Parameter(start.copy())
        optimiser = AdamW([p])
        for _ in range(3):
            p.grad = np.array(g, order=order)
            optimiser.step()
        found.append(p.data)
    np.testing.assert_array_equal(found[0], found[1])


def test_decay_is_not_divided_in_adamw():
    """A number whose gradient is large decays as fast as one whose gradient is small; under L2 it hardly does."""
    for kind, equal in ((AdamW, True), (Adam, False)):
        p = Parameter(np.ones(2))
        optimiser = kind([p], lr=1e-3, weight_decay=0.5)
        for t in range(200):
            p.grad = np.array([1e4, 1e-4]) * (-1) ** t
            optimiser.step()
        assert (abs(p.data[0] / p.data[1] - 1) < 0.02) == equal


@given(shape=st.tuples(st.integers(1, 12), st.integers(1, 12)), scale=st.sampled_from([1e-3, 1.0, 1e4]), seed=SEEDS)
def test_orthogonalized_is_nearly_orthogonal_and_keeps_the_vectors(shape, scale, seed):
    rng = np.random.default_rng(seed)
    u, _ = np.linalg.qr(rng.standard_normal((shape[0], min(shape))))
    v, _ = np.linalg.qr(rng.standard_normal((shape[1], min(shape))))
    s = rng.uniform(0.1, 1.0, min(shape)) * scale
    x = orthogonalized(u * s @ v.T)
    assert x.shape == shape
    found = u.T @ x @ v                          # diagonal, if the singular vectors are kept
    assert np.abs(found - np.diag(np.diag(found))).max() < 1e-10
    assert np.diag(found).min() > 0.6 and np.diag(found).max() < 1.25
    assert close(u @ found @ v.T, x, 1e-10)


def test_orthogonalized_nothing_is_nothing():
    np.testing.assert_array_equal(orthogonalized(np.zeros((3, 2))), np.zeros((3, 2)))


@given(shape=st.tuples(st.integers(1, 6), st.integers(1, 6)), momentum=st.sampled_from([0.0, 0.95]),
       decay=st.sampled_from([0.0, 0.3]), seed=SEEDS)
def test_muon(shape, momentum, decay, seed):
    x, gradients, got = run(lambda p: Muon(p, 0.02, momentum, decay), shape, seed)
    v = np.zeros_like(x)
    for g in gradients:
        v = momentum * v + (1 - momentum) * g
        y = (1 - momentum) * g + momentum * v
        y = y / np.linalg.norm(y)
        for _ in range(5):
            y = 3.4445 * y - 4.7750 * y @ y.T @ y + 2.0315 * y @ y.T @ y @ y.T @ y
        x = (1 - 0.02 * decay) * x - 0.02 * max(1, shape[0] / shape[1]) ** 0.5 * y
    assert close(got, x, 1e-8)


def test_muon_moves_the_rest_as_adamw():
    rng = np.random.default_rng(0)
    start, g = rng.standard_normal((2, 4, 3))
    a, b, c = Parameter(start.copy()), Parameter(start.copy()), Parameter(start.copy())
    muon = Muon([{"params": [a], "orthogonal": False, "lr": 0.01}, {"params": [c]}], weight_decay=0.2)
    adamw = AdamW([b], lr=0.01, weight_decay=0.2)
    for _ in range(3):
        a.grad = b.grad = c.grad = g
        muon.step()
        adamw.step()
    np.testing.assert_array_equal(a.data, b.data)
    assert not np.allclose(c.data, a.data)
