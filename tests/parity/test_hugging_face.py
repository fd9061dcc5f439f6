"""Whole models against Transformers': what it saves we load, what we save it loads, and logits, loss and the gradient of every
parameter agree, over drawn sizes and choices, with padding on either side.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.nn.support import shaken
from tests.parity.compare import assert_all_equal, assert_equal, to_torch
from tinyllm import functional as F
from tinyllm.data.fetching import fetched
from tinyllm.models import GPT, T5, Bert, BertConfig, GPTConfig, Llama, LlamaConfig, Pretrained, T5Config
from tinyllm.models.hugging_face import layout_for, numbered

transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()

SEEDS = st.integers(0, 2**31)
MANY = settings(max_examples=30, phases=[Phase.generate])        # a smaller model that fails says no more, and takes minutes
EPS = st.sampled_from([1e-12, 1e-6, 1e-5, 1e-2])
STD = 0.3           # of the weights: large enough that no layer is nearly linear, small enough that float32 still has digits
GRADIENTS = 1e-4    # the error of a gradient against its norm, after all layers' rounding; most reach 1e-6
SIZES = {
    "vocab": st.integers(5, 40), "layers": st.integers(1, 2), "heads": st.sampled_from([1, 2, 3, 4]),
    "width": st.sampled_from([4, 6, 8]), "hidden": st.integers(3, 30), "tied": st.booleans(), "eps": EPS,
    "side": st.sampled_from(["left", "right", None]), "seed": SEEDS,
}


def drawn(**more: Any) -> Any:
    return st.fixed_dictionaries({**SIZES, **more})


# ------------------------------------------------------------ a model of theirs as one of ours, and back


def theirs_saved(model: Any, folder: Path, rng: np.random.Generator) -> Any:
    """Their model with all parameters at random, in evaluation mode and in a folder."""
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(to_torch(rng.standard_normal(p.shape).astype(np.float32) * STD))
    model.eval().save_pretrained(folder)
    return model


def theirs_loaded(kind: Any, folder: Path) -> Any:
    """What Transformers reads from the folder, without a key too few or too many."""
    model, notes = kind.from_pretrained(folder, output_loading_info=True)
    assert not any(notes.values()), notes
    return model.eval()


def batch(rng: np.random.Generator, vocab: int, side: str | None, length: int = 7) -> tuple[np.ndarray, np.ndarray]:
    """Two texts, the second shorter, if there is padding. Id 0 pads and is nowhere else: theirs may freeze its row."""
    ids = rng.integers(1, vocab, (2, length))
    real = np.ones_like(ids)
    if side is not None:
        real[1, slice(0, 3) if side == "left" else slice(length - 3, length)] = 0
    return ids * real, real


def places(real: np.ndarray) -> torch.Tensor:
    """Each token's position, counted from the first real one, as ours are: theirs are told."""
    return torch.tensor(np.maximum(real.cumsum(1) - 1, 0))


def targets_of(ids: np.ndarray, real: np.ndarray) -> np.ndarray:
    return np.where(real == 1, ids, -100)


def agree(ours: Any, theirs: Any, run: Callable, their_run: Callable, kept: np.ndarray) -> None:
    """`run` answers logits and loss: both agree, logits where `kept` (B, T), and so do the gradients of all parameters."""
    (logits, loss), (their_logits, their_loss) = run(ours), their_run(theirs)
    assert_equal(logits.data[kept], their_logits.detach().numpy()[kept], "logits")
    assert_equal(loss.data, their_loss, "loss")
    loss.backward()
    their_loss.backward()
    layout, values = layout_for(ours)
    parameters = dict(ours.named_parameters())
    their_parameters = dict(theirs.named_parameters())
    (architecture,) = values["architectures"]
    names, got, expected = [], [], []
    for row in numbered(layout.rows(vars(ours.config)), parameters):
        name = layout.full_name(row.theirs, architecture)
        if name in their_parameters and their_parameters[name].grad is not None:      # one of two names of an array may be none
            names.append(name)
            got.append(row.packed([parameters[part].grad for part in row.ours]))
            expected.append(their_parameters[name].grad)
    with_gradient = [name for name, p in their_parameters.items() if p.grad is not None]
    assert sorted(names) == sorted(with_gradient)
    assert_all_equal(names, got, expected, GRADIENTS)


