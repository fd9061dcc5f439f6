"""GPT: the future changes nothing, padding changes nothing, the cache changes nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.models.support import CONTEXT, OPTIONS, SEEDS, VOCABULARY, config, gpt, padded
from tests.nn.support import check_every_parameter_learns, close, gradcheck_module
from tinyllm import functional as F
from tinyllm import no_grad
from tinyllm.models import GPT, GPTConfig

LENGTHS = st.lists(st.integers(1, CONTEXT), min_size=1, max_size=3)


@given(options=OPTIONS, t=st.integers(1, 7), seed=SEEDS)
def test_a_future_token_never_changes_an_earlier_logit(options, t, seed):
    model, rng = gpt(seed, **options)
    a = rng.integers(0, VOCABULARY, (2, 8))
    b = a.copy()
    b[:, t:] = (b[:, t:] + rng.integers(1, VOCABULARY, b[:, t:].shape)) % VOCABULARY
    x, y = model(a).data, model(b).data
    assert x.shape == (2, 8, VOCABULARY)
    np.testing.assert_array_equal(x[:, :t], y[:, :t])
    assert not np.allclose(x[:, t], y[:, t])


@pytest.mark.parametrize("scale", [30.0, 1000.0])
def test_nor_where_logits_are_extreme(scale):
    model, rng = gpt()
    for p in model.parameters():
        p.data *= scale
    a, b = rng.integers(0, VOCABULARY, (2, 1, 8))
    b[:, :4] = a[:, :4]
    x = model(a).data
    assert np.abs(x).max() > 100 and np.isfinite(x).all()
    np.testing.assert_array_equal(x[:, :4], model(b).data[:, :4])


@given(options=OPTIONS, lengths=LENGTHS, side=st.sampled_from(["left", "right"]), seed=SEEDS)
def test_padding_changes_no_valid_output_and_no_loss(options, lengths, side, seed):
    model, rng = gpt(seed, **options)
    ids, mask = padded(rng, lengths, side)
    logits = model(ids, mask)
    assert np.isfinite(logits.data).all()
    for row, m, y in zip(ids, mask, logits.data, strict=True):
        assert close(y[m], model(row[m][None]).data[0], 1e-11)
    targets = np.where(mask, rng.integers(0, VOCABULARY, ids.shape), -100)
    other = np.where(mask, ids, rng.integers(0, VOCABULARY, ids.shape))
    gradients = []
    for tokens in (ids, other):
        model.zero_grad()
        loss = F.cross_entropy(model(tokens, mask), targets)
        loss.backward()
        gradients.append((loss.item(), [p.grad for p in model.parameters()]))
    assert close(gradients[0][0], gradients[1][0], 1e-12)
    assert all(close(a, b, 1e-10) or np.abs(a - b).max() < 1e-13 for a, b in zip(gradients[0][1], gradients[1][1], strict=True))


@given(options=OPTIONS, chunks=st.lists(st.integers(1, 4), min_size=1, max_size=3), crop=st.integers(0, 4), seed=SEEDS)
def test_the_cache_equals_full_recomputation(options, chunks, crop, seed):
    model, rng = gpt(seed, **options)
    ids = rng.integers(0, VOCABULARY, (2, sum(chunks)))
    cache = model.make_cache(2)
    with no_grad():
        pieces = [model(piece, cache=cache).data for piece in np.split(ids, np.cumsum(chunks)[:-1], axis=1)]
        full = model(ids).data
        assert close(np.concatenate(pieces, axis=1), full, 1e-11)
        assert cache.length == ids.shape[1]
        back = min(crop, ids.shape[1] - 1)
        cache.crop(back)
        assert close(model(ids[:, back:], cache=cache), full[:, back:], 1e-11)


@given(options=OPTIONS, lengths=st.lists(st.integers(1, 8), min_size=2, max_size=3), seed=SEEDS)
def test_the_cache_with_padding_on_the_left(options, lengths, seed):
    model, rng = gpt(seed, **options)
    ids, mask = padded(rng, lengths, "left")
    more = rng.integers(0, VOCABULARY, (len(lengths), 2))
    cache = model.make_cache(len(lengths))
    with no_grad():
        model(ids, mask, cache=cache)
        for i in range(2):
            mask = np.concatenate([mask, np.ones((len(lengths), 1), bool)], axis=1)
            last = model(more[:, i : i + 1], mask, cache=cache).data[:, -1]
        for row, m, new, y in zip(ids, mask, more, last, strict=True):
            assert close(y, model(np.concatenate([row[m[:-2]], new])[None]).data[0, -1], 1e-11)


@given(options=OPTIONS, split=st.integers(1, 3), seed=SEEDS)
def test_split_batches_accumulate_to_the_whole_batchs_gradient(options, split, seed):
    model, rng = gpt(seed, **options)
    ids, targets = rng.integers(0, VOCABULARY, (2, 4, 6))
    targets[rng.random(targets.shape) < 0.3] = -100
    targets[:, 0] = 1
    F.cross_entropy(model(ids), targets).backward()
    whole = [p.grad for p in model.parameters()]
    model.zero_grad()
    for part in (slice(0, split), slice(split, 4)):
        share = (targets[part] != -100).sum() / (targets != -100).sum()
        (F.cross_entropy(model(ids[part]), targets[part]) * float(share)).backward()
    for p, g in zip(model.parameters(), whole, strict=True):
        assert close(p.grad, g, 1e-10) or np.abs(p.grad - g).max() < 1e-14


@pytest.mark.parametrize("options", [
    {}, {"positions": "rotary", "norm": "rms", "activation": "swiglu", "n_kv_heads": 1, "tie_embeddings": False},
    {"positions": "sinusoidal", "norm_first": False, "bias": True},
])
def test_gradients(options, rng):
    model, _ = gpt(**{"n_layers": 1, **options})
    ids = np.array([[1, 2, 1], [4, 5, 6]])
    mask = np.array([[0, 1, 1], [1, 1, 1]])
    assert gradcheck_module(model, call=lambda: model(ids, mask))


@given(options=OPTIONS, seed=SEEDS)
def test_every_parameter_learns(options, seed):
    if options["activation"] == "relu":
        options["activation"] = "gelu"      # a unit that never fires learns nothing, as it should
    model, rng = gpt(seed, **{**options, "bias": False})
    ids = np.stack([rng.permutation(VOCABULARY)] * 2)
    model.train()
    if options["positions"] == "learned":   # every position must be asked for
        ids = np.concatenate([ids, ids[:, :1]], axis=1)
    check_every_parameter_learns(model, lambda: model(ids), rng)


def test_the_start_is_scaled_by_depth():
    model = GPT(GPTConfig(50, n_layers=8, d_model=64, bias=True, tie_embeddings=False))
    for name, p in model.named_parameters():
        if name.endswith("bias"):
            assert (p.data == 0).all(), name
        elif "norm" in name:
            assert (p.data == 1).all(), name
        else:
            expected = 0.02 / 4 if name.endswith(("o_proj.weight", "down.weight")) else 0.02
            assert abs(p.data.std() / expected - 1) < 0.05, name


def test_a_fresh_model_is_undecided():
    model = GPT(GPTConfig(65))
    ids = np.random.default_rng(0).integers(0, 65, (4, 129))
    assert abs(F.cross_entropy(model(ids[:, :-1]), ids[:, 1:]).item() - np.log(65)) < 0.1


def test_tied_embeddings_are_one_parameter():
    tied, untied = GPT(config(GPTConfig)), GPT(config(GPTConfig, tie_embeddings=False))
    assert untied.n_parameters() - tied.n_parameters() == VOCABULARY * 8
    assert "head.weight" in untied.state_dict() and "head.weight" not in tied.state_dict()


def test_ids_may_be_lists_and_any_integers():
    model, _ = gpt()
    expected = model(np.array([[1, 2, 3]])).data
    for ids in ([[1, 2, 3]], np.array([[1, 2, 3]], np.uint16), np.array([[1, 2, 3]], np.int8)):
        np.testing.assert_array_equal(model(ids).data, expected)


@pytest.mark.parametrize(
    "ids, mask, error, match",
    [
        ([[0, VOCABULARY]], None, IndexError, f"id {VOCABULARY} is outside the table of {VOCABULARY}"),
        ([[0, -1]], None, IndexError, "id -1"),
        ([[0.0, 1.0]], None, TypeError, "ids are float64"),
        ([0, 1], None, ValueError, r"ids have shape \(2,\)"),
        (np.zeros((2, 0), int), None, ValueError, "at least one token"),
        (np.zeros((1, CONTEXT + 1), int), None, ValueError, "13 tokens do not fit into a context of 12"),
        ([[0, 1]], [[1]], ValueError, r"attention_mask has shape \(1, 1\)"),
        ([[0, 1]], [[1, 2]], ValueError, "more than 0 and 1"),
        ([[0, 1]], [[1.0, 0.0]], ValueError, "more than 0 and 1"),
    ],
)
def test_bad_input(ids, mask, error, match):
    model, _ = gpt()
    with pytest.raises(error, match=match):
        model(ids, mask)


def test_a_full_cache_says_so():
    model, _ = gpt()
    cache = model.make_cache(1)
    with no_grad():
        model(np.zeros((1, CONTEXT), int), cache=cache)
        with pytest.raises(ValueError, match="13 tokens do not fit"):
            model(np.zeros((1, 1), int), cache=cache)
    with pytest.raises(RuntimeError, match="no_grad"):
        model(np.zeros((1, 1), int), cache=model.make_cache(1))
