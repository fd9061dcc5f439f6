"""The simple layers: each is its formula with parameters of its own."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.nn.support import check_every_parameter_learns, close, gradcheck_module, shaken
from tinyllm import functional as F
from tinyllm import manual_seed
from tinyllm.nn import (
    AlibiPositions,
    Dropout,
    Embedding,
    FeedForward,
    LayerNorm,
    LearnedPositions,
    Linear,
    RelativePositions,
    RMSNorm,
    RotaryPositions,
    SinusoidalPositions,
)

DTYPES = st.sampled_from([np.float32, np.float64])
LEADING = st.lists(st.integers(1, 4), min_size=0, max_size=2)
SEEDS = st.integers(0, 2**31)

ROWS = {
    "Linear": lambda: Linear(4, 3),
    "Linear without bias": lambda: Linear(4, 3, bias=False),
    "LayerNorm": lambda: LayerNorm(4),
    "LayerNorm without bias": lambda: LayerNorm(4, bias=False),
    "RMSNorm": lambda: RMSNorm(4),
    "FeedForward gelu": lambda: FeedForward(4, 6),
    "FeedForward gelu_tanh": lambda: FeedForward(4, 6, "gelu_tanh", bias=False),
    "FeedForward relu": lambda: FeedForward(4, 6, "relu"),
    "FeedForward swiglu": lambda: FeedForward(4, 6, "swiglu"),
    "FeedForward geglu": lambda: FeedForward(4, 6, "geglu", bias=False),
}


@pytest.mark.parametrize("name", ROWS)
@given(leading=LEADING, dtype=DTYPES, seed=SEEDS)
def test_shapes_dtypes_and_gradients(name, leading, dtype, seed):
    rng = np.random.default_rng(seed)
    layer = shaken(ROWS[name](), rng).to(dtype=dtype)
    x = rng.standard_normal((*leading, 4)).astype(dtype)
    y = layer(x)
    assert y.shape == (*leading, 3 if name.startswith("Linear") else 4) and y.dtype == dtype
    if name != "FeedForward relu" and dtype == np.float64:            # differences would step over the kink
        assert gradcheck_module(layer, x)


@pytest.mark.parametrize("name", ROWS)
def test_every_parameter_learns(name, rng):
    layer = shaken(ROWS[name](), rng)
    x = rng.standard_normal((5, 3, 4)).astype(np.float32)
    check_every_parameter_learns(layer, lambda: layer(x), rng)


def test_layers_are_their_formulas(rng):
    x = rng.standard_normal((2, 5, 4)).astype(np.float32)
    for layer, expected in [
        (lin := shaken(Linear(4, 3), rng), lambda: x @ lin.weight.data.T + lin.bias.data),
        (ln := shaken(LayerNorm(4, eps=0.1), rng), lambda: F.layer_norm.formula(x, ln.weight.data, ln.bias.data, 0.1)),
        (rms := shaken(RMSNorm(4, eps=0.1), rng), lambda: F.rms_norm.formula(x, rms.weight.data, 0.1)),
    ]:
        assert close(layer(x), expected(), 1e-6)


def test_feed_forward_is_what_is_written(rng):
    x = rng.standard_normal((2, 3, 4)).astype(np.float32)
    plain = shaken(FeedForward(4, 6, "relu"), rng)
    w1, b1, w2, b2 = (p.data for p in (plain.up.weight, plain.up.bias, plain.down.weight, plain.down.bias))
    assert close(plain(x), np.maximum(0, x @ w1.T + b1) @ w2.T + b2, 1e-6)
    gated = shaken(FeedForward(4, 6, "swiglu", bias=False), rng)
    wg = x @ gated.gate.weight.data.T
    assert close(gated(x), (wg / (1 + np.exp(-wg)) * (x @ gated.up.weight.data.T)) @ gated.down.weight.data.T, 1e-6)


@pytest.mark.parametrize("d_model", [8, 64, 100, 384])
def test_swiglu_has_about_as_many_parameters(d_model):
    plain, gated = (FeedForward(d_model, activation=a, bias=False) for a in ("gelu", "swiglu"))
    assert gated.up.weight.shape[0] % 8 == 0
    assert plain.n_parameters() == 8 * d_model**2
    assert plain.n_parameters() <= gated.n_parameters() <= plain.n_parameters() + 24 * d_model


@given(ids=st.lists(st.integers(0, 6), min_size=1, max_size=12), dtype=DTYPES)
def test_embedding_picks_rows(ids, dtype):
    layer = Embedding(7, 3).to(dtype=dtype)
    ids = np.array(ids)[None]
    y = layer(ids)
    assert y.dtype == dtype
    np.testing.assert_array_equal(y.data, layer.weight.data[ids])
    g = np.random.default_rng(0).standard_normal(y.shape).astype(dtype)
    y.backward(g)
    expected = np.stack([g[ids == i].sum(axis=0) for i in range(7)])
    assert close(layer.weight.grad, expected, 1e-6)


@given(p=st.sampled_from([0.0, 0.1, 0.5, 0.9]), dtype=DTYPES, seed=SEEDS)
def test_dropout_keeps_the_mean_and_the_mask_for_the_gradient(p, dtype, seed):
    manual_seed(seed)
    layer = Dropout(p)
    x = np.ones((50, 200), dtype)
    y = layer(x)
    kept = np.asarray(y) != 0
    assert y.dtype == dtype
    np.testing.assert_allclose(np.asarray(y)[kept], 1 / (1 - p), rtol=1e-6)
    assert abs(kept.mean() - (1 - p)) < 6 * math.sqrt(p * (1 - p) / kept.size) + 1e-4
    assert layer.eval()(x) is x


def test_dropout_differs_from_call_to_call_but_not_from_seed_to_seed():
    layer, x = Dropout(0.5), np.ones((4, 8), np.float32)
    manual_seed(3)
    a, b = layer(x), layer(x)
    manual_seed(3)
    np.testing.assert_array_equal(layer(x), a)
    assert not np.array_equal(a, b)


def test_positions(rng):
    waves, learned = SinusoidalPositions(10, 6), LearnedPositions(10, 6)
    np.testing.assert_array_equal(waves(slice(2, 5)), F.sinusoidal_table(10, 6)[2:5])
    ids = rng.integers(0, 10, (3, 4))
    np.testing.assert_array_equal(waves(ids), waves.table[ids])
    np.testing.assert_array_equal(learned(ids).data, learned.weight.data[ids])
    np.testing.assert_array_equal(learned(slice(2, 5)).data, learned.weight.data[2:5])
    g = rng.standard_normal((3, 6)).astype(np.float32)
    learned(slice(2, 5)).backward(g)
    by_slice = learned.weight.grad
    learned.zero_grad()
    learned(np.array([2, 3, 4])).backward(g)
    np.testing.assert_array_equal(by_slice, learned.weight.grad)
    assert not list(waves.parameters()) and not waves.state_dict()


@given(shift=st.integers(0, 20), seed=SEEDS)
def test_rotary_attention_sees_distances_alone(shift, seed):
    rng = np.random.default_rng(seed)
    rotary = RotaryPositions(8, 40).to(dtype=np.float64)
    q, k = rng.standard_normal((2, 1, 2, 6, 8))
    here = rotary(q, slice(0, 6)) @ np.swapaxes(rotary(k, slice(0, 6)), -1, -2)
    there = rotary(q, slice(shift, shift + 6)) @ np.swapaxes(rotary(k, slice(shift, shift + 6)), -1, -2)
    assert close(there, here, 1e-12)
    np.testing.assert_array_equal(rotary(q, np.arange(shift, shift + 6)[None]), rotary(q, slice(shift, shift + 6)))


@pytest.mark.parametrize("causal", [False, True])
def test_relative_positions_are_a_row_a_distance(causal, rng):
    f = shaken(RelativePositions(3, 8, 20, causal=causal), rng)
    bias = f(5, 9)
    assert bias.shape == (1, 3, 5, 9)
    for i, j in np.ndindex(5, 9):
        bucket = F.relative_buckets(j - (4 + i), 8, 20, causal)
        np.testing.assert_array_equal(bias.data[0, :, i, j], f.weight.data[bucket])
    np.testing.assert_array_equal(f(2, 9).data, bias.data[:, :, -2:])
    check_every_parameter_learns(f, lambda: f(30, 30), rng)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_alibi_falls_with_the_distance(dtype):
    f = AlibiPositions(4).to(dtype=dtype)
    bias = f(3, 7)
    assert bias.shape == (1, 4, 3, 7) and bias.dtype == dtype
    for h, i, j in np.ndindex(4, 3, 7):
        assert bias[0, h, i, j] == -dtype(F.alibi_slopes(4)[h]) * abs(4 + i - j)
    assert not list(f.parameters()) and not f.state_dict()


BAD = [
    (lambda: Linear(0, 3), ValueError, "holds nothing"),
    (lambda: Linear(3, 0), ValueError, "holds nothing"),
    (lambda: Embedding(0, 3), ValueError, "holds nothing"),
    (lambda: Linear(3, 2)(np.ones((4, 5), np.float32)), ValueError, "linear: x"),
    (lambda: Linear(3, 2)(np.ones((4, 3))), TypeError, "weights are float32, x is float64"),
    (lambda: LayerNorm(3)(np.ones((4, 5), np.float32)), ValueError, "as wide as"),
    (lambda: RMSNorm(3)(np.ones((4, 5), np.float32)), ValueError, "as wide as"),
    (lambda: Embedding(3, 2)(np.array([0, 3])), IndexError, "3"),
    (lambda: Embedding(3, 2)(np.array([-1])), IndexError, "-1"),
    (lambda: Embedding(3, 2)(np.array([0.0])), TypeError, "float64"),
    (lambda: Dropout(1.0), ValueError, "dropout 1.0"),
    (lambda: Dropout(-0.1), ValueError, "dropout -0.1"),
    (lambda: FeedForward(4, activation="tanh"), ValueError, "no activation 'tanh'"),
    (lambda: SinusoidalPositions(4, 3), ValueError, "odd"),
    (lambda: RotaryPositions(3, 4), ValueError, "odd"),
    (lambda: RelativePositions(2, 2), ValueError, "take 4 buckets or more"),
    (lambda: RelativePositions(2, 32, 8), ValueError, "a max_distance above 8"),
    (lambda: AlibiPositions(0), ValueError, "0 heads"),
]


@pytest.mark.parametrize("call, error, match", BAD)
def test_bad_input(call, error, match):
    with pytest.raises(error, match=match):
        call()
