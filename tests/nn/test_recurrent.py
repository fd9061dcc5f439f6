"""The recurrent network: what a state knows, and how a sequence may be read in pieces."""

from __future__ import annotations

import math
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cupy_standin.fixtures import cupy as cupy_fixture
from tests.nn.support import check_every_parameter_learns, close, gradcheck_module, shaken
from tinyllm import Tensor, backend, manual_seed
from tinyllm.nn import RNN

cupy = cupy_fixture
DTYPES = st.sampled_from([np.float32, np.float64])
SEEDS = st.integers(0, 2**31)


@given(batch=st.integers(0, 3), length=st.integers(1, 6), dtype=DTYPES, started=st.booleans(), seed=SEEDS)
def test_shapes_dtypes_and_gradients(batch, length, dtype, started, seed):
    rng = np.random.default_rng(seed)
    layer = shaken(RNN(4, 3), rng).to(dtype=dtype)
    inputs = [rng.standard_normal((batch, length, 4)).astype(dtype)]
    if started:
        inputs.append(rng.standard_normal((batch, 3)).astype(dtype))
    states = layer(*inputs)
    assert states.shape == (batch, length, 3) and states.dtype == dtype
    if dtype == np.float64:
        assert gradcheck_module(layer, *inputs)


def test_every_parameter_learns(rng):
    layer = shaken(RNN(4, 3), rng)
    x = rng.standard_normal((2, 5, 4)).astype(np.float32)
    check_every_parameter_learns(layer, lambda: layer(x), rng)


def test_the_layer_is_the_written_formula(rng):
    layer = shaken(RNN(4, 3), rng).to(dtype=np.float64)
    w_x, w_h, b = (p.data for p in (layer.weight_ih, layer.weight_hh, layer.bias))
    x = rng.standard_normal((2, 3, 4))
    h1 = np.tanh(x[:, 0] @ w_x.T + b)                   # before the first step, zeros
    h2 = np.tanh(x[:, 1] @ w_x.T + h1 @ w_h.T + b)
    h3 = np.tanh(x[:, 2] @ w_x.T + h2 @ w_h.T + b)
    assert close(layer(x), np.stack([h1, h2, h3], axis=1), 1e-14)


@given(t=st.integers(1, 5), seed=SEEDS)
def test_a_state_knows_the_past_and_not_the_future(t, seed):
    rng = np.random.default_rng(seed)
    layer = shaken(RNN(4, 8), rng, 0.3)
    x = rng.standard_normal((2, 6, 4)).astype(np.float32)
    later, earlier = x.copy(), x.copy()
    later[:, t:] = rng.standard_normal((2, 6 - t, 4)) * 100
    earlier[:, :t] += 1
    states = layer(x).data
    np.testing.assert_array_equal(layer(later).data[:, :t], states[:, :t])
    assert all(not np.array_equal(layer(earlier).data[:, s], states[:, s]) for s in range(6))


@given(cut=st.integers(1, 6), dtype=DTYPES, seed=SEEDS)
def test_two_pieces_with_the_state_carried_over_are_one_run(cut, dtype, seed):
    rng = np.random.default_rng(seed)
    layer = shaken(RNN(4, 3), rng).to(dtype=dtype)
    x, u = rng.standard_normal((2, 7, 4)).astype(dtype), rng.standard_normal((2, 7, 3)).astype(dtype)
    tolerance = 1e-5 if dtype == np.float32 else 1e-13
    found = []
    for pieces in ([x], [x[:, :cut], x[:, cut:]]):
        layer.zero_grad()
        state, states = None, []
        for piece in pieces:
            states.append(layer(piece, state))
            state = states[-1][:, -1]
        whole = np.concatenate(states, axis=1)
        whole.backward(u)
        found.append([whole, *(p.grad for p in layer.parameters())])
    assert all(close(two, one, tolerance) for one, two in zip(*found, strict=True))


def test_sequences_of_a_batch_do_not_meet(rng):
    layer = shaken(RNN(4, 3), rng).to(dtype=np.float64)
    x, h0, order = rng.standard_normal((5, 6, 4)), rng.standard_normal((5, 3)), rng.permutation(5)
    states = layer(x, h0).data
    assert close(layer(x[order], h0[order]), states[order], 1e-14)
    assert all(close(layer(x[n : n + 1], h0[n : n + 1]), states[n : n + 1], 1e-14) for n in range(5))


def test_it_starts_as_pytorchs_does_and_forgets():
    """Each parameter fills ±1/√d_hidden; a gradient keeps 1/√3 of its length a step while no tanh is bent."""
    rng, kept = np.random.default_rng(0), []
    for seed in range(10):
        manual_seed(seed)
        layer = RNN(8, 64)
        for p in layer.parameters():
            assert 0.9 / 8 < np.abs(p.data).max() < 1 / 8
        h0 = Tensor(np.zeros((1, 64), np.float32), requires_grad=True)
        u = np.zeros((1, 20, 64), np.float32)
        u[:, -1] = rng.standard_normal(64)
        layer(np.zeros((1, 20, 8), np.float32), h0).backward(u)
        kept.append((np.linalg.norm(h0.grad) / np.linalg.norm(u)) ** (1 / 20))
    assert np.median(kept) == pytest.approx(1 / math.sqrt(3), rel=0.05)


def test_on_a_gpu(cupy: ModuleType) -> None:
    """The same states and gradients, with the zeros before the first step made where the weights are."""
    layer, rng = RNN(4, 3), np.random.default_rng(0)
    x, u = rng.standard_normal((2, 5, 4)).astype(np.float32), rng.standard_normal((2, 5, 3)).astype(np.float32)
    results = []
    for device in ("cpu", "cuda"):
        layer.to(device).zero_grad()
        states = layer(backend.to_device(x, device))
        states.backward(backend.to_device(u, device))
        found = [states.data, *(p.grad for p in layer.parameters())]
        assert all(backend.device_of(a).startswith(device) for a in found)
        results.append([backend.to_numpy(a) for a in found])
    assert all(close(there, here, 1e-6) for here, there in zip(*results, strict=True))


def test_repr_and_names():
    layer = RNN(4, 3)
    assert repr(layer) == "RNN(4, 3)"
    assert {name: p.shape for name, p in layer.named_parameters()} == {"weight_ih": (3, 4), "weight_hh": (3, 3), "bias": (3,)}


X = np.ones((2, 5, 4), np.float32)
BAD = [
    (lambda: RNN(0, 3), ValueError, "holds nothing"),
    (lambda: RNN(4, 0), ValueError, "holds nothing"),
    (lambda: RNN(4, 3)(X[..., :3]), ValueError, r"recurrent: w_x has shape \(3, 4\), x \(2, 5, 3\)"),
    (lambda: RNN(4, 3)(X[0]), ValueError, r"it needs \(B, T, C\)"),
    (lambda: RNN(4, 3)(X[0, 0, 0]), ValueError, r"it needs \(B, T, C\)"),
    (lambda: RNN(4, 3)(X[:, :0]), ValueError, "one step or more"),
    (lambda: RNN(4, 3)(X, np.zeros((1, 3), np.float32)), ValueError, r"recurrent: h0 has shape \(1, 3\)"),
    (lambda: RNN(4, 3)(X.astype(np.float64)), TypeError, "weights are float32, x is float64"),
    (lambda: RNN(4, 3)(X, np.zeros((2, 3))), TypeError, "weights are float32, h0 is float64"),
]


@pytest.mark.parametrize("call, error, match", BAD)
def test_bad_input(call, error, match):
    with pytest.raises(error, match=match):
        call()
