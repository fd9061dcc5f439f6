"""Configs: every field is checked, once."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from tinyllm.models import AutoencoderConfig, BertConfig, GPTConfig, LlamaConfig, Seq2SeqConfig, T5Config


@pytest.mark.parametrize(
    "field, value, error, match",
    [
        ("d_model", 30, ValueError, "d_model 30 does not split into 4 heads: pick a multiple of 4"),
        ("n_kv_heads", 3, ValueError, "4 heads do not share 3"),
        ("activation", "tanh", ValueError, "no activation 'tanh': choose one of relu"),
        ("norm", "batch", ValueError, "no norm 'batch': choose one of layer, rms"),
        ("positions", "none", ValueError, "no positions 'none'"),
        ("dropout", 1.0, ValueError, "dropout 1.0"),
        ("dropout", float("nan"), ValueError, "dropout nan"),
        ("vocab_size", 0, ValueError, "vocab_size is 0"),
        ("n_layers", -1, ValueError, "n_layers is -1"),
        ("n_layers", 10**12, ValueError, "n_layers is 1000000000000"),
        ("context", 1 << 22, ValueError, "is more than"),
        ("d_hidden", 0, ValueError, "d_hidden is 0"),
        ("d_model", 128.0, TypeError, "d_model is 128.0: it must be of type int"),
        ("n_heads", True, TypeError, "n_heads is True"),
        ("bias", 1, TypeError, "bias is 1"),
        ("norm", None, TypeError, "norm is None"),
        ("dropout", "0", TypeError, "dropout is '0'"),
        ("head_dim", 0, ValueError, "head_dim is 0"),
        ("head_dim", 1 << 22, ValueError, "is more than 268,435,456"),
        ("head_dim", 2.0, TypeError, "head_dim is 2.0: it must be of type int | None"),
        ("norm_eps", 0.0, ValueError, "norm_eps 0.0 keeps a norm from dividing by 0"),
        ("norm_eps", float("nan"), ValueError, "norm_eps nan"),
        ("norm_eps", "1e-5", TypeError, "norm_eps is '1e-5'"),
        ("rope_base", 1.0, ValueError, "rope_base 1.0 makes angles that fall"),
        ("rope_base", float("inf"), ValueError, "rope_base inf"),
        ("rope_base", None, TypeError, "rope_base is None"),
        ("relative_buckets", 0, ValueError, "relative_buckets is 0"),
        ("relative_distance", 1.5, TypeError, "relative_distance is 1.5"),
    ],
)
@pytest.mark.parametrize("kind", [GPTConfig, LlamaConfig, BertConfig, Seq2SeqConfig, T5Config, AutoencoderConfig])
def test_bad_fields(kind, field, value, error, match):
    with pytest.raises(error, match=match):
        replace(kind(65), **{field: value})


def test_heads_as_wide_as_they_are_told():
    assert GPTConfig(65).d_head == 32 and GPTConfig(65, head_dim=48).d_head == 48
    assert GPTConfig(65, d_model=30, n_heads=4, head_dim=6).d_head == 6
    with pytest.raises(ValueError, match="heads of 5 are odd"):
        LlamaConfig(65, head_dim=5)
    with pytest.raises(ValueError, match="4194304 heads of 2 are wider than"):
        GPTConfig(65, context=1, n_heads=1 << 22, head_dim=2)


def test_fields_of_one_kind():
    for make, match in [
        (lambda: Seq2SeqConfig(65, start_id=65), "start_id 65 is none of 65 tokens"),
        (lambda: Seq2SeqConfig(65, start_id=-1), "start_id is -1: choose one from 0"),
        (lambda: Seq2SeqConfig(65, n_decoder_layers=0), "n_decoder_layers is 0"),
        (lambda: BertConfig(65, n_segments=-1), "n_segments is -1: choose one from 0"),
        (lambda: BertConfig(65, next_sentence=True), "pooler=True as well"),
        (lambda: AutoencoderConfig(65, d_code=0), "d_code is 0: choose one from 1"),
        (lambda: GPTConfig.from_dict({"vocab_size": 65, "n_segments": 2}), "GPTConfig has no field n_segments"),
    ]:
        with pytest.raises(ValueError, match=match):
            make()


def test_the_choices_of_each_family():
    """What the papers say, where it differs; the sizes are those of a laptop."""
    for kind, expected in [
        (GPTConfig, {"bias": False, "activation": "gelu_tanh", "norm": "layer", "positions": "learned"}),
        (LlamaConfig, {"bias": False, "activation": "swiglu", "norm": "rms", "positions": "rotary", "rope_base": 10000.0}),
        (BertConfig, {"bias": True, "activation": "gelu", "n_segments": 0, "pooler": False, "masked_head": True}),
        (Seq2SeqConfig, {"bias": True, "activation": "relu", "positions": "sinusoidal", "start_id": 0}),
        (T5Config, {"bias": False, "activation": "relu", "norm": "rms", "norm_eps": 1e-6, "positions": "relative",
                    "relative_buckets": 32, "relative_distance": 128, "tie_embeddings": True, "start_id": 0}),
    ]:
        config = kind(65)
        assert {name: getattr(config, name) for name in expected} == expected
        assert config.norm_first and config.dropout == 0.0 and config.head_dim is None and config.d_head == 32


def test_pairs_need_even_widths():
    with pytest.raises(ValueError, match="heads of 3 are odd"):
        GPTConfig(65, d_model=12, n_heads=4, positions="rotary")
    with pytest.raises(ValueError, match="d_model 3 is odd"):
        GPTConfig(65, d_model=3, n_heads=1, positions="sinusoidal")


def test_configs_go_through_dictionaries():
    config = GPTConfig(65, n_layers=3, n_kv_heads=2)
    assert GPTConfig.from_dict(asdict(config)) == config
    assert GPTConfig.from_dict({"vocab_size": 65}) == GPTConfig(65)
    with pytest.raises(ValueError, match="GPTConfig has no field n_layer"):
        GPTConfig.from_dict({"vocab_size": 65, "n_layer": 3})
    with pytest.raises(ValueError, match="needs vocab_size"):
        GPTConfig.from_dict({})