def next_token(ids: np.ndarray, real: np.ndarray) -> tuple[Callable, Callable]:
    """Logits and loss of a causal model, ours and theirs."""
    targets = targets_of(ids, real)

    def run(model: Any) -> Any:
        logits = model(ids, real)
        return logits, F.cross_entropy(logits[:, :-1], targets[:, 1:])

    def their_run(model: Any) -> Any:
        out = model(
            torch.tensor(ids), attention_mask=torch.tensor(real), position_ids=places(real), labels=torch.tensor(targets),
        )
        return out.logits, out.loss

    return run, their_run


# ------------------------------------------------------------ GPT-2

ACTIVATIONS = {"gelu_new": "gelu_tanh", "gelu": "gelu", "relu": "relu"}


def check_causal(ours: GPT, theirs: Any, d: dict, rng: np.random.Generator) -> None:
    ids, real = batch(rng, d["vocab"], d["side"])
    agree(ours, theirs, *next_token(ids, real), kept=real == 1)


@MANY
@given(d=drawn(activation=st.sampled_from(sorted(ACTIVATIONS)), inner=st.booleans()))
def test_their_gpt2(tmp_path_factory, d):
    rng, folder = np.random.default_rng(d["seed"]), tmp_path_factory.mktemp("model")
    theirs = theirs_saved(transformers.GPT2LMHeadModel(transformers.GPT2Config(
        vocab_size=d["vocab"], n_positions=9, n_embd=d["heads"] * d["width"], n_layer=d["layers"], n_head=d["heads"],
        n_inner=d["hidden"] if d["inner"] else None, activation_function=d["activation"], layer_norm_epsilon=d["eps"],
        tie_word_embeddings=d["tied"], bos_token_id=None, eos_token_id=None,
    )), folder, rng)
    ours = GPT.from_pretrained(folder)
    assert (ours.config.activation, ours.config.tie_embeddings) == (ACTIVATIONS[d["activation"]], d["tied"])
    check_causal(ours, theirs, d, rng)


@MANY
@given(d=drawn(activation=st.sampled_from(sorted(ACTIVATIONS.values()))))
def test_our_gpt2(tmp_path_factory, d):
    rng, folder = np.random.default_rng(d["seed"]), tmp_path_factory.mktemp("model")
    ours = shaken(GPT(GPTConfig(
        d["vocab"], context=9, n_layers=d["layers"], n_heads=d["heads"], d_model=d["heads"] * d["width"], d_hidden=d["hidden"],
        bias=True, activation=d["activation"], norm_eps=d["eps"], tie_embeddings=d["tied"],
    )), rng, STD).eval()
    ours.save_pretrained(folder)
    check_causal(ours, theirs_loaded(transformers.AutoModelForCausalLM, folder), d, rng)


# ------------------------------------------------------------ Llama

GROUPS = {
    "group": st.booleans(), "head_dim": st.sampled_from([None, 2, 8]), "theta": st.sampled_from([10000.0, 500000.0, 17.0]),
}


@MANY
@given(d=drawn(**GROUPS, older=st.booleans()))
def test_their_llama(tmp_path_factory, d):
    rng, folder = np.random.default_rng(d["seed"]), tmp_path_factory.mktemp("model")
    theirs = theirs_saved(transformers.LlamaForCausalLM(transformers.LlamaConfig(
        vocab_size=d["vocab"], max_position_embeddings=9, hidden_size=d["heads"] * d["width"], intermediate_size=d["hidden"],
        num_hidden_layers=d["layers"], num_attention_heads=d["heads"], num_key_value_heads=1 if d["group"] else None,
        head_dim=d["head_dim"], rms_norm_eps=d["eps"], tie_word_embeddings=d["tied"], bos_token_id=None, eos_token_id=None,
        rope_parameters={"rope_type": "default", "rope_theta": d["theta"]},
    )), folder, rng)
    if d["older"]:
        as_before_version_5(folder / "config.json", d["theta"])
    ours = Llama.from_pretrained(folder)
    assert ours.config.rope_base == d["theta"]
    check_causal(ours, theirs, d, rng)


def as_before_version_5(path: Path, theta: float) -> None:
    values = json.loads(path.read_text())
    del values["rope_parameters"]
    path.write_text(json.dumps({**values, "rope_theta": theta, "rope_scaling": None}))


