"""Multi-head attention: what it means, whatever its weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.nn.support import check_every_parameter_learns, close, gradcheck_module, shaken
from tinyllm import functional as F
from tinyllm import no_grad
from tinyllm.nn import KVCache, MultiHeadAttention, RotaryPositions, record_attention

SEEDS = st.integers(0, 2**31)
HEADS = st.sampled_from([(1, 1), (2, 2), (4, 4), (4, 2), (4, 1), (6, 3)])


def made(seed: int, heads: tuple[int, int], width: int = 4, dtype=np.float64, **options) -> tuple:
    rng = np.random.default_rng(seed)
    n_heads, n_kv_heads = heads
    layer = shaken(MultiHeadAttention(n_heads * width, n_heads, n_kv_heads, **options), rng).to(dtype=dtype)
    return layer, rng


def by_a_loop_over_heads(layer, x, source, mask, causal):
    """concat(head₁ … head_H) W_O, a head at a time, each with its rows of the projections."""
    heads = []
    d, group = layer.head_dim, layer.n_heads // layer.n_kv_heads
    for h in range(layer.n_heads):
        rows, shared = slice(h * d, (h + 1) * d), slice(h // group * d, (h // group + 1) * d)
        q = x @ layer.q_proj.weight.data[rows].T + layer.q_proj.bias.data[rows]
        k = source @ layer.k_proj.weight.data[shared].T + layer.k_proj.bias.data[shared]
        v = source @ layer.v_proj.weight.data[shared].T + layer.v_proj.bias.data[shared]
        heads.append(F.attention.formula(q, k, v, mask, causal))
    return np.concatenate(heads, axis=-1) @ layer.o_proj.weight.data.T + layer.o_proj.bias.data


@given(heads=HEADS, tq=st.integers(1, 6), tk=st.integers(1, 6), cross=st.booleans(), causal=st.booleans(),
       masked=st.booleans(), seed=SEEDS)
def test_equals_a_loop_over_heads(heads, tq, tk, cross, causal, masked, seed):
    layer, rng = made(seed, heads)
    x = rng.standard_normal((2, tq, heads[0] * 4))
    source = rng.standard_normal((2, tk, heads[0] * 4)) if cross else None
    mask = rng.random((2, tq, tk if cross else tq)) < 0.7 if masked else None
    y = layer(x, source, None if mask is None else mask[:, None], causal)
    assert y.dtype == np.float64
    assert close(y, by_a_loop_over_heads(layer, x, x if source is None else source, mask, causal), 1e-12)


@given(heads=st.sampled_from([(4, 2), (4, 1), (6, 3)]), seed=SEEDS)
def test_grouped_heads_are_repeated_heads(heads, seed):
    grouped, rng = made(seed, heads)
    full, _ = made(seed, (heads[0], heads[0]))
    state, group = grouped.state_dict(), heads[0] // heads[1]
    for name in ("k_proj", "v_proj"):
        for part in ("weight", "bias"):
            a = state[f"{name}.{part}"]
            state[f"{name}.{part}"] = a.reshape(heads[1], 4, -1).repeat(group, axis=0).reshape(heads[0] * 4, *a.shape[1:])
    full.load_state_dict(state)
    x = rng.standard_normal((2, 5, heads[0] * 4))
    assert close(grouped(x, causal=True), full(x, causal=True), 1e-12)


@given(heads=HEADS, seed=SEEDS)
def test_without_positions_attention_is_permutation_equivariant(heads, seed):
    layer, rng = made(seed, heads)
    x = rng.standard_normal((2, 7, heads[0] * 4))
    order = rng.permutation(7)
    assert close(layer(x[:, order]), layer(x).data[:, order], 1e-12)


@given(heads=HEADS, t=st.integers(1, 5), scale=st.sampled_from([1.0, 1e3]), rotary=st.booleans(), seed=SEEDS)
def test_a_later_token_changes_nothing_earlier(heads, t, scale, rotary, seed):
    layer, rng = made(seed, heads, rotary=RotaryPositions(4, 8) if rotary else None)
    a = rng.standard_normal((2, 6, heads[0] * 4)) * scale
    b = a.copy()
    b[:, t:] = rng.standard_normal(b[:, t:].shape) * scale
    np.testing.assert_array_equal(layer(a, causal=True).data[:, :t], layer(b, causal=True).data[:, :t])
    if scale == 1.0:        # a saturated softmax may look elsewhere alone
        assert not np.allclose(layer(a, causal=True).data[:, t], layer(b, causal=True).data[:, t])


@given(heads=HEADS, seed=SEEDS)
def test_masked_keys_change_nothing(heads, seed):
    layer, rng = made(seed, heads)
    x, source = rng.standard_normal((2, 2, 5, heads[0] * 4))
    mask = rng.random((2, 1, 1, 5)) < 0.6
    other = np.where(mask[:, 0, 0, :, None], source, 1e3)
    assert close(layer(x, source, mask), layer(x, other, mask), 1e-12)


@pytest.mark.parametrize("options", [{}, {"rotary": RotaryPositions(2, 8)}, {"n_kv_heads": 1, "bias": False}])
@pytest.mark.parametrize("causal", [False, True])
def test_gradients(options, causal, rng):
    layer = shaken(MultiHeadAttention(4, 2, **options), rng)
    mask = np.array([[True] * 4, [True, True, False, True]])[:, None, None]
    assert gradcheck_module(layer, rng.standard_normal((2, 4, 4)), call=lambda x: layer(x, mask=mask, causal=causal))


def test_gradients_reach_source_and_query(rng):
    layer = shaken(MultiHeadAttention(4, 2), rng)
    assert gradcheck_module(layer, rng.standard_normal((2, 3, 4)), rng.standard_normal((2, 5, 4)))


def test_every_parameter_learns(rng):
    layer = shaken(MultiHeadAttention(8, 4, 2), rng)
    layer.k_proj.bias = None        # a constant added to all keys moves every score of a row alike: its gradient is 0
    x = rng.standard_normal((2, 5, 8)).astype(np.float32)
    check_every_parameter_learns(layer, lambda: layer(x, causal=True), rng)


@given(heads=HEADS, chunks=st.lists(st.integers(1, 4), min_size=1, max_size=5), rotary=st.booleans(), seed=SEEDS)
def test_a_cache_gives_what_recomputing_gives(heads, chunks, rotary, seed):
    layer, rng = made(seed, heads, rotary=RotaryPositions(4, 20) if rotary else None)
    x = rng.standard_normal((2, sum(chunks), heads[0] * 4))
    cache = KVCache(1, 2, heads[1], 20, 4, x)
    with no_grad():
        pieces = [
            layer(piece, causal=True, cache=cache[0]).data for piece in np.split(x, np.cumsum(chunks)[:-1], axis=1)
        ]
    assert cache.length == sum(chunks)
    assert close(np.concatenate(pieces, axis=1), layer(x, causal=True), 1e-12)


def test_dropped_weights_are_dropped_in_training_only(rng):
    layer = shaken(MultiHeadAttention(8, 2, dropout=0.5), rng)
    x = rng.standard_normal((2, 5, 8)).astype(np.float32)
    assert not np.array_equal(layer(x).data, layer(x).data)
    twin = MultiHeadAttention(8, 2)
    twin.load_state_dict(layer.state_dict())
    np.testing.assert_array_equal(layer.eval()(x).data, twin(x).data)
    with no_grad():
        layer.train()
        mean = np.mean([layer(x, causal=True).data for _ in range(3000)], axis=0)
    assert close(mean, twin(x, causal=True), 0.05)


def test_recorded_weights_are_those_that_were_used(rng):
    layer = shaken(MultiHeadAttention(8, 4, 2), rng)
    x = rng.standard_normal((2, 5, 8)).astype(np.float32)
    plain = layer(x, causal=True)
    with record_attention(layer) as maps:
        noted = layer(x, causal=True)
    np.testing.assert_array_equal(plain.data, noted.data)
    (weights,) = maps[""]
    assert type(weights) is np.ndarray and weights.shape == (2, 4, 5, 5)
    np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=1e-6)
    assert (np.triu(weights[0, 0], 1) == 0).all()
    v = (x @ layer.v_proj.weight.data.T + layer.v_proj.bias.data).reshape(2, 5, 2, 4 // 2).swapaxes(1, 2).repeat(2, axis=1)
    y = (weights @ v).swapaxes(1, 2).reshape(2, 5, 8)
    assert close(noted, y @ layer.o_proj.weight.data.T + layer.o_proj.bias.data, 1e-6)
    layer(x)
    assert len(maps[""]) == 1 and "attend" not in vars(layer)


def test_recording_ends_after_an_error(rng):
    layer = MultiHeadAttention(8, 4)
    with pytest.raises(ValueError, match="linear"), record_attention(layer):
        layer(np.ones((1, 2, 7), np.float32))
    assert "attend" not in vars(layer)


@pytest.mark.parametrize(
    "make, match",
    [
        (lambda: MultiHeadAttention(30, 4), "d_model 30 does not split into 4 heads: pick a multiple of 4"),
        (lambda: MultiHeadAttention(32, 0), "0 heads"),
        (lambda: MultiHeadAttention(32, 4, 3), "4 heads do not share 3 key/value heads evenly"),
        (lambda: MultiHeadAttention(8, 2)(np.ones((1, 2, 9), np.float32)), "linear: x"),
        (lambda: MultiHeadAttention(8, 2, rotary=RotaryPositions(4, 8))(*np.ones((2, 1, 2, 8), np.float32)), "one sequence"),
    ],
)
def test_bad_input(make, match):
    with pytest.raises(ValueError, match=match):
        make()


def test_masks_are_booleans():
    with pytest.raises(TypeError, match="booleans"):
        MultiHeadAttention(8, 2)(np.ones((1, 2, 8), np.float32), mask=np.ones((2, 2)))


@given(heads=HEADS, head_dim=st.sampled_from([1, 3, 8]), scale=st.sampled_from([None, 1.0]), seed=SEEDS)
def test_a_width_and_a_scale_of_its_own(heads, head_dim, scale, seed):
    """Heads as wide as asked, whatever d_model is; a scale is a power of the scores that q could carry as well."""
    layer, rng = made(seed, heads, head_dim=head_dim, scale=scale)
    n_heads, n_kv_heads = heads
    assert layer.q_proj.weight.shape == (n_heads * head_dim, n_heads * 4)
    assert layer.k_proj.weight.shape == layer.v_proj.weight.shape == (n_kv_heads * head_dim, n_heads * 4)
    x = rng.standard_normal((2, 5, n_heads * 4))
    y = layer(x)
    assert y.shape == x.shape
    layer.q_proj.weight.data[...] *= 2.0
    layer.q_proj.bias.data[...] *= 2.0
    layer.scale = 0.5 * (head_dim ** -0.5 if scale is None else scale)
    assert close(layer(x), y, 1e-12)


@given(heads=HEADS, steps=st.lists(st.integers(1, 3), min_size=1, max_size=4), seed=SEEDS)
def test_a_score_bias_is_added_to_the_scores(heads, steps, seed):
    """A bias of −∞'s size hides like a mask; with a cache the newest rows of it belong to the newest queries."""
    layer, rng = made(seed, heads)
    t = sum(steps)
    x = rng.standard_normal((2, t, heads[0] * 4))
    mask = rng.random((1, heads[0], t, t)) < 0.7
    mask[..., np.arange(t), np.arange(t)] = True
    assert close(layer(x, score_bias=np.where(mask, 0.0, -1e9)), layer(x, mask=mask), 1e-9)
    bias = rng.standard_normal((1, heads[0], t, t))
    cache, end, pieces = KVCache(1, 2, heads[1], t, 4, x), 0, []
    with no_grad():
        for step in steps:
            end += step
            rows = bias[:, :, end - step : end, :end]
            pieces.append(layer(x[:, end - step : end], causal=True, cache=cache[0], score_bias=rows).data)
    assert close(np.concatenate(pieces, axis=1), layer(x, causal=True, score_bias=bias), 1e-12)


