"""The Transformer layer is the formula it is written as, in its four kinds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.nn.support import check_every_parameter_learns, close, gradcheck_module, shaken
from tinyllm import manual_seed, no_grad
from tinyllm.nn import KVCache, TransformerLayer

SEEDS = st.integers(0, 2**31)


@given(norm_first=st.booleans(), cross=st.booleans(), causal=st.booleans(), norm=st.sampled_from(["layer", "rms"]),
       activation=st.sampled_from(["relu", "gelu", "gelu_tanh", "swiglu", "geglu"]), seed=SEEDS)
def test_the_layer_is_the_written_formula(norm_first, cross, causal, norm, activation, seed):
    rng = np.random.default_rng(seed)
    f = TransformerLayer(8, 2, 12, norm_first=norm_first, cross=cross, causal=causal, norm=norm, activation=activation)
    shaken(f, rng).to(dtype=np.float64)
    x, source = rng.standard_normal((2, 4, 8)), rng.standard_normal((2, 3, 8)) if cross else None
    sublayers = [(lambda h: f.attention(h, causal=causal), f.attention_norm)]
    if cross:
        sublayers.append((lambda h: f.cross_attention(h, source), f.cross_norm))
    sublayers.append((f.feed_forward, f.feed_forward_norm))
    y = x
    for sublayer, n in sublayers:
        y = y + sublayer(n(y)) if norm_first else n(y + sublayer(y))
    assert close(f(x, source=source), y, 1e-14)


@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("cross", [True, False])
def test_gradients(norm_first, cross, rng):
    layer = shaken(TransformerLayer(4, 2, 6, norm_first=norm_first, cross=cross, causal=True, n_kv_heads=1), rng)
    inputs = [rng.standard_normal((2, 3, 4)) for _ in range(1 + cross)]
    assert gradcheck_module(layer, *inputs, call=lambda x, s=None: layer(x, source=s))


@pytest.mark.parametrize("options", [{}, {"norm_first": False, "norm": "rms"}, {"cross": True, "activation": "swiglu"}])
def test_every_parameter_learns(options, rng):
    layer = shaken(TransformerLayer(8, 2, bias=False, **options), rng)
    x, source = rng.standard_normal((2, 2, 5, 8)).astype(np.float32)
    check_every_parameter_learns(layer, lambda: layer(x, source=source if layer.cross_attention else None), rng)


@given(t=st.integers(1, 5), norm_first=st.booleans(), seed=SEEDS)
def test_a_decoder_layer_depends_on_past_and_source(t, norm_first, seed):
    rng = np.random.default_rng(seed)
    layer = shaken(TransformerLayer(8, 2, causal=True, cross=True, norm_first=norm_first), rng)
    x, source = rng.standard_normal((2, 1, 6, 8)).astype(np.float32)
    later = x.copy()
    later[:, t:] += 1
    y = layer(x, source=source).data
    np.testing.assert_array_equal(y[:, :t], layer(later, source=source).data[:, :t])
    assert not np.allclose(y, layer(x, source=source + rng.standard_normal(source.shape).astype(np.float32)).data, atol=1e-3)
    mask = np.array([True] * t + [False] * (6 - t))
    hidden = np.where(mask[:, None], source, np.float32(50))
    assert close(layer(x, source=hidden, source_mask=mask), layer(x, source=source, source_mask=mask), 1e-6)


@pytest.mark.parametrize("cross", [True, False])
def test_options_reach_every_sublayer(cross, rng):
    layer = shaken(TransformerLayer(8, 2, cross=cross, causal=True, head_dim=3, scale=1.0, norm_eps=0.5), rng)
    attentions = [layer.attention] + [layer.cross_attention] * cross
    assert all(a.q_proj.weight.shape == (6, 8) and a.scale == 1.0 for a in attentions)
    norms = [layer.attention_norm, layer.feed_forward_norm] + [layer.cross_norm] * cross
    assert all(n.eps == 0.5 for n in norms)
    x, source = rng.standard_normal((2, 1, 5, 8)).astype(np.float32)
    bias = rng.standard_normal((1, 2, 5, 5)).astype(np.float32)
    h = x + layer.attention(layer.attention_norm(x), causal=True, score_bias=bias)
    if cross:
        h = h + layer.cross_attention(layer.cross_norm(h), source)
    h = h + layer.feed_forward(layer.feed_forward_norm(h))
    assert close(layer(x, source=source if cross else None, score_bias=bias), h, 1e-6)


def test_a_cached_decoder_layer_is_the_layer(rng):
    layer = shaken(TransformerLayer(8, 2, cross=True, causal=True), rng)
    x, source = rng.standard_normal((2, 2, 5, 8)).astype(np.float32)
    cache = KVCache(1, 2, 2, 5, 4, x)
    with no_grad():
        pieces = [layer(x[:, t : t + 1], source=source, cache=cache[0]).data for t in range(5)]
        assert cache.length == 5
        assert close(np.concatenate(pieces, axis=1), layer(x, source=source), 1e-5)


def test_dropout_is_off_in_evaluation_and_keyed_by_the_seed(rng):
    layer = TransformerLayer(8, 2, dropout=0.3)
    x = rng.standard_normal((2, 5, 8)).astype(np.float32)
    manual_seed(1)
    a, b = layer(x).data, layer(x).data
    manual_seed(1)
    np.testing.assert_array_equal(layer(x).data, a)
    assert not np.array_equal(a, b)
    layer.eval()
    np.testing.assert_array_equal(layer(x).data, layer(x).data)


def test_bad_input():
    x = np.ones((1, 2, 8), np.float32)
    with pytest.raises(ValueError, match="needs a source"):
        TransformerLayer(8, 2, cross=True)(x)
    with pytest.raises(ValueError, match="needs a layer with cross=True"):
        TransformerLayer(8, 2)(x, source=x)
    with pytest.raises(ValueError, match="no norm 'batch'"):
        TransformerLayer(8, 2, norm="batch")
    with pytest.raises(ValueError, match="does not split"):
        TransformerLayer(9, 2)
