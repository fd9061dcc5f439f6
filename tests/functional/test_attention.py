"""What attention means: who looks at whom, and that nobody looks where they may not, extreme scores included."""

from __future__ import annotations

import math
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyllm import Tensor
from tinyllm import functional as F

module = sys.modules["tinyllm.functional.attention"]     # the package's name for it is the formula's

TWIN_OR_FORMULA = pytest.mark.parametrize("of", [lambda f: f, lambda f: f.formula], ids=["twin", "formula"])
SEEDS = st.integers(0, 1000)
SCALES = st.sampled_from([1.0, 100.0])                  # scores up to 1e4 and beyond


def drawn(seed, n_queries, n_keys, scale=1.0):
    rng = np.random.default_rng(seed)
    shapes = [(2, 2, n_queries, 4), (2, 2, n_keys, 4), (2, 2, n_keys, 3)]
    q, k, v = (rng.standard_normal(shape) for shape in shapes)
    return q * scale, k * scale, v


@TWIN_OR_FORMULA
@given(seed=SEEDS, n_queries=st.integers(1, 6), extra=st.integers(-3, 3), causal=st.booleans(), masked=st.booleans(),
       scale=st.sampled_from([None, 1.0]))
def test_attention_query_by_query(of, seed, n_queries, extra, causal, masked, scale):
    n_keys = max(1, n_queries + extra)
    q, k, v = drawn(seed, n_queries, n_keys)
    rng = np.random.default_rng(seed)
    mask = rng.random((n_queries, n_keys)) < 0.6 if masked else None
    bias = rng.standard_normal((2, n_queries, n_keys))
    out = of(F.attention)(q, k, v, mask, causal, bias, scale)
    weights = F.attention_weights(q, k, mask, causal, bias, scale)
    for b, h, i in np.ndindex(2, 2, n_queries):
        seen = [
            j for j in range(n_keys)
            if (not causal or j <= n_keys - n_queries + i) and (mask is None or mask[i, j])
        ]
        e = [math.exp(float(q[b, h, i] @ k[b, h, j]) * (scale or 1 / math.sqrt(4)) + bias[h, i, j]) for j in seen]
        expected = sum(x / sum(e) * v[b, h, j] for x, j in zip(e, seen, strict=True)) if seen else np.zeros(3)
        np.testing.assert_allclose(out[b, h, i], expected, atol=1e-12)
        assert weights[b, h, i].sum() == pytest.approx(1.0 if seen else 0.0)


@TWIN_OR_FORMULA
@given(seed=SEEDS, scale=SCALES, n=st.sampled_from([1, 5, 70, 130]))
def test_the_future_changes_nothing(of, seed, scale, n):
    q, k, v = drawn(seed, n, n, scale)
    out = of(F.attention)(q, k, v, causal=True)
    t = seed % n
    k[..., t + 1:, :], v[..., t + 1:, :], q[..., t + 1:, :] = 1e4, -1e4, 1e4
    np.testing.assert_array_equal(of(F.attention)(q, k, v, causal=True)[..., : t + 1, :], out[..., : t + 1, :])


@TWIN_OR_FORMULA
@given(seed=SEEDS, scale=SCALES, n_queries=st.sampled_from([1, 3, 66]))
def test_the_last_queries_alone_see_what_they_saw(of, seed, scale, n_queries):
    q, k, v = drawn(seed, 66, 66, scale)
    whole = of(F.attention)(q, k, v, causal=True)[..., -n_queries:, :]
    np.testing.assert_allclose(of(F.attention)(q[..., -n_queries:, :], k, v, causal=True), whole, atol=1e-9)


@TWIN_OR_FORMULA
@given(seed=SEEDS, scale=SCALES, pad=st.integers(1, 70))
def test_padding_changes_nothing(of, seed, scale, pad):
    q, k, v = drawn(seed, 5, 7, scale)
    out = of(F.attention)(q, k, v)
    long_k, long_v = (np.concatenate([x, np.full((2, 2, pad, x.shape[-1]), 1e4)], axis=-2) for x in (k, v))
    mask = (np.arange(7 + pad) < 7)[None, None, None]
    leaves = [Tensor(x, requires_grad=True) for x in (q, long_k, long_v)]
    padded = of(F.attention)(*leaves, mask)
    np.testing.assert_allclose(padded.data, out, atol=1e-12)
    padded.backward(np.random.default_rng(seed).standard_normal(out.shape))
    for leaf in leaves[1:]:
        np.testing.assert_array_equal(leaf.grad[..., 7:, :], 0.0)


@TWIN_OR_FORMULA
@given(seed=SEEDS, n=st.sampled_from([4, 70]))
def test_without_positions_order_does_not_matter(of, seed, n):
    q, k, v = drawn(seed, n, n)
    out = of(F.attention)(q, k, v)
    order = np.random.default_rng(seed).permutation(n)
    np.testing.assert_allclose(of(F.attention)(q[..., order, :], k, v), out[..., order, :], atol=1e-12)
    np.testing.assert_allclose(of(F.attention)(q, k[..., order, :], v[..., order, :]), out, atol=1e-12)


