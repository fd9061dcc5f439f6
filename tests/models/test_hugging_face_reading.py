"""Files in Hugging Face's layout as others write them: older spellings, buffers, absent keys; and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from tests.models.hugging_face import (
    MAKERS,
    answer,
    changed,
    config_of,
    full,
    gpt2,
    rewritten,
    small_llama,
    small_t5,
)
from tinyllm.models import GPT, Bert, Llama, Pretrained
from tinyllm.models.hugging_face import LAYOUTS

T = 12                  # places of the models that MAKERS make

# ------------------------------------------------------------ files as others write them


@pytest.fixture(params=sorted(MAKERS))
def theirs(request, tmp_path):
    """A folder in their layout, and the model in it."""
    model = MAKERS[request.param][0]()
    model.save_pretrained(tmp_path)
    return request.param, tmp_path, model


BUFFERS = {
    "gpt2": {"h.0.attn.bias": np.ones((1, 1, T, T), np.uint8), "h.1.attn.masked_bias": np.full((), -1e4, np.float32)},
    "llama": {"layers.1.self_attn.rotary_emb.inv_freq": np.ones(2, np.float32), "rotary_emb.inv_freq": np.ones(2, np.float32)},
    "bert": {"embeddings.position_ids": np.arange(T)[None]},
    "t5": {"decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight": np.ones((4, 2), np.float32)},
}
PREFIXES = {layout.model_type: layout.prefix for layout in LAYOUTS}


def test_buffers_are_no_weights(theirs):
    name, folder, model = theirs
    rewritten(folder, lambda arrays: arrays.update({PREFIXES[name] + key: array for key, array in BUFFERS[name].items()}))
    np.testing.assert_array_equal(answer(Pretrained.from_pretrained(folder)), answer(model))


def test_names_without_the_prefix_are_the_same(theirs):
    name, folder, model = theirs

    def bare(arrays: dict) -> None:
        for key in list(arrays):
            arrays[key.removeprefix(PREFIXES[name])] = arrays.pop(key)

    rewritten(folder, bare)
    np.testing.assert_array_equal(answer(Pretrained.from_pretrained(folder)), answer(model))


COPIES = {
    "gpt2": ("transformer.wte.weight", ["lm_head.weight"]), "llama": ("model.embed_tokens.weight", ["lm_head.weight"]),
    "bert": ("bert.embeddings.word_embeddings.weight", ["cls.predictions.decoder.weight"]),
    "t5": ("shared.weight", ["encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight"]),
}  # fmt: skip


def test_copies_of_a_tied_array(theirs):
    """They may be there too, or alone, and are the same; one that differs is told of, not dropped."""
    name, folder, model = theirs
    source, copies = COPIES[name]
    arrays = rewritten(folder, lambda arrays: arrays.update({copy: arrays[source].copy() for copy in copies}))
    np.testing.assert_array_equal(answer(Pretrained.from_pretrained(folder)), answer(model))
    save_file({key: array for key, array in arrays.items() if key != source}, folder / "model.safetensors")
    np.testing.assert_array_equal(answer(Pretrained.from_pretrained(folder)), answer(model))
    arrays[copies[-1]][0, 0] += 1
    if len(copies) > 1:
        save_file({key: array for key, array in arrays.items() if key != source}, folder / "model.safetensors")
        with pytest.raises(ValueError, match=rf"{copies[-1]} and {copies[0]} are one array by the config, but differ"):
            Pretrained.from_pretrained(folder)
    save_file(arrays, folder / "model.safetensors")
    with pytest.raises(ValueError, match=rf"{copies[-1]} and {source} are one array by the config, but differ"):
        Pretrained.from_pretrained(folder)


def test_older_spellings(tmp_path):
    """BERT's norms once had gamma and beta; Llama's base of angles, and T5's scale, stood elsewhere."""
    model = full()
    model.save_pretrained(tmp_path / "bert")
    rewritten(tmp_path / "bert", lambda arrays: [
        arrays.update({key.replace("Norm.weight", "Norm.gamma").replace("Norm.bias", "Norm.beta"): arrays.pop(key)})
        for key in list(arrays) if "LayerNorm" in key
    ])  # fmt: skip
    np.testing.assert_array_equal(answer(Bert.from_pretrained(tmp_path / "bert")), answer(model))
    rope = small_llama(rope_base=17.0)
    rope.save_pretrained(tmp_path / "llama")
    for fields in (
        {"rope_theta": 17.0, "rope_scaling": None}, {"rope_parameters": {"type": "default", "rope_theta": 17}},
        {"rope_parameters": {"rope_theta": 17.0}, "rope_theta": 10000.0},
        {"rope_scaling": {"rope_type": "default"}, "rope_theta": 17.0},
    ):  # fmt: skip
        values = {key: value for key, value in config_of(tmp_path / "llama").items() if not key.startswith("rope")}
        (tmp_path / "llama" / "config.json").write_text(json.dumps({**values, **fields}))
        np.testing.assert_array_equal(answer(Llama.from_pretrained(tmp_path / "llama")), answer(rope))
    for tied in (True, False):
        model = small_t5(tie_embeddings=tied, start_id=3)
        model.save_pretrained(tmp_path / "t5")
        values = config_of(tmp_path / "t5")
        del values["scale_decoder_outputs"], values["decoder_start_token_id"]       # the start is then the padding token
        (tmp_path / "t5" / "config.json").write_text(json.dumps(values))
        again = Pretrained.from_pretrained(tmp_path / "t5")
        assert again.config.start_id == 3
        np.testing.assert_array_equal(answer(again), answer(model))


