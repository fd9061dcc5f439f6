"""GPT-2 as Hugging Face lays it out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .layout import Field, Layout, Only, Row, plain_heads

FIELDS = (
    Field("vocab_size", "vocab_size", 50257),
    Field("n_positions", "context", 1024),
    Field("n_embd", "d_model", 768),
    Field("n_layer", "n_layers", 12),
    Field("n_head", "n_heads", 12),
    Field("n_inner", "d_hidden", None),
    Field("activation_function", "activation", "gelu_new", {
        "gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh", "gelu_fast": "gelu_tanh", "gelu": "gelu", "relu": "relu",
    }),
    Field("layer_norm_epsilon", "norm_eps", 1e-5),
    Field("resid_pdrop", "dropout", 0.1),
    Field("tie_word_embeddings", "tie_embeddings", True),
)
ALIASES = {
    "hidden_size": "n_embd", "max_position_embeddings": "n_positions", "num_attention_heads": "n_head",
    "num_hidden_layers": "n_layer",
}
ONLY = (
    Only("scale_attn_weights", True, "attention divides by √d here"),
    Only("scale_attn_by_inverse_layer_idx", False, "all layers scale their scores alike here"),
)

# Their projections are x W, those of queries, keys and values in one matrix.
ROWS = (
    Row("wte.weight", ("embedding.weight",)),
    Row("wpe.weight", ("positions.weight",)),
    Row("h.{i}.ln_1.weight", ("layers.{i}.attention_norm.weight",)),
    Row("h.{i}.ln_1.bias", ("layers.{i}.attention_norm.bias",)),
    Row("h.{i}.attn.c_attn.weight", tuple(f"layers.{{i}}.attention.{p}_proj.weight" for p in "qkv"), transposed=True),
    Row("h.{i}.attn.c_attn.bias", tuple(f"layers.{{i}}.attention.{p}_proj.bias" for p in "qkv")),
    Row("h.{i}.attn.c_proj.weight", ("layers.{i}.attention.o_proj.weight",), transposed=True),
    Row("h.{i}.attn.c_proj.bias", ("layers.{i}.attention.o_proj.bias",)),
    Row("h.{i}.ln_2.weight", ("layers.{i}.feed_forward_norm.weight",)),
    Row("h.{i}.ln_2.bias", ("layers.{i}.feed_forward_norm.bias",)),
    Row("h.{i}.mlp.c_fc.weight", ("layers.{i}.feed_forward.up.weight",), transposed=True),
    Row("h.{i}.mlp.c_fc.bias", ("layers.{i}.feed_forward.up.bias",)),
    Row("h.{i}.mlp.c_proj.weight", ("layers.{i}.feed_forward.down.weight",), transposed=True),
    Row("h.{i}.mlp.c_proj.bias", ("layers.{i}.feed_forward.down.bias",)),
    Row("ln_f.weight", ("norm.weight",)),
    Row("ln_f.bias", ("norm.bias",)),
    Row("lm_head.weight", ("head.weight",)),
)


def _reads(values: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {}


def _writes(ours: Mapping[str, Any]) -> dict[str, Any] | None:
    if not plain_heads(ours):
        return None
    return {
        "architectures": ["GPT2LMHeadModel"], "embd_pdrop": ours["dropout"], "attn_pdrop": ours["dropout"],
        "bos_token_id": None, "eos_token_id": None,             # without a word on them, 50256
    }


LAYOUT = Layout(
    model_type="gpt2", kind="gpt", kinds=("gpt",), base="GPT2Model", prefix="transformer.", head="lm_head.",
    fields=FIELDS, fixed={"bias": True, "norm": "layer", "norm_first": True, "positions": "learned"}, only=ONLY,
    aliases=ALIASES,
    rows=lambda ours: ROWS, reads=_reads, writes=_writes,
    tied={"lm_head.weight": "wte.weight"}, unused=(r"h\.\d+\.attn\.(masked_)?bias",),
)