def test_recorded_weights_count_bias_and_scale(rng):
    layer, rng = made(0, (2, 2), scale=0.7)
    x, bias = rng.standard_normal((1, 5, 8)), rng.standard_normal((1, 2, 5, 5))
    with no_grad(), record_attention(layer) as maps:
        y = layer(x, score_bias=bias)
    v = layer._heads(layer.v_proj(x), 2)
    again = layer.o_proj(np.reshape(np.swapaxes(maps[""][0] @ v.data, 1, 2), (1, 5, 8)))
    assert close(again, y, 1e-12)


@given(heads=HEADS, seed=SEEDS)
def test_a_source_is_projected_once(heads, seed):
    layer, rng = made(seed, heads)
    x, source = rng.standard_normal((2, 6, heads[0] * 4)), rng.standard_normal((2, 3, heads[0] * 4))
    cache = KVCache(1, 2, heads[1], 6, 4, x)
    with no_grad():
        pieces = [layer(x[:, t : t + 2], source if t == 0 else source * np.nan, cache=cache[0]).data for t in (0, 2, 4)]
        assert close(np.concatenate(pieces, axis=1), layer(x, source), 1e-12)
        assert cache.length == 0                                                    # that is the self-attention's
        cache.select(np.array([1]))
        assert close(layer(x[1:], source[1:], cache=cache[0]), layer(x[1:], source[1:]), 1e-12)
        cache.reset()
        with pytest.raises(ValueError, match="batch of 1, the source has 2"):
            layer(x, source, cache=cache[0])
    with pytest.raises(RuntimeError, match="no_grad"):
        layer(x[1:], source[1:], cache=cache[0])