@MANY
@given(d=drawn(**GROUPS, kind=st.sampled_from([(Llama, LlamaConfig), (GPT, GPTConfig)])))
def test_our_llama(tmp_path_factory, d):
    rng, folder = np.random.default_rng(d["seed"]), tmp_path_factory.mktemp("model")
    model, config = d["kind"]
    ours = shaken(model(config(
        d["vocab"], context=9, n_layers=d["layers"], n_heads=d["heads"], n_kv_heads=1 if d["group"] else None,
        d_model=d["heads"] * d["width"], head_dim=d["head_dim"], d_hidden=d["hidden"], norm_eps=d["eps"], rope_base=d["theta"],
        tie_embeddings=d["tied"], norm="rms", positions="rotary", activation="swiglu",
    )), rng, STD).eval()
    ours.save_pretrained(folder)
    check_causal(ours, theirs_loaded(transformers.AutoModelForCausalLM, folder), d, rng)


# ------------------------------------------------------------ BERT

PARTS = {
    "BertModel": ("pooler",), "BertForMaskedLM": ("masked_head",), "BertForNextSentencePrediction": ("pooler", "next_sentence"),
    "BertForPreTraining": ("pooler", "masked_head", "next_sentence"),
}
ARCHITECTURES = {
    "architecture": st.sampled_from(sorted(PARTS)), "segments": st.integers(1, 3),
    "activation": st.sampled_from(sorted(ACTIVATIONS)),
}


def check_bert(ours: Bert, theirs: Any, d: dict, rng: np.random.Generator) -> None:
    """The loss of what heads there are; for the trunk alone, how far its vectors and the pooled one are from random ones."""
    ids, real = batch(rng, d["vocab"], d["side"])
    segments = rng.integers(0, d["segments"], ids.shape)
    targets, labels = targets_of(ids, real), rng.integers(0, 2, len(ids))
    parts = PARTS[d["architecture"]]
    u, there = rng.standard_normal((2, 7, ours.config.d_model)).astype(np.float32), real[:, :, None].astype(np.float32)
    v = rng.standard_normal((2, ours.config.d_model)).astype(np.float32)

    def run(model: Bert) -> Any:
        h = model.hidden(ids, real, segments)
        if parts == ("pooler",):
            return h, np.sum(np.square((h - u) * there)) + np.sum(np.square(model.pooled(h, real) - v))
        losses, logits = [], h
        if "masked_head" in parts:
            logits = model(ids, real, segments)
            losses.append(F.cross_entropy(logits, targets))
        if "next_sentence" in parts:
            losses.append(F.cross_entropy(model.next_sentence(model.pooled(h, real)), labels))
        return logits, sum(losses[1:], losses[0])

    def their_run(model: Any) -> Any:
        given_ = {
            "attention_mask": torch.tensor(real), "token_type_ids": torch.tensor(segments), "position_ids": places(real),
            "output_hidden_states": True,
        }
        if "masked_head" in parts:
            given_["labels"] = torch.tensor(targets)
        if "next_sentence" in parts:
            given_["next_sentence_label" if "masked_head" in parts else "labels"] = torch.tensor(labels)
        out = model(torch.tensor(ids), **given_)
        if parts == ("pooler",):
            h = out.last_hidden_state
            far = ((h - torch.tensor(u)) * torch.tensor(there)).square().sum()
            return h, far + (out.pooler_output - torch.tensor(v)).square().sum()
        if "masked_head" not in parts:
            return out.hidden_states[-1], out.loss
        return out.prediction_logits if "next_sentence" in parts else out.logits, out.loss

    agree(ours, theirs, run, their_run, kept=real == 1)


def possible(d: dict) -> dict:
    """Their pooler takes the first place, real or not: a text must begin there."""
    side = "right" if d["side"] == "left" and "pooler" in PARTS[d["architecture"]] else d["side"]
    return d | {"side": side}


@settings(MANY, max_examples=40)
@given(d=drawn(**ARCHITECTURES).map(possible))
def test_their_bert(tmp_path_factory, d):
    rng, folder = np.random.default_rng(d["seed"]), tmp_path_factory.mktemp("model")
    theirs = theirs_saved(getattr(transformers, d["architecture"])(transformers.BertConfig(
        vocab_size=d["vocab"], hidden_size=d["heads"] * d["width"], num_hidden_layers=d["layers"],
        num_attention_heads=d["heads"], intermediate_size=d["hidden"], max_position_embeddings=9,
        type_vocab_size=d["segments"], layer_norm_eps=d["eps"], tie_word_embeddings=d["tied"],
        hidden_act=d["activation"],
    )), folder, rng)
    ours = Bert.from_pretrained(folder)
    check_bert(ours, theirs, d, rng)