def test_the_bias_of_the_masked_head_has_two_names(tmp_path):
    """The decoder's own counts where both are there: the other is then a copy that Transformers does not compute with."""
    model = full()
    model.save_pretrained(tmp_path)
    for name in ("cls.predictions.bias", "cls.predictions.decoder.bias"):
        rewritten(tmp_path, lambda arrays, name=name: arrays.pop(name))
        np.testing.assert_array_equal(answer(Bert.from_pretrained(tmp_path)), answer(model))
        model.save_pretrained(tmp_path)
    rewritten(tmp_path, lambda arrays: arrays["cls.predictions.bias"].fill(7))
    np.testing.assert_array_equal(answer(Bert.from_pretrained(tmp_path)), answer(model))


DEFAULTS = {
    "gpt2": {"vocab_size": 50257, "context": 1024, "d_model": 768, "n_layers": 12, "n_heads": 12, "d_hidden": None,
             "activation": "gelu_tanh", "norm_eps": 1e-5, "dropout": 0.1, "tie_embeddings": True},
    "llama": {"vocab_size": 32000, "context": 2048, "d_model": 4096, "n_layers": 32, "n_heads": 32, "d_hidden": 11008,
              "n_kv_heads": None, "head_dim": None, "norm_eps": 1e-6, "tie_embeddings": False, "rope_base": 10000.0},
    "bert": {"vocab_size": 30522, "context": 512, "d_model": 768, "n_layers": 12, "n_heads": 12, "d_hidden": 3072,
             "n_segments": 2, "norm_eps": 1e-12, "tie_embeddings": True, "activation": "gelu"},
    "t5": {"vocab_size": 32128, "d_model": 512, "n_layers": 6, "n_heads": 8, "head_dim": 64, "d_hidden": 2048,
           "relative_buckets": 32, "relative_distance": 128, "activation": "relu", "tie_embeddings": True, "start_id": 0},
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.model_type)
def test_an_absent_key_means_what_it_means_to_transformers(layout):
    for values in ({}, {field.theirs: None for field in layout.fields}):
        got = layout.config(values, [])
        assert {name: got[name] for name in DEFAULTS[layout.model_type]} == DEFAULTS[layout.model_type]


# ------------------------------------------------------------ what is refused

