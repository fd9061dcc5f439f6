"""Whole models on a GPU, or on the stand-in for one: the same numbers, and nothing goes to and fro unasked."""

from __future__ import annotations

import numpy as np
import pytest

from tests.cupy_standin.fixtures import cupy as cupy_fixture
from tests.models.support import config, loss_of
from tests.nn.support import close
from tinyllm import backend, no_grad
from tinyllm.models import (
    GPT,
    T5,
    Autoencoder,
    AutoencoderConfig,
    Bert,
    BertConfig,
    GPTConfig,
    Llama,
    LlamaConfig,
    SentenceEncoder,
    Seq2Seq,
    Seq2SeqConfig,
    SequenceClassifier,
    SpanReader,
    T5Config,
    TokenClassifier,
)
from tinyllm.nn import record_attention
from tinyllm.optim import SGD, Adam, AdamW, Muon, clip_grad_norm, decay_groups, muon_groups

cupy = cupy_fixture

MODELS = {
    "gpt": lambda: GPT(config(GPTConfig)),
    "gpt, other choices": lambda: GPT(
        config(GPTConfig, positions="rotary", norm="rms", activation="swiglu", n_kv_heads=1, tie_embeddings=False)
    ),
    "gpt, after norms": lambda: GPT(config(GPTConfig, positions="sinusoidal", norm_first=False, activation="relu")),
    "bert": lambda: Bert(config(BertConfig)),
    "mean": lambda: SequenceClassifier(Bert(config(BertConfig)), 3),
    "max": lambda: SequenceClassifier(GPT(config(GPTConfig)), 3, "max"),
    "last": lambda: SequenceClassifier(GPT(config(GPTConfig)), 3, "last"),
    "llama": lambda: Llama(config(LlamaConfig, n_kv_heads=1)),
    "alibi": lambda: GPT(config(GPTConfig, positions="alibi")),
    "both objectives": lambda: Bert(config(BertConfig, n_segments=2, pooler=True, next_sentence=True, norm_first=False)),
    "seq2seq": lambda: Seq2Seq(config(Seq2SeqConfig)),
    "t5": lambda: T5(config(T5Config, activation="geglu", head_dim=6)),
    "autoencoder": lambda: Autoencoder(config(AutoencoderConfig, d_code=3)),
    "tagger": lambda: TokenClassifier(Bert(config(BertConfig)), 11),
    "reader": lambda: SpanReader(Llama(config(LlamaConfig))),
    "encoder": lambda: SentenceEncoder(Bert(config(BertConfig, positions="relative", masked_head=False)), "mean"),
}
OPTIMISERS = {
    "sgd": lambda m: SGD(m.parameters(), 0.1, 0.9, True, 0.1),
    "adam": lambda m: Adam(m.parameters(), weight_decay=0.1),
    "adamw": lambda m: AdamW(decay_groups(m, 0.1)),
    "muon": lambda m: Muon(muon_groups(m, weight_decay=0.1)),
}


def three_steps(model, optimiser, padding, device):
    """In float64: a key's bias has no gradient but rounding, and Adam, which divides by its size, would walk on float32's."""
    model.to(device, np.float64)
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 11, (2, 6))
    mask = np.array([[1, 1, 1, 1, 0, 0], [0, 1, 1, 1, 1, 1]]) if padding else None
    moves = OPTIMISERS[optimiser](model)
    losses = []
    for _ in range(3):
        moves.zero_grad()
        loss = loss_of(model, ids, mask, device)
        loss.backward()
        clip_grad_norm(model.parameters(), 1.0)
        moves.step()
        losses.append(loss.item())
    return losses, moves


@pytest.mark.parametrize("padding", [False, True])
@pytest.mark.parametrize("name, optimiser", [*((name, "adamw") for name in MODELS), *(("gpt", o) for o in OPTIMISERS)])
def test_training_gives_the_same_numbers(cupy, name, optimiser, padding):
    here = MODELS[name]()
    there = MODELS[name]()
    there.load_state_dict(here.state_dict())
    expected, _ = three_steps(here, optimiser, padding, "cpu")
    got, moved = three_steps(there, optimiser, padding, "cuda")
    assert close(np.array(got), np.array(expected), 1e-9)
    assert all(p.device.startswith("cuda") for p in there.parameters())
    for (key, a), b in zip(there.state_dict().items(), here.state_dict().values(), strict=True):
        assert close(a, b, 1e-6) or np.abs(a - b).max() < 1e-9, key
    saved = moved.state_dict()
    assert all(type(a) is np.ndarray for a in saved["arrays"].values())
    moved.load_state_dict(saved)
    assert all(backend.device_of(a).startswith("cuda") for state in moved.state for a in state.values())
    assert all(p.device == "cpu" for p in there.to("cpu").parameters())


def test_cache_and_pictures(cupy):
    model = GPT(config(GPTConfig, positions="rotary")).eval()
    ids = np.arange(8)[None]
    with no_grad():
        expected = model(ids).data
        model.to("cuda")
        cache = model.make_cache(1)
        pieces = [model(piece, cache=cache).numpy() for piece in (ids[:, :5], ids[:, 5:])]
        with record_attention(model) as maps:
            model(ids)
    assert close(np.concatenate(pieces, axis=1), expected, 1e-5)
    assert type(maps["layers.0.attention"][0]) is np.ndarray


@pytest.mark.parametrize("name", ["seq2seq", "t5"])
def test_the_cache_of_a_decoder(cupy, name):
    model = MODELS[name]().eval()
    ids, mask = np.arange(12).reshape(2, 6) % 11, np.array([[0, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1]])
    with no_grad():
        expected = model(ids, ids, mask).data[[1, 0, 1], 3:]
        model.to("cuda")
        memory, cache = model.encode(ids, mask), model.make_cache(2)
        model.decode(ids[:, :3], memory, mask, cache)
        rows = np.array([1, 0, 1])
        there = backend.to_device(rows, "cuda")
        cache.select(there)
        got = model.decode(ids[rows, 3:], memory.data[there], mask[rows], cache)
        with record_attention(model) as maps:
            model(ids, ids, mask)
    assert close(got.numpy(), expected, 1e-5)
    assert type(maps["decoder.layers.0.cross_attention"][0]) is np.ndarray


def test_tokens_read_off_a_reconstruction(cupy):
    model = MODELS["autoencoder"]().eval()
    ids = np.arange(6)[None]
    expected = model.nearest(model(ids))
    np.testing.assert_array_equal(backend.to_numpy(model.to("cuda").nearest(model(ids))), expected)


def test_dropout_draws_the_same_on_both(cupy):
    model = Bert(config(BertConfig, dropout=0.2))
    ids = np.arange(8)[None]
    with backend.randomness(1):
        expected = model(ids).data
    with backend.randomness(1):
        assert close(model.to("cuda")(ids).numpy(), expected, 1e-5)


def test_saving_from_the_device(cupy, tmp_path):
    model = GPT(config(GPTConfig)).eval()
    expected = model(np.arange(5)[None]).data
    model.to("cuda").save_pretrained(tmp_path)
    np.testing.assert_array_equal(GPT.from_pretrained(tmp_path)(np.arange(5)[None]).data, expected)
