"""Configs: every field is checked, once."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from tinyllm.models import BertConfig, GPTConfig


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
    ],
)
@pytest.mark.parametrize("kind", [GPTConfig, BertConfig])
def test_bad_fields(kind, field, value, error, match):
    with pytest.raises(error, match=match):
        replace(kind(65), **{field: value})


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
