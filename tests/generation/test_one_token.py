"""The twin of a token's forward pass: the model's logits to rounding, its texts token for token, and no model it can't do."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.models.support import CONTEXT, OPTIONS, VOCABULARY, bert, gpt, llama, made, seq2seq
from tinyllm import detect_anomaly, formulas_only, no_grad
from tinyllm.backend import available_cores
from tinyllm.functional import precision
from tinyllm.generation import beam_search, generate, next_logits, one_token, stream
from tinyllm.generation.next_logits import Reader
from tinyllm.generation.one_token import OneToken, has_twin
from tinyllm.models import GPT, Llama
from tinyllm.nn import Linear, record_attention

MODELS = st.sampled_from([GPT, Llama])
DTYPES = st.sampled_from([(np.float32, 2e-5), (np.float64, 1e-11)])
SEEDS = st.integers(0, 2**31)


WAYS = st.sampled_from(["cache", "memory", "threads"])


@contextlib.contextmanager
def reading(way: str) -> Iterator[None]:
    """Weights from the processor's cache, or as if they came from memory, row by row or by BLAS."""
    with (
        mock.patch.object(one_token, "CACHED", 1 << 30 if way == "cache" else 0), mock.patch.object(one_token, "SHARED", 200),
        mock.patch.object(one_token, "blas_threads", lambda: 3 if way == "threads" else 1),
    ):
        yield


def without_twins() -> contextlib.AbstractContextManager:
    return mock.patch.object(next_logits, "has_twin", lambda model: False)


def calls_of_the_twin() -> contextlib.AbstractContextManager:
    return mock.patch.object(OneToken, "__call__", autospec=True, side_effect=OneToken.__call__)


@settings(max_examples=150)
@given(MODELS, OPTIONS, DTYPES, SEEDS, st.integers(1, 3), st.integers(1, CONTEXT - 1), WAYS)
def test_its_logits_are_the_models(kind, options, dtype, seed, batch, past, way):
    model, rng = made(kind, seed, dtype[0], **options)
    assert has_twin(model)
    ids = rng.integers(0, VOCABULARY, (batch, CONTEXT))
    caches = [model.make_cache(batch) for _ in range(2)]
    with no_grad(), reading(way):
        step = OneToken(model, batch)
        for cache in caches:
            model(ids[:, :past], cache=cache)
        for t in range(past, CONTEXT):
            expected = model(ids[:, t : t + 1], cache=caches[0]).data[:, 0]
            logits = step(ids[:, t], caches[1])
            assert logits.dtype == dtype[0]
            np.testing.assert_allclose(logits, expected, atol=dtype[1] * np.abs(expected).max())
    assert caches[1].length == CONTEXT


@settings(max_examples=60)
@given(
    MODELS, OPTIONS, SEEDS, st.lists(st.integers(0, VOCABULARY - 1), min_size=1, max_size=CONTEXT + 3), st.integers(1, 3),
    st.booleans(), WAYS,
)
def test_its_texts_are_the_models(kind, options, seed, prompt, n_samples, greedy, way):
    """Beyond the context too, where the window moves on, and the cache begins anew."""
    model, _ = made(kind, seed, **options)
    with without_twins():
        expected = generate(model, prompt, 2 * CONTEXT, greedy=greedy, n_samples=n_samples, seed=seed)
    with reading(way), calls_of_the_twin() as calls:
        assert generate(model, prompt, 2 * CONTEXT, greedy=greedy, n_samples=n_samples, seed=seed) == expected
        assert list(stream(model, prompt, 2 * CONTEXT, greedy=greedy, seed=seed)) == expected[0]
    assert calls.call_count > CONTEXT


def test_a_search_whose_live_texts_change_in_number():
    for seed in range(5):
        model, _ = llama(seed)
        with without_twins():
            expected = beam_search(model, [1, 2], 9, width=4, n_best=3, eos_id=0)
        with calls_of_the_twin() as calls:
            found = beam_search(model, [1, 2], 9, width=4, n_best=3, eos_id=0)
        assert [h.ids for h in found] == [h.ids for h in expected] and calls.called