# ---------------------------------------------------------------- the cache itself

def test_a_cache_crops_resets_and_selects(rng):
    cache = KVCache(2, 2, 1, 6, 3, np.zeros(1, np.float32))
    k = rng.standard_normal((2, 1, 4, 3)).astype(np.float32)
    for layer in cache.layers:
        keys, values = layer.append(k, -k)
    np.testing.assert_array_equal(keys, k)
    np.testing.assert_array_equal(values, -k)
    assert len(cache) == 2 and cache.length == 4 and keys.dtype == np.float32
    cache.crop(2)
    for layer in cache.layers:
        keys, _ = layer.append(k[:, :, :1] * 5, k[:, :, :1])
    np.testing.assert_array_equal(keys[:, :, :2], k[:, :, :2])
    np.testing.assert_array_equal(keys[:, :, 2], k[:, :, 0] * 5)
    cache.select(np.array([1, 1, 0]))
    keys, _ = cache[0].append(np.zeros((3, 1, 1, 3), np.float32), np.zeros((3, 1, 1, 3), np.float32))
    np.testing.assert_array_equal(keys[:, :, :2], k[[1, 1, 0], :, :2])
    cache.reset()
    assert cache.length == 0


def test_a_cache_refuses_what_does_not_fit(rng):
    cache = KVCache(1, 2, 1, 4, 3, np.zeros(1, np.float32))
    k = np.zeros((2, 1, 3, 3), np.float32)
    cache[0].append(k, k)
    with pytest.raises(ValueError, match="holds 3 of 4 positions, 3 do not fit"):
        cache[0].append(k, k)
    with pytest.raises(ValueError, match="batch"):
        cache[0].append(k[:1], k[:1])
    with pytest.raises(ValueError, match="holds 3"):
        cache.crop(4)
    layer = MultiHeadAttention(3, 1)
    cache.reset()
    with pytest.raises(RuntimeError, match="no_grad"):
        layer(np.ones((2, 1, 3), np.float32), cache=cache[0])
    assert cache.length == 0