REFUSED = [
    ("gpt2", {"scale_attn_weights": False}, "scale_attn_weights is False, only True can be read: attention divides"),
    ("gpt2", {"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx is True"),
    ("gpt2", {"add_cross_attention": True}, "add_cross_attention is True"),
    ("gpt2", {"activation_function": "mish"}, "activation_function is 'mish', only gelu_new, gelu"),
    ("gpt2", {"activation_function": ["relu"]}, "activation_function is"),
    ("gpt2", {"pruned_heads": {"0": [1]}}, "pruned_heads is"),
    ("gpt2", {"quantization_config": {"bits": 4}}, "quantization_config is"),
    ("gpt2", {"n_head": 3}, "d_model 8 does not split into 3 heads"),
    ("gpt2", {"n_layer": 3}, "h.2.ln_1.weight is missing"),
    ("gpt2", {"n_layer": 1}, "transformer.h.1.attn.c_attn.bias is unexpected"),
    ("gpt2", {"n_layer": 4_000_000}, "they are not of one model"),
    ("gpt2", {"n_positions": 13}, r"transformer.wpe.weight has shape \(12, 8\), the config says \(13, 8\)"),
    ("gpt2", {"n_inner": 13}, r"transformer.h.0.mlp.c_fc.weight has shape \(8, 12\), the config says \(8, 13\)"),
    ("gpt2", {"vocab_size": 4_000_000, "n_embd": 4_000_000}, "the files hold"),
    ("gpt2", {"tie_word_embeddings": False}, "lm_head.weight is missing"),
    ("gpt2", {"layer_norm_epsilon": 0}, "norm_eps"),
    ("gpt2", {"layer_norm_epsilon": float("nan")}, "norm_eps"),
    ("gpt2", {"model_type": "opt"}, "no model_type 'opt': this version knows .*gpt2"),
    ("gpt2", {"num_attention_heads": 3}, "d_model 8 does not split into 3 heads"),
    ("gpt2", {"num_hidden_layers": 3}, "h.2.ln_1.weight is missing"),
    ("llama", {"is_causal": False}, "is_causal is False"),
    ("llama", {"rope_parameters": {"rope_theta": 10**400}}, "rope_base is an integer beyond the largest float"),
    ("t5", {"num_hidden_layers": 3}, "layer.*is missing"),
    ("llama", {"attention_bias": True}, "attention_bias is True, only False can be read: a Llama has biases"),
    ("llama", {"mlp_bias": True}, "mlp_bias is True"),
    ("llama", {"hidden_act": "relu"}, "hidden_act is 'relu', only silu"),
    ("llama", {"rope_scaling": {"rope_type": "llama3", "factor": 8}}, "rope_scaling is of type 'llama3': only 'default'"),
    ("llama", {"rope_scaling": {"type": "linear", "factor": 2}}, "rope_scaling is of type 'linear'"),
    ("llama", {"rope_parameters": {"rope_type": "yarn"}}, "rope_parameters is of type 'yarn'"),
    ("llama", {"rope_parameters": {"full_attention": {"rope_theta": 2}}}, "rope_parameters is"),
    ("llama", {"rope_parameters": [1]}, "rope_parameters is"),
    ("llama", {"rope_parameters": {"partial_rotary_factor": 0.5}}, "rope_parameters turns a part"),
    ("llama", {"rope_interleaved": True}, "rope_interleaved is True"),
    ("llama", {"partial_rotary_factor": 0.5}, "partial_rotary_factor is 0.5"),
    ("llama", {"rope_parameters": {"rope_theta": "much"}}, "rope_base is 'much'"),
    ("llama", {"rope_parameters": {"rope_theta": -1.0}}, "rope_base"),
    ("llama", {"head_dim": 3}, "heads of 3 are odd"),
    ("llama", {"num_key_value_heads": 1}, "the config says"),
    ("llama", {"max_position_embeddings": 1 << 22, "head_dim": 10}, "the table of positions would have 41,943,040 numbers"),
    ("bert", {"position_embedding_type": "relative_key"}, "position_embedding_type is 'relative_key'"),
    ("bert", {"is_decoder": True}, "is_decoder is True"),
    ("bert", {"hidden_act": "silu"}, "hidden_act is 'silu', only gelu, gelu_new, gelu_pytorch_tanh, gelu_fast, relu"),
    ("bert", {"type_vocab_size": 3}, r"token_type_embeddings.weight has shape \(2, 8\), the config says \(3, 8\)"),
    ("t5", {"is_encoder_decoder": False}, "is_encoder_decoder is False"),
    ("t5", {"feed_forward_proj": "gated-tanh"}, "feed_forward_proj is 'gated-tanh'"),
    ("t5", {"feed_forward_proj": "gated-gelu"}, "wi_0.weight is missing"),
    ("t5", {"scale_decoder_outputs": False}, "lm_head.weight is missing"),
    ("t5", {"tie_encoder_decoder": True}, "tie_encoder_decoder is True"),
    ("t5", {"num_decoder_layers": 4_000_000}, "they are not of one model"),
    ("t5", {"decoder_start_token_id": 11}, "start_id 11 is none of 11 tokens"),
]  # fmt: skip


def test_names_that_would_write_on_the_screen(tmp_path):
    gpt2().save_pretrained(tmp_path)
    rewritten(tmp_path, lambda arrays: arrays.update({"x\x1b[2J": np.zeros(1, np.float32)}))
    with pytest.raises(ValueError, match=r"names an array 'x\\x1b\[2J'"):
        Pretrained.from_pretrained(tmp_path)


@pytest.mark.parametrize("name, fields, match", REFUSED)
def test_what_no_model_here_computes_is_refused(tmp_path, name, fields, match):
    MAKERS[name][0]().save_pretrained(tmp_path)
    changed(tmp_path, **fields)
    with pytest.raises(ValueError, match=match):
        Pretrained.from_pretrained(tmp_path)


def test_two_names_of_one_array(tmp_path):
    gpt2().save_pretrained(tmp_path)
    rewritten(tmp_path, lambda arrays: arrays.update({"ln_f.bias": arrays["transformer.ln_f.bias"].copy()}))
    with pytest.raises(ValueError, match=r"ln_f.bias and (transformer\.)?ln_f.bias are names of the same array"):
        Pretrained.from_pretrained(tmp_path)


def test_the_other_class_is_named(tmp_path):
    full().save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="holds a Bert, not a GPT"):
        GPT.from_pretrained(tmp_path)