@settings(MANY, max_examples=40)
@given(d=drawn(**ARCHITECTURES).map(possible))
def test_our_bert(tmp_path_factory, d):
    rng, folder = np.random.default_rng(d["seed"]), tmp_path_factory.mktemp("model")
    parts = PARTS[d["architecture"]]
    ours = shaken(Bert(BertConfig(
        d["vocab"], context=9, n_layers=d["layers"], n_heads=d["heads"], d_model=d["heads"] * d["width"], d_hidden=d["hidden"],
        activation=ACTIVATIONS[d["activation"]], norm_first=False, norm_eps=d["eps"], tie_embeddings=d["tied"],
        n_segments=d["segments"], pooler="pooler" in parts, masked_head="masked_head" in parts,
        next_sentence="next_sentence" in parts,
    )), rng, STD).eval()
    ours.save_pretrained(folder)
    check_bert(ours, theirs_loaded(getattr(transformers, d["architecture"]), folder), d, rng)


# ------------------------------------------------------------ T5

FORWARDS = {"relu": "relu", "gated-gelu": "geglu", "gated-silu": "swiglu", "gelu": "gelu"}
T5_SIZES = {
    "decoder_layers": st.integers(1, 3), "d_kv": st.integers(1, 6), "d_model": st.integers(2, 16),
    "buckets": st.sampled_from([4, 8, 32]), "distance": st.sampled_from([17, 40]),
}


def check_t5(ours: T5, theirs: Any, d: dict, rng: np.random.Generator) -> None:
    ids, real = batch(rng, d["vocab"], d["side"])
    target, target_real = batch(rng, d["vocab"], d["side"] and "right", length=5)
    labels = targets_of(target, target_real)
    decoder_ids = np.concatenate([np.full((2, 1), ours.config.start_id), target[:, :-1]], axis=1)

    def run(model: T5) -> Any:
        logits = model(ids, decoder_ids, real)
        return logits, F.cross_entropy(logits, labels)

    def their_run(model: Any) -> Any:
        out = model(
            input_ids=torch.tensor(ids), attention_mask=torch.tensor(real), decoder_input_ids=torch.tensor(decoder_ids),
            labels=torch.tensor(labels),
        )
        return out.logits, out.loss

    agree(ours, theirs, run, their_run, kept=target_real == 1)


@settings(MANY, max_examples=40)
@given(d=drawn(**T5_SIZES, forward=st.sampled_from(sorted(FORWARDS))))
def test_their_t5(tmp_path_factory, d):
    rng, folder = np.random.default_rng(d["seed"]), tmp_path_factory.mktemp("model")
    theirs = transformers.T5ForConditionalGeneration(transformers.T5Config(
        vocab_size=d["vocab"], d_model=d["d_model"], d_kv=d["d_kv"], d_ff=d["hidden"], num_layers=d["layers"],
        num_decoder_layers=d["decoder_layers"], num_heads=d["heads"], relative_attention_num_buckets=d["buckets"],
        relative_attention_max_distance=d["distance"], layer_norm_epsilon=d["eps"], feed_forward_proj=d["forward"],
        tie_word_embeddings=d["tied"],
    ))
    if not d["tied"]:       # which version 5 ties all the same, until a head of its own is loaded
        theirs.lm_head.weight = torch.nn.Parameter(torch.empty(d["vocab"], d["d_model"]))
    theirs = theirs_saved(theirs, folder, rng)
    ours = T5.from_pretrained(folder)
    assert (ours.config.activation, ours.config.tie_embeddings) == (FORWARDS[d["forward"]], d["tied"])
    check_t5(ours, theirs, d, rng)


