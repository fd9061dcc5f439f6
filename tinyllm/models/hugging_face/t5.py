"""T5 as Hugging Face lays it out: 1.0 (ReLU, tied head) and 1.1 (gated GELU, a head of its own)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .layout import Field, Layout, Only, Row

FIELDS = (
    Field("vocab_size", "vocab_size", 32128),
    Field("n_positions", "context", 512),
    Field("d_model", "d_model", 512),
    Field("d_kv", "head_dim", 64),
    Field("d_ff", "d_hidden", 2048),
    Field("num_layers", "n_layers", 6),
    Field("num_decoder_layers", "n_decoder_layers", None),
    Field("num_heads", "n_heads", 8),
    Field("relative_attention_num_buckets", "relative_buckets", 32),
    Field("relative_attention_max_distance", "relative_distance", 128),
    Field("feed_forward_proj", "activation", "relu", {
        "relu": "relu", "gated-gelu": "geglu", "gelu": "gelu", "gelu_new": "gelu_tanh", "gated-silu": "swiglu",
    }),
    Field("layer_norm_epsilon", "norm_eps", 1e-6),
    Field("dropout_rate", "dropout", 0.1),
)
ALIASES = {
    "hidden_size": "d_model", "head_dim": "d_kv", "num_attention_heads": "num_heads", "num_hidden_layers": "num_layers",
}
ONLY = (Only("is_encoder_decoder", True, "the encoder alone is no T5 here"),)


def _attention(stack: str, sublayer: str, ours: str) -> tuple[Row, ...]:
    theirs, ours = f"{stack}.block.{{i}}.layer.{sublayer}", f"{stack}.layers.{{i}}.{ours}"
    return tuple(Row(f"{theirs}.{p}.weight", (f"{ours}.{p}_proj.weight",)) for p in "qkvo")


def _stack(stack: str, last: int, gated: bool) -> tuple[Row, ...]:
    """Encoder or decoder; `last` is the number of the feed-forward sublayer in a layer."""
    theirs, ours = f"{stack}.block.{{i}}.layer", f"{stack}.layers.{{i}}"
    inner = {"wi_0": "gate", "wi_1": "up", "wo": "down"} if gated else {"wi": "up", "wo": "down"}
    bias = f"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"      # the first layer's serves all
    return (
        Row(bias, (f"{stack}.score_bias.weight",)),
        Row(f"{theirs}.0.layer_norm.weight", (f"{ours}.attention_norm.weight",)),
        *_attention(stack, "0.SelfAttention", "attention"),
        *(Row(f"{theirs}.{last}.DenseReluDense.{a}.weight", (f"{ours}.feed_forward.{b}.weight",)) for a, b in inner.items()),
        Row(f"{theirs}.{last}.layer_norm.weight", (f"{ours}.feed_forward_norm.weight",)),
        Row(f"{stack}.final_layer_norm.weight", (f"{stack}.norm.weight",)),
    )


def _rows(ours: Mapping[str, Any]) -> tuple[Row, ...]:
    gated = ours["activation"] in ("geglu", "swiglu")
    return (
        Row("shared.weight", ("embedding.weight",)),
        *_stack("encoder", 1, gated),
        *_stack("decoder", 2, gated),
        Row("decoder.block.{i}.layer.1.layer_norm.weight", ("decoder.layers.{i}.cross_norm.weight",)),
        *_attention("decoder", "1.EncDecAttention", "cross_attention"),
        Row("lm_head.weight", ("head.weight",)),
    )


def _reads(values: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """A tied head scales, one of its own does not: before Transformers 5 one key said both, now one says how it scales."""
    tied = values.get("scale_decoder_outputs", values.get("tie_word_embeddings", True))
    start = values.get("decoder_start_token_id")
    start = values.get("pad_token_id") if start is None else start      # T5 starts with the padding token
    return {"tie_embeddings": tied, "start_id": 0 if start is None else start}


def _writes(ours: Mapping[str, Any]) -> dict[str, Any] | None:
    if ours["n_kv_heads"] != ours["n_heads"]:
        return None
    tied, start = ours["tie_embeddings"], ours["start_id"]
    return {
        "architectures": ["T5ForConditionalGeneration"], "is_encoder_decoder": True, "tie_word_embeddings": tied,
        "scale_decoder_outputs": tied, "decoder_start_token_id": start, "pad_token_id": start, "eos_token_id": None,
    }


LAYOUT = Layout(
    model_type="t5", kind="t5", kinds=("t5",), base="T5ForConditionalGeneration", prefix="", head="lm_head.",
    fields=FIELDS, fixed={"bias": False, "norm": "rms", "norm_first": True, "positions": "relative"}, only=ONLY,
    aliases=ALIASES,
    rows=_rows, reads=_reads, writes=_writes,
    tied={name: "shared.weight" for name in ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight")},
    unused=(r"decoder\.block\.0\.layer\.1\.EncDecAttention\.relative_attention_bias\.weight",),
)