@TWIN_OR_FORMULA
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_query_that_sees_nothing_gives_and_takes_nothing(of, dtype):
    q, k, v = (x.astype(dtype) for x in drawn(0, 70, 9, 100.0))
    mask = np.ones((70, 9), bool)
    mask[[0, 5, 69]] = False
    leaves = [Tensor(x, requires_grad=True) for x in (q, k, v)]
    out = of(F.attention)(*leaves, mask)
    np.testing.assert_array_equal(out.data[..., [0, 5, 69], :], 0.0)
    only_blind = np.zeros_like(out.data)
    only_blind[..., [0, 5, 69], :] = 1.0
    out.backward(only_blind)
    for leaf in leaves:
        np.testing.assert_array_equal(leaf.grad, 0.0)


@TWIN_OR_FORMULA
def test_extreme_scores_pick_the_best_key(of):
    q, k, v = (x.astype(np.float32) for x in drawn(1, 6, 8, 1e3))
    leaves = [Tensor(x, requires_grad=True) for x in (q, k, v)]
    out = of(F.attention)(*leaves)
    best = np.argmax(q @ k.swapaxes(-1, -2), axis=-1)
    np.testing.assert_allclose(out.data, np.take_along_axis(v, best[..., None], axis=-2), atol=1e-5)
    out.backward(np.ones_like(out.data))
    assert all(np.isfinite(leaf.grad).all() for leaf in leaves)


def test_heads_come_together_without_a_copy(rng):
    q, k, v = (np.swapaxes(rng.standard_normal((2, 5, 3, 4)), 1, 2) for _ in range(3))
    together = np.swapaxes(F.attention(q, k, v, causal=True), 1, 2)
    assert together.flags.c_contiguous


@pytest.mark.parametrize("bias_shape", [(1, 2, 0, 0), (0, 0), (1, 0), (2, 1, 0, 1), (1,)])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("n", [63, 65, 150])
@pytest.mark.parametrize("kept", [module.KEPT, 0])
def test_gradients_over_several_blocks_are_the_formulas(n, causal, bias_shape, kept, monkeypatch):
    """Whether the weights are kept for the backward pass or computed there once more."""
    monkeypatch.setattr(module, "KEPT", kept)
    found = []
    bias_values = np.random.default_rng(2).standard_normal([m or n for m in bias_shape])
    for attention in (F.attention, F.attention.formula):
        leaves = [Tensor(x, requires_grad=True) for x in (*drawn(n, n, n), bias_values)]
        q, k, v, bias = leaves
        out = attention(q, k, v, causal=causal, score_bias=bias)
        out.backward(np.random.default_rng(1).standard_normal(out.shape))
        found.append([leaf.grad for leaf in leaves])
    for twin, formula in zip(*found, strict=True):
        np.testing.assert_allclose(twin, formula, atol=1e-12)


@pytest.mark.parametrize("causal", [False, True])
def test_memory_grows_with_the_length_not_with_its_square(causal):
    """Twice as many keys and queries, forward and backward: twice the memory, where all weights would take four times."""
    peaks = []
    for n in (1536, 3072):
        q, k, v = (np.random.default_rng(i).standard_normal((1, 1, n, 16), np.float32) for i in range(3))
        tracemalloc.start()
        out, vjp = module.attention.twin.fused(q, k, v, None, causal)
        vjp(np.ones_like(out))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 2.3 * peaks[0] and peaks[1] < 0.2 * 3072 * 3072 * 4


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("shown", ["all", "but the first query's", "the first key alone"])
@pytest.mark.parametrize("bias", [0.0, -np.inf, "least"])
@pytest.mark.parametrize("where", [(slice(None), 0), 0, (1, slice(None))])
def test_what_a_bias_hides_stays_hidden_beside_a_mask(dtype, causal, shown, bias, where, rng):
    """However low a visible score is, no hidden one comes before it; in float16 too, where −1e30 would be −∞."""
    q, k, v = rng.standard_normal((3, 1, 2, 4, 8)).astype(dtype)
    score_bias = np.zeros((4, 4), dtype)
    score_bias[where] = np.finfo(dtype).min if bias == "least" else bias
    mask = {"all": None, "but the first query's": np.ones((4, 4), bool), "the first key alone": np.zeros((4, 4), bool)}[shown]
    if mask is not None:
        mask[0 if shown.startswith("but") else slice(None), 0 if shown.startswith("the") else slice(None)] ^= True
    with np.errstate(over="ignore"):                    # the least float and a score below zero
        got, expected = (f(q, k, v, mask, causal, score_bias) for f in (F.attention, F.attention.formula))
    assert got.dtype == dtype
    np.testing.assert_allclose(got, expected, atol=5e-3 if dtype is np.float16 else 1e-5)