@settings(MANY, max_examples=40)
@given(d=drawn(**T5_SIZES, activation=st.sampled_from(sorted(FORWARDS.values())), start=st.integers(0, 4)))
def test_our_t5(tmp_path_factory, d):
    rng, folder = np.random.default_rng(d["seed"]), tmp_path_factory.mktemp("model")
    ours = shaken(T5(T5Config(
        d["vocab"], n_layers=d["layers"], n_decoder_layers=d["decoder_layers"], n_heads=d["heads"], d_model=d["d_model"],
        head_dim=d["d_kv"], d_hidden=d["hidden"], norm_eps=d["eps"], activation=d["activation"], tie_embeddings=d["tied"],
        relative_buckets=d["buckets"], relative_distance=d["distance"], start_id=d["start"],
    )), rng, STD).eval()
    ours.save_pretrained(folder)
    theirs = theirs_loaded(transformers.AutoModelForSeq2SeqLM, folder)
    assert theirs.config.decoder_start_token_id == d["start"]
    check_t5(ours, theirs, d, rng)


# ------------------------------------------------------------ files


def small_llama() -> Any:
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(
        vocab_size=19, max_position_embeddings=9, hidden_size=12, intermediate_size=10, num_hidden_layers=2,
        num_attention_heads=2, bos_token_id=None, eos_token_id=None,
    ))


def test_shards_both_ways(tmp_path, rng):
    theirs = theirs_saved(small_llama(), tmp_path / "whole", rng)
    theirs.save_pretrained(tmp_path / "theirs", max_shard_size="2KB")
    assert len(list((tmp_path / "theirs").glob("*.safetensors"))) > 2
    ours = Llama.from_pretrained(tmp_path / "theirs")
    ours.save_pretrained(tmp_path / "ours", max_shard_size=2000)
    assert len(list((tmp_path / "ours").glob("*.safetensors"))) > 2
    again = theirs_loaded(transformers.LlamaForCausalLM, tmp_path / "ours")
    for (name, a), (_, b) in zip(theirs.named_parameters(), again.named_parameters(), strict=True):
        assert torch.equal(a, b), name


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_every_precision_is_read_exactly(tmp_path, rng, dtype):
    theirs = theirs_saved(small_llama().to(dtype), tmp_path, rng)
    ours = dict(Llama.from_pretrained(tmp_path).named_parameters())
    expected = np.float64 if dtype == torch.float64 else np.float32
    wanted = theirs.model.layers[1].mlp.up_proj.weight.detach().to(torch.float64).numpy()
    got = ours["layers.1.feed_forward.up.weight"].data
    assert got.dtype == expected
    np.testing.assert_array_equal(got, wanted)


def test_float64_is_saved_as_it_is(tmp_path, rng):
    ours = shaken(Llama(LlamaConfig(19, 9, 2, 2, 12)), rng).to(dtype=np.float64).eval()
    ours.save_pretrained(tmp_path)
    theirs = theirs_loaded(transformers.LlamaForCausalLM, tmp_path)
    assert theirs.dtype == torch.float64
    np.testing.assert_array_equal(theirs.model.norm.weight.detach().numpy(), dict(ours.named_parameters())["norm.weight"].data)


def test_a_trunk_without_its_head(tmp_path, rng):
    """Names without the prefix, as MiniLM's, and none for the head: a tied one is the embedding's."""
    theirs = theirs_saved(transformers.GPT2Model(transformers.GPT2Config(
        vocab_size=19, n_positions=9, n_embd=12, n_layer=2, n_head=2, bos_token_id=None, eos_token_id=None,
    )), tmp_path, rng)
    ids, real = batch(rng, 19, "right")
    got = GPT.from_pretrained(tmp_path).hidden(ids, real)
    expected = theirs(torch.tensor(ids), attention_mask=torch.tensor(real)).last_hidden_state
    assert_equal(got.data[real == 1], expected.detach().numpy()[real == 1], "hidden")


def test_minilm(rng):
    folder = fetched("minilm")
    if folder is None:
        pytest.skip("MiniLM is not here, and so not compared: tinyllm fetch minilm")
    ours = Pretrained.from_pretrained(folder)
    theirs = transformers.BertModel.from_pretrained(folder).eval()
    ids, real = batch(rng, ours.config.vocab_size, "right", length=40)
    segments = rng.integers(0, 2, ids.shape)
    h = ours.hidden(ids, real, segments)
    with torch.no_grad():
        out = theirs(torch.tensor(ids), attention_mask=torch.tensor(real), token_type_ids=torch.tensor(segments))
    assert_equal(h.data[real == 1], out.last_hidden_state.numpy()[real == 1], "hidden")
    assert_equal(ours.pooled(h).data, out.pooler_output, "pooled")
