"""Hugging Face's layout: names, shapes and keys as Transformers writes them.
Files as others write them: test_hugging_face_reading.py.

Whole models are compared with Transformers in tests/parity/test_hugging_face.py; here it is not needed.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from safetensors.numpy import load_file

from tests.models.hugging_face import (
    DRAWN,
    EPS,
    MAKERS,
    answer,
    config_of,
    full,
    gpt2,
    small_llama,
    small_t5,
)
from tests.models.support import SEEDS, gpt, seq2seq
from tinyllm.models import GPT, Bert, Llama, Pretrained
from tinyllm.nn import Parameter

ONE = {"n_layers": 1, "tie_embeddings": False}


# ------------------------------------------------------------ there and back


@given(drawn=DRAWN, eps=EPS, seed=SEEDS)
def test_a_model_of_theirs_goes_round(tmp_path_factory, drawn, eps, seed):
    name, options = drawn
    model = MAKERS[name][0](seed, norm_eps=eps, **options)
    folder = tmp_path_factory.mktemp("model")
    model.save_pretrained(folder / "one")
    assert config_of(folder / "one")["model_type"] == name and "n_layers" not in config_of(folder / "one")
    again = type(model).from_pretrained(folder / "one")
    assert type(again) is type(model) and not again.training
    np.testing.assert_array_equal(answer(again), answer(model))
    again.save_pretrained(folder / "two")
    for file in ("config.json", "model.safetensors"):
        assert (folder / "one" / file).read_bytes() == (folder / "two" / file).read_bytes()


@pytest.mark.parametrize(
    "model",
    [
        lambda: gpt2(bias=False), lambda: gpt2(norm_first=False), lambda: gpt2(positions="alibi"), lambda: gpt2(n_kv_heads=1),
        lambda: gpt2(head_dim=6), lambda: gpt2(activation="swiglu"), lambda: small_llama(bias=True),
        lambda: small_llama(activation="geglu"), lambda: small_llama(positions="learned"),
        lambda: small_llama(n_heads=3, d_model=8, head_dim=2),
        lambda: full(masked_head=False, pooler=False, next_sentence=False),
        lambda: full(norm_first=True), lambda: full(n_segments=0), lambda: full(activation="swiglu"), lambda: full(norm="rms"),
        lambda: full(next_sentence=False), lambda: small_t5(positions="alibi"), lambda: small_t5(n_kv_heads=1),
        lambda: small_t5(norm_first=False), lambda: seq2seq(bias=False, norm="rms", positions="relative")[0],
    ],
)  # fmt: skip
def test_a_model_that_is_none_of_theirs_has_our_layout(tmp_path, model):
    model = model()
    model.save_pretrained(tmp_path)
    assert "n_layers" in config_of(tmp_path) and config_of(tmp_path)["model_type"] == model.model_type
    np.testing.assert_array_equal(answer(Pretrained.from_pretrained(tmp_path)), answer(model))


def test_a_parameter_more_is_not_dropped(tmp_path):
    model = gpt2()
    model.layers[0].attention.scale = Parameter(np.ones(3, np.float32))
    model.save_pretrained(tmp_path)
    assert "layers.0.attention.scale" in load_file(tmp_path / "model.safetensors")


def test_a_gpt_with_llamas_choices_is_a_llama(tmp_path):
    model, _ = gpt(dtype=np.float32, norm="rms", positions="rotary", activation="swiglu")
    model.save_pretrained(tmp_path)
    again = GPT.from_pretrained(tmp_path)
    assert isinstance(again, Llama)
    np.testing.assert_array_equal(answer(again), answer(model))


# ------------------------------------------------------------ names and shapes, as Transformers writes them

V, T, C, F = 11, 12, 8, 12          # tokens, places, width, hidden width; two heads

NAMES = {
    "gpt2": (gpt2, {
        "lm_head.weight": (V, C), "transformer.wte.weight": (V, C), "transformer.wpe.weight": (T, C),
        "transformer.h.0.ln_1.weight": (C,), "transformer.h.0.ln_1.bias": (C,),
        "transformer.h.0.attn.c_attn.weight": (C, 3 * C), "transformer.h.0.attn.c_attn.bias": (3 * C,),
        "transformer.h.0.attn.c_proj.weight": (C, C), "transformer.h.0.attn.c_proj.bias": (C,),
        "transformer.h.0.ln_2.weight": (C,), "transformer.h.0.ln_2.bias": (C,),
        "transformer.h.0.mlp.c_fc.weight": (C, F), "transformer.h.0.mlp.c_fc.bias": (F,),
        "transformer.h.0.mlp.c_proj.weight": (F, C), "transformer.h.0.mlp.c_proj.bias": (C,),
        "transformer.ln_f.weight": (C,), "transformer.ln_f.bias": (C,),
    }),
    "llama": (lambda **options: small_llama(n_kv_heads=1, **options), {
        "lm_head.weight": (V, C), "model.embed_tokens.weight": (V, C), "model.norm.weight": (C,),
        "model.layers.0.input_layernorm.weight": (C,), "model.layers.0.post_attention_layernorm.weight": (C,),
        "model.layers.0.self_attn.q_proj.weight": (C, C), "model.layers.0.self_attn.k_proj.weight": (C // 2, C),
        "model.layers.0.self_attn.v_proj.weight": (C // 2, C), "model.layers.0.self_attn.o_proj.weight": (C, C),
        "model.layers.0.mlp.gate_proj.weight": (F, C), "model.layers.0.mlp.up_proj.weight": (F, C),
        "model.layers.0.mlp.down_proj.weight": (C, F),
    }),
    "bert": (full, {
        "bert.embeddings.word_embeddings.weight": (V, C), "bert.embeddings.position_embeddings.weight": (T, C),
        "bert.embeddings.token_type_embeddings.weight": (2, C),
        **{f"bert.embeddings.LayerNorm.{part}": (C,) for part in ("weight", "bias")},
        **{f"bert.encoder.layer.0.attention.self.{p}.weight": (C, C) for p in ("query", "key", "value")},
        **{f"bert.encoder.layer.0.attention.self.{p}.bias": (C,) for p in ("query", "key", "value")},
        "bert.encoder.layer.0.attention.output.dense.weight": (C, C), "bert.encoder.layer.0.attention.output.dense.bias": (C,),
        **{f"bert.encoder.layer.0.attention.output.LayerNorm.{part}": (C,) for part in ("weight", "bias")},
        "bert.encoder.layer.0.intermediate.dense.weight": (F, C), "bert.encoder.layer.0.intermediate.dense.bias": (F,),
        "bert.encoder.layer.0.output.dense.weight": (C, F), "bert.encoder.layer.0.output.dense.bias": (C,),
        **{f"bert.encoder.layer.0.output.LayerNorm.{part}": (C,) for part in ("weight", "bias")},
        "bert.pooler.dense.weight": (C, C), "bert.pooler.dense.bias": (C,),
        "cls.predictions.transform.dense.weight": (C, C), "cls.predictions.transform.dense.bias": (C,),
        **{f"cls.predictions.transform.LayerNorm.{part}": (C,) for part in ("weight", "bias")},
        "cls.predictions.decoder.weight": (V, C), "cls.predictions.decoder.bias": (V,), "cls.predictions.bias": (V,),
        "cls.seq_relationship.weight": (2, C), "cls.seq_relationship.bias": (2,),
    }),
    "t5": (lambda **options: small_t5(activation="geglu", head_dim=3, **options), {
        "shared.weight": (V, C), "lm_head.weight": (V, C),
        **{f"{stack}.final_layer_norm.weight": (C,) for stack in ("encoder", "decoder")},
        **{f"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight": (4, 2) for stack in ("encoder", "decoder")},
        **{f"{a}.{p}.weight": (6, C) if p != "o" else (C, 6) for p in "qkvo" for a in (
            "encoder.block.0.layer.0.SelfAttention", "decoder.block.0.layer.0.SelfAttention",
            "decoder.block.0.layer.1.EncDecAttention",
        )},
        **{f"encoder.block.0.layer.{i}.layer_norm.weight": (C,) for i in range(2)},
        **{f"decoder.block.0.layer.{i}.layer_norm.weight": (C,) for i in range(3)},
        **{f"{ff}.DenseReluDense.{w}.weight": (C, F) if w == "wo" else (F, C) for w in ("wi_0", "wi_1", "wo") for ff in (
            "encoder.block.0.layer.1", "decoder.block.0.layer.2",
        )},
    }),
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_names_and_shapes(tmp_path, name):
    make, expected = NAMES[name]
    make(**ONE).save_pretrained(tmp_path)
    assert {key: array.shape for key, array in load_file(tmp_path / "model.safetensors").items()} == expected


@pytest.mark.parametrize("name", NAMES)
def test_a_tied_head_is_not_written(tmp_path, name):
    make, expected = NAMES[name]
    make(n_layers=1, tie_embeddings=True).save_pretrained(tmp_path)
    heads = {"lm_head.weight", "cls.predictions.decoder.weight"}
    assert set(load_file(tmp_path / "model.safetensors")) == set(expected) - heads


# Where a shape says too little: which of several alike.
PLACES = {
    "gpt2": {
        "transformer.h.0.ln_1.weight": "layers.0.attention_norm.weight",
        "transformer.h.0.ln_2.bias": "layers.0.feed_forward_norm.bias",
        "transformer.ln_f.weight": "norm.weight", "lm_head.weight": "head.weight",
    },
    "llama": {
        "model.embed_tokens.weight": "embedding.weight", "lm_head.weight": "head.weight", "model.norm.weight": "norm.weight",
        "model.layers.0.input_layernorm.weight": "layers.0.attention_norm.weight",
        "model.layers.0.post_attention_layernorm.weight": "layers.0.feed_forward_norm.weight",
        "model.layers.0.self_attn.q_proj.weight": "layers.0.attention.q_proj.weight",
        "model.layers.0.self_attn.k_proj.weight": "layers.0.attention.k_proj.weight",
        "model.layers.0.self_attn.v_proj.weight": "layers.0.attention.v_proj.weight",
        "model.layers.0.self_attn.o_proj.weight": "layers.0.attention.o_proj.weight",
        "model.layers.0.mlp.gate_proj.weight": "layers.0.feed_forward.gate.weight",
        "model.layers.0.mlp.up_proj.weight": "layers.0.feed_forward.up.weight",
    },
    "bert": {
        "bert.embeddings.word_embeddings.weight": "embedding.weight", "bert.embeddings.LayerNorm.bias": "embedding_norm.bias",
        **{f"bert.encoder.layer.0.attention.self.{theirs}.{part}": f"layers.0.attention.{ours}_proj.{part}"
           for theirs, ours in (("query", "q"), ("key", "k"), ("value", "v")) for part in ("weight", "bias")},
        "bert.encoder.layer.0.attention.output.dense.weight": "layers.0.attention.o_proj.weight",
        "bert.encoder.layer.0.attention.output.LayerNorm.weight": "layers.0.attention_norm.weight",
        "bert.encoder.layer.0.output.LayerNorm.weight": "layers.0.feed_forward_norm.weight",
        "bert.encoder.layer.0.output.dense.bias": "layers.0.feed_forward.down.bias",
        "bert.pooler.dense.weight": "pooler.weight", "cls.predictions.transform.dense.weight": "head.dense.weight",
        "cls.predictions.transform.LayerNorm.weight": "head.norm.weight", "cls.predictions.decoder.weight": "head.decoder",
        "cls.predictions.decoder.bias": "head.bias", "cls.predictions.bias": "head.bias",
    },
    "t5": {
        "shared.weight": "embedding.weight", "lm_head.weight": "head.weight",
        **{f"{a}.{p}.weight": f"{b}.{p}_proj.weight" for p in "qkvo" for a, b in (
            ("encoder.block.0.layer.0.SelfAttention", "encoder.layers.0.attention"),
            ("decoder.block.0.layer.0.SelfAttention", "decoder.layers.0.attention"),
            ("decoder.block.0.layer.1.EncDecAttention", "decoder.layers.0.cross_attention"),
        )},
        **{f"{a}.layer_norm.weight": f"{b}_norm.weight" for a, b in (
            ("encoder.block.0.layer.0", "encoder.layers.0.attention"),
            ("encoder.block.0.layer.1", "encoder.layers.0.feed_forward"),
            ("decoder.block.0.layer.0", "decoder.layers.0.attention"), ("decoder.block.0.layer.1", "decoder.layers.0.cross"),
            ("decoder.block.0.layer.2", "decoder.layers.0.feed_forward"),
        )},
        "encoder.block.0.layer.1.DenseReluDense.wi_0.weight": "encoder.layers.0.feed_forward.gate.weight",
        "decoder.block.0.layer.2.DenseReluDense.wi_1.weight": "decoder.layers.0.feed_forward.up.weight",
        "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight": "encoder.score_bias.weight",
        "decoder.final_layer_norm.weight": "decoder.norm.weight",
    },
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_what_lies_where(tmp_path, name):
    model = NAMES[name][0](**ONE)
    model.save_pretrained(tmp_path)
    arrays, ours = load_file(tmp_path / "model.safetensors"), dict(model.named_parameters())
    for theirs_, ours_ in PLACES[name].items():
        np.testing.assert_array_equal(arrays[theirs_], ours[ours_].data, err_msg=theirs_)


def test_gpt2s_projections_are_transposed_and_three_of_them_one(tmp_path):
    model = gpt2(**ONE)
    model.save_pretrained(tmp_path)
    arrays, attention = load_file(tmp_path / "model.safetensors"), model.layers[0].attention
    for i, projection in enumerate((attention.q_proj, attention.k_proj, attention.v_proj)):
        part = slice(C * i, C * (i + 1))
        np.testing.assert_array_equal(arrays["transformer.h.0.attn.c_attn.weight"][:, part], projection.weight.data.T)
        np.testing.assert_array_equal(arrays["transformer.h.0.attn.c_attn.bias"][part], projection.bias.data)
    np.testing.assert_array_equal(arrays["transformer.h.0.attn.c_proj.weight"], attention.o_proj.weight.data.T)


@pytest.mark.parametrize("options, architecture, prefix", [
    ({}, "BertForPreTraining", "bert."), ({"pooler": False, "next_sentence": False}, "BertForMaskedLM", "bert."),
    ({"masked_head": False}, "BertForNextSentencePrediction", "bert."),
    ({"masked_head": False, "next_sentence": False}, "BertModel", ""),
])  # fmt: skip
def test_berts_heads_name_the_architecture(tmp_path, options, architecture, prefix):
    model = full(**options)
    model.save_pretrained(tmp_path)
    assert config_of(tmp_path)["architectures"] == [architecture]
    names = set(load_file(tmp_path / "model.safetensors"))
    assert f"{prefix}embeddings.LayerNorm.weight" in names
    assert (f"{prefix}pooler.dense.bias" in names) == model.config.pooler
    again = Bert.from_pretrained(tmp_path).config
    assert (again.pooler, again.masked_head, again.next_sentence) == (
        model.config.pooler, model.config.masked_head, model.config.next_sentence,
    )  # fmt: skip
