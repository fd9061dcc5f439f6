"""What activations, norms, the linear map, embedding, positions and dropout mean, whatever computes them."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyllm import Tensor
from tinyllm import functional as F
from tinyllm.backend import random_keep

TWIN_OR_FORMULA = pytest.mark.parametrize("of", [lambda f: f, lambda f: f.formula], ids=["twin", "formula"])


# ---------------------------------------------------------------- activations

@given(st.floats(-30.0, 30.0))
def test_erf_is_the_error_function(x):
    assert F.erf(np.array([x]))[0] == pytest.approx(math.erf(x), rel=3e-15, abs=0)
    short = F.erf(np.array([x], np.float32))
    assert short.dtype == np.float32 and short[0] == pytest.approx(math.erf(float(np.float32(x))), abs=5e-7)


def test_erf_of_the_extremes():
    np.testing.assert_array_equal(F.erf(np.array([-np.inf, -1e300, 0.0, 1e300, np.inf])), [-1.0, -1.0, 0.0, 1.0, 1.0])
    assert F.erf(np.zeros((0, 3))).shape == (0, 3)


@TWIN_OR_FORMULA
@given(x=st.floats(-20.0, 20.0))
def test_gelu_weighs_by_the_normal_distribution(of, x):
    y = of(F.gelu)(np.array([x]))[0]
    assert y == pytest.approx(x * statistics.NormalDist().cdf(x), rel=1e-13, abs=1e-14)
    assert of(F.gelu)(np.array([x]), "tanh")[0] == pytest.approx(y, abs=5e-4)


@TWIN_OR_FORMULA
@given(x=st.floats(-80.0, 700.0))
def test_sigmoid_to_its_tails(of, x):
    assert of(F.sigmoid)(np.array([x]))[0] == pytest.approx(1.0 / (1.0 + math.exp(-x)), rel=1e-13)
    assert of(F.sigmoid)(np.array([x], np.float32))[0] == pytest.approx(1.0 / (1.0 + math.exp(-np.float32(x))), rel=3e-5)
    assert of(F.silu)(np.array([x]))[0] == pytest.approx(x / (1.0 + math.exp(-x)), rel=1e-13)


@TWIN_OR_FORMULA
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_activations_at_extremes_stay_finite(of, dtype):
    x = np.array([-1e9, -1e4, -745.0, -89.0, 0.0, 89.0, 745.0, 1e4, 1e9], dtype)
    right = np.where(x > 0, x, 0)
    np.testing.assert_allclose(of(F.sigmoid)(x), [0, 0, 0, 0, 0.5, 1, 1, 1, 1], rtol=1e-6, atol=1e-36)
    np.testing.assert_allclose(of(F.silu)(x), right, rtol=1e-6, atol=1e-27)
    np.testing.assert_allclose(of(F.gelu)(x), right, rtol=1e-6, atol=1e-30)
    np.testing.assert_allclose(of(F.gelu)(x, "tanh"), right, rtol=1e-6, atol=1e-30)


# ---------------------------------------------------------------- norms

@TWIN_OR_FORMULA
@given(seed=st.integers(0, 1000), shift=st.floats(-100, 100), stretch=st.floats(0.1, 100))
def test_layer_norm_has_mean_zero_and_variance_one(of, seed, shift, stretch):
    rng = np.random.default_rng(seed)
    x, weight, bias = rng.standard_normal((4, 7)), rng.standard_normal(7), rng.standard_normal(7)
    h = of(F.layer_norm)(x, np.ones(7), eps=0.0)
    np.testing.assert_allclose(h.mean(-1), 0.0, atol=1e-12)
    np.testing.assert_allclose(h.var(-1), 1.0, rtol=1e-12)
    np.testing.assert_allclose(of(F.layer_norm)(x * stretch + shift, weight, bias, eps=0.0), h * weight + bias, atol=1e-9)
    assert abs(of(F.layer_norm)(x, weight, eps=1e9)).max() < 1e-3       # eps is added to the variance
    var = x.var(-1, keepdims=True)
    np.testing.assert_allclose(of(F.layer_norm)(x, np.ones(7)), h * np.sqrt(var / (var + 1e-5)), rtol=1e-9)


@TWIN_OR_FORMULA
@given(seed=st.integers(0, 1000), stretch=st.floats(0.1, 100))
def test_rms_norm_has_mean_square_one(of, seed, stretch):
    rng = np.random.default_rng(seed)
    x, weight = rng.standard_normal((4, 7)), rng.standard_normal(7)
    h = of(F.rms_norm)(x, np.ones(7), eps=0.0)
    np.testing.assert_allclose((h * h).mean(-1), 1.0, rtol=1e-12)
    np.testing.assert_allclose(of(F.rms_norm)(x * stretch, weight, eps=0.0), h * weight, atol=1e-12)
    square = (x * x).mean(-1, keepdims=True)
    np.testing.assert_allclose(of(F.rms_norm)(x, np.ones(7)), h * np.sqrt(square / (square + 1e-6)), rtol=1e-10)


@pytest.mark.parametrize("norm", [F.layer_norm, F.rms_norm])
def test_a_float32_row_far_from_zero_keeps_its_digits(norm, rng):
    x = rng.standard_normal((3, 50)) + 100.0
    got = norm(x.astype(np.float32), np.ones(50, np.float32))
    np.testing.assert_allclose(got, norm.formula(x, np.ones(50)), atol=1e-4)


# ---------------------------------------------------------------- linear, embedding

@TWIN_OR_FORMULA
def test_linear_is_a_dot_product_for_each_output(of, rng):
    x, weight, bias = rng.standard_normal((2, 3, 4)), rng.standard_normal((5, 4)), rng.standard_normal(5)
    y = of(F.linear)(x, weight, bias)
    for place in np.ndindex(2, 3):
        for o in range(5):
            assert y[place][o] == pytest.approx(sum(x[place][i] * weight[o, i] for i in range(4)) + bias[o])


@TWIN_OR_FORMULA
def test_embedding_is_the_one_hot_product(of, rng):
    ids, weight = rng.integers(0, 6, (3, 4)), rng.standard_normal((6, 2))
    np.testing.assert_allclose(of(F.embedding)(ids, weight), np.eye(6)[ids] @ weight, rtol=1e-15)


# ---------------------------------------------------------------- positions

def test_sinusoidal_table():
    table = F.sinusoidal_table(50, 8, dtype=np.float64)
    assert F.sinusoidal_table(50, 8).dtype == np.float32
    for t, i in [(0, 0), (3, 1), (49, 3)]:
        angle = t / 10000.0 ** (2 * i / 8)
        assert table[t, 2 * i] == pytest.approx(math.sin(angle)) and table[t, 2 * i + 1] == pytest.approx(math.cos(angle))
    products = table @ table.T                          # depends on the distance alone
    for s in range(50):
        np.testing.assert_allclose(np.diagonal(products, s), products[0, s], atol=1e-12)


@TWIN_OR_FORMULA
@given(seed=st.integers(0, 1000), shift=st.integers(0, 40))
def test_rotary_keeps_lengths_and_sees_distances_only(of, seed, shift):
    rng = np.random.default_rng(seed)
    q, k = rng.standard_normal((2, 20, 6))
    cos, sin = F.rotary_table(60, 6, dtype=np.float64)
    turned = of(F.rotary)(q, cos[:20], sin[:20])
    np.testing.assert_allclose(np.linalg.norm(turned, axis=-1), np.linalg.norm(q, axis=-1))
    here = turned @ of(F.rotary)(k, cos[:20], sin[:20]).T
    there = slice(shift, shift + 20)
    np.testing.assert_allclose(of(F.rotary)(q, cos[there], sin[there]) @ of(F.rotary)(k, cos[there], sin[there]).T, here)
    t, angle = 7, 7 * 10000.0 ** (-2 / 6)               # the second pair of features: places 1 and 4
    a, b = q[t, 1], q[t, 4]
    assert turned[t, 1] == pytest.approx(a * math.cos(angle) - b * math.sin(angle))
    assert turned[t, 4] == pytest.approx(b * math.cos(angle) + a * math.sin(angle))


# ---------------------------------------------------------------- recurrence

def recurrence(seed, length, norm=1.0):
    """Arguments of `recurrent`: 4 inputs, 5 hidden units, W_h of this norm."""
    rng = np.random.default_rng(seed)
    w_h = rng.standard_normal((5, 5))
    arrays = rng.standard_normal((2, length, 4)), rng.standard_normal((2, 5)), rng.standard_normal((5, 4))
    return *arrays, w_h * (norm / np.linalg.norm(w_h, 2)), rng.standard_normal(5)


@TWIN_OR_FORMULA
def test_recurrent_is_the_step_again_and_again(of):
    x, h, w_x, w_h, b = recurrence(0, 6)
    states = of(F.recurrent)(x, h, w_x, w_h, b)
    for t in range(6):
        h = np.array([[math.tanh(w_x[o] @ x[n, t] + w_h[o] @ h[n] + b[o]) for o in range(5)] for n in range(2)])
        np.testing.assert_allclose(states[:, t], h, rtol=1e-13)


@TWIN_OR_FORMULA
@given(seed=st.integers(0, 1000), distance=st.integers(1, 12), norm=st.floats(0.1, 3.0))
def test_a_gradient_over_a_distance_is_a_product_of_jacobians(of, seed, distance, norm):
    x, h0, w_x, w_h, b = recurrence(seed, distance, norm)
    u = np.zeros((2, distance, 5))
    u[:, -1] = np.random.default_rng(seed).standard_normal((2, 5))
    leaf = Tensor(h0, requires_grad=True)
    states = of(F.recurrent)(x, leaf, w_x, w_h, b)
    states.backward(u)
    for n in range(2):
        g = u[n, -1]
        for t in reversed(range(distance)):
            g = g @ np.diag(1.0 - states.data[n, t] ** 2) @ w_h
        np.testing.assert_allclose(leaf.grad[n], g, rtol=1e-9, atol=1e-12 * norm**distance)
        assert np.linalg.norm(g) <= norm**distance * np.linalg.norm(u[n, -1]) * (1.0 + 1e-9)


@TWIN_OR_FORMULA
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_recurrent_at_extremes_stays_finite(of, dtype):
    x, h0, w_x, w_h, b = (a.astype(dtype) for a in recurrence(0, 4))
    leaf = Tensor(x * 1e9, requires_grad=True)
    states = of(F.recurrent)(leaf, h0, w_x, w_h, b)
    np.testing.assert_array_equal(np.abs(states.data), 1.0)
    states.backward(np.ones_like(states.data))
    np.testing.assert_array_equal(leaf.grad, 0.0)


# ---------------------------------------------------------------- dropout

@TWIN_OR_FORMULA
@pytest.mark.parametrize("p", [0.1, 0.5])
def test_dropout_keeps_the_mean(of, p):
    x = np.ones((200, 500), np.float32)
    y = of(F.dropout)(x, random_keep(x.shape, 1.0 - p, x), p)
    assert y.mean() == pytest.approx(1.0, abs=5.0 * math.sqrt(p / (1.0 - p) / x.size))     # five standard errors
    np.testing.assert_allclose(np.unique(y), [0.0, 1.0 / (1.0 - p)], rtol=1e-6)
    assert y.dtype == np.float32


# ---------------------------------------------------------------- what is no array of floats

@pytest.mark.parametrize("f", [F.softmax, F.log_softmax, F.sigmoid, F.silu, F.gelu, F.erf, F.relu])
def test_integers_are_taken_as_numpy_takes_them(f):
    x = np.array([[1, 2, 4], [0, -3, 1]])
    np.testing.assert_allclose(f(x), f(x.astype(np.float64)), rtol=1e-6)


@pytest.mark.parametrize("f", [F.sigmoid, F.silu, F.gelu, F.erf])
def test_numbers_are_taken_too(f):
    assert f(0.5) == pytest.approx(f(np.array([0.5]))[0], rel=1e-6)


@TWIN_OR_FORMULA
def test_sigmoid_of_halves(of):
    np.testing.assert_array_equal(of(F.sigmoid)(np.array([-1000.0, -20.0, 0.0, 1000.0], np.float16)), [0, 0, 0.5, 1])
