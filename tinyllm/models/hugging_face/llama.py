"""Llama, and the many models built like it, as Hugging Face lays them out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .layout import Field, Layout, Only, Row

FIELDS = (
    Field("vocab_size", "vocab_size", 32000),
    Field("max_position_embeddings", "context", 2048),
    Field("hidden_size", "d_model", 4096),
    Field("num_hidden_layers", "n_layers", 32),
    Field("num_attention_heads", "n_heads", 32),
    Field("num_key_value_heads", "n_kv_heads", None),
    Field("head_dim", "head_dim", None),
    Field("intermediate_size", "d_hidden", 11008),
    Field("hidden_act", "activation", "silu", {"silu": "swiglu", "swish": "swiglu"}),
    Field("rms_norm_eps", "norm_eps", 1e-6),
    Field("attention_dropout", "dropout", 0.0),
    Field("tie_word_embeddings", "tie_embeddings", False),
)
ONLY = (
    Only("attention_bias", False, "a Llama has biases everywhere or nowhere here"),
    Only("mlp_bias", False, "a Llama has biases everywhere or nowhere here"),
    Only("is_causal", True, "all layers are causal here"),
    Only("rope_interleaved", False, "rotary positions turn the features i and i + d/2 together here"),
    Only("partial_rotary_factor", 1.0, "rotary positions turn all features of a head here"),
)
ROWS = (
    Row("embed_tokens.weight", ("embedding.weight",)),
    Row("layers.{i}.input_layernorm.weight", ("layers.{i}.attention_norm.weight",)),
    Row("layers.{i}.self_attn.q_proj.weight", ("layers.{i}.attention.q_proj.weight",)),
    Row("layers.{i}.self_attn.k_proj.weight", ("layers.{i}.attention.k_proj.weight",)),
    Row("layers.{i}.self_attn.v_proj.weight", ("layers.{i}.attention.v_proj.weight",)),
    Row("layers.{i}.self_attn.o_proj.weight", ("layers.{i}.attention.o_proj.weight",)),
    Row("layers.{i}.post_attention_layernorm.weight", ("layers.{i}.feed_forward_norm.weight",)),
    Row("layers.{i}.mlp.gate_proj.weight", ("layers.{i}.feed_forward.gate.weight",)),
    Row("layers.{i}.mlp.up_proj.weight", ("layers.{i}.feed_forward.up.weight",)),
    Row("layers.{i}.mlp.down_proj.weight", ("layers.{i}.feed_forward.down.weight",)),
    Row("norm.weight", ("norm.weight",)),
    Row("lm_head.weight", ("head.weight",)),
)


def _reads(values: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The base of the rotary angles: in rope_parameters, or, in files before Transformers 5, a key of its own."""
    rope: dict[str, Any] = {}
    for key in ("rope_parameters", "rope_scaling"):
        value = values.get(key) or {}
        if not isinstance(value, dict) or any(isinstance(inner, dict) for inner in value.values()):
            raise ValueError(f"{key} is {value!r}: one set of names and numbers, for all layers, can be read")
        kind = value.get("rope_type", value.get("type", "default"))
        if kind != "default":
            raise ValueError(f"{key} is of type {kind!r}: only 'default' can be read, angles that fall evenly with the feature")
        if value.get("partial_rotary_factor") not in (None, 1, 1.0):
            raise ValueError(f"{key} turns a part of the features: rotary positions turn all features of a head here")
        rope |= value
    return {"rope_base": rope.get("rope_theta", values.get("rope_theta", 10000.0))}


def _writes(ours: Mapping[str, Any]) -> dict[str, Any] | None:
    if ours["d_model"] % ours["n_heads"]:       # which Transformers refuses, even if head_dim says how wide a head is
        return None
    base = ours["rope_base"]
    return {
        "architectures": ["LlamaForCausalLM"], "rope_parameters": {"rope_type": "default", "rope_theta": base},
        "rope_theta": base, "attention_bias": False, "mlp_bias": False, "bos_token_id": None, "eos_token_id": None,
    }


LAYOUT = Layout(
    model_type="llama", kind="llama", kinds=("gpt", "llama"), base="LlamaModel", prefix="model.", head="lm_head.",
    fields=FIELDS, fixed={"bias": False, "norm": "rms", "norm_first": True, "positions": "rotary"}, only=ONLY,
    rows=lambda ours: ROWS, reads=_reads, writes=_writes,
    tied={"lm_head.weight": "embed_tokens.weight"}, unused=(r"(layers\.\d+\.self_attn\.)?rotary_emb\.inv_freq",),
)