def test_weights_changed_between_two_texts_are_seen():
    model, _ = gpt()
    texts = [generate(model, [1], 8, greedy=True)]
    model.layers[0].attention.v_proj.weight.data[...] *= -3.0                       # in place
    texts.append(generate(model, [1], 8, greedy=True))
    model.head = Linear(8, VOCABULARY, bias=False).to(dtype=np.float64)             # in its place
    texts.append(generate(model, [1], 8, greedy=True))
    model.to(dtype=np.float32)
    texts.append(generate(model, [1], 8, greedy=True))
    assert texts[0] != texts[1] != texts[2]
    with without_twins():
        assert generate(model, [1], 8, greedy=True) == texts[3]


def test_weights_changed_in_place_are_seen_at_the_next_token():
    model, _ = gpt()
    caches, step = [model.make_cache(1) for _ in range(2)], OneToken(model, 1)
    with no_grad():
        for cache in caches:
            model(np.array([[1, 2]]), cache=cache)
        model.layers[1].feed_forward.down.weight.data[...] *= 2.0
        np.testing.assert_allclose(step(np.array([3]), caches[0]), model(np.array([[3]]), cache=caches[1]).data[:, 0])


@pytest.mark.parametrize("openblas, omp, threads", [("", "1", 1), ("", "3,4", 3), ("2", "1", 2), ("", "", available_cores())])
def test_threads_are_as_many_as_the_environment_says(monkeypatch, openblas, omp, threads):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", openblas)
    monkeypatch.setenv("OMP_NUM_THREADS", omp)
    assert one_token.blas_threads() == threads


class Changed(GPT):
    def forward(self, *args, **kwargs):
        return -super().forward(*args, **kwargs)


class LowRank(Linear):
    pass


def replaced(model):
    """The model with an adapter's layer in the place of one of its own."""
    part = model.layers[0].feed_forward
    part.up = LowRank(*part.up.weight.shape[::-1]).to(dtype=np.float64)
    return model


def with_a_function(model):
    model.layers[1].forward = type(model.layers[1]).forward.__get__(model.layers[1])
    return model


@pytest.mark.parametrize(
    "model",
    [
        made(Changed)[0], replaced(gpt()[0]), with_a_function(gpt()[0]), gpt()[0].train(), gpt(dtype=np.float16)[0],
        bert()[0], seq2seq()[0],
    ],
    ids=["subclass", "adapter", "function", "training", "float16", "encoder", "encoder-decoder"],
)
def test_what_it_does_not_know_has_none(model):
    assert not has_twin(model)


def test_half_of_the_weights_in_another_dtype_have_none():
    model, _ = gpt()
    model.layers[0].attention.q_proj.to(dtype=np.float32)
    assert not has_twin(model)


@pytest.mark.parametrize("mode", [formulas_only, detect_anomaly])
def test_modes_that_look_at_each_operation_ask_the_model(mode):
    model, _ = gpt()
    expected = generate(model, [1], 8, seed=0)
    with calls_of_the_twin() as calls, mode():
        assert generate(model, [1], 8, seed=0) == expected
    assert not calls.called


def test_recorded_attention_is_of_every_token():
    model, _ = gpt()
    with record_attention(model) as maps:
        generate(model, [1], 6, greedy=True)
    assert [m.shape[-1] for m in maps["layers.0.attention"]] == [1, 2, 3, 4, 5, 6]


def test_a_full_context_is_the_models_error():
    model, _ = gpt()
    read, cache = Reader(model), model.make_cache(1)
    read(np.zeros((1, CONTEXT), int), cache)
    with pytest.raises(ValueError, match="do not fit into a context"):
        read(np.array([[1]]), cache)


def test_a_reader_without_a_cache_or_a_past_asks_the_model():
    model, _ = gpt()
    with calls_of_the_twin() as calls, no_grad():
        read, ids = Reader(model), np.array([[1, 2, 3]])
        np.testing.assert_array_equal(read(ids, None), model(ids).data[:, -1])
        read(ids[:, :1], model.make_cache(1))
        assert not calls.called
        with pytest.raises(IndexError):
            read(np.array([[-1]]), model.make_cache(1))


def test_with_and_without_a_cache_the_precision_is_the_same():
    model, _ = gpt(0, np.float32)
    with precision("bfloat16"), no_grad():
        cache = model.make_cache(1)
        read = Reader(model)
        read(np.array([[1, 2]]), cache)
        one = read(np.array([[3]]), cache).copy()
        whole = model(np.array([[1, 2, 3]])).numpy()[:, -1]
    np.testing.assert_allclose(one, whole, rtol=0, atol=1e-6)
