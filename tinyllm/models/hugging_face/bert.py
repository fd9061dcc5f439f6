"""BERT as Hugging Face lays it out: the trunk, with or without the heads of its pretraining."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .layout import Field, Layout, Only, Row, plain_heads

FIELDS = (
    Field("vocab_size", "vocab_size", 30522),
    Field("max_position_embeddings", "context", 512),
    Field("hidden_size", "d_model", 768),
    Field("num_hidden_layers", "n_layers", 12),
    Field("num_attention_heads", "n_heads", 12),
    Field("intermediate_size", "d_hidden", 3072),
    Field("type_vocab_size", "n_segments", 2),
    Field("hidden_act", "activation", "gelu", {
        "gelu": "gelu", "gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh", "gelu_fast": "gelu_tanh", "relu": "relu",
    }),
    Field("layer_norm_eps", "norm_eps", 1e-12),
    Field("hidden_dropout_prob", "dropout", 0.1),
    Field("tie_word_embeddings", "tie_embeddings", True),
)
ONLY = (Only("position_embedding_type", "absolute", "positions are learned vectors, added to the tokens'"),)

_LINEAR = {
    "attention.self.query": "attention.q_proj", "attention.self.key": "attention.k_proj",
    "attention.self.value": "attention.v_proj", "attention.output.dense": "attention.o_proj",
    "attention.output.LayerNorm": "attention_norm", "intermediate.dense": "feed_forward.up",
    "output.dense": "feed_forward.down", "output.LayerNorm": "feed_forward_norm",
}
ROWS = (
    Row("embeddings.word_embeddings.weight", ("embedding.weight",)),
    Row("embeddings.position_embeddings.weight", ("positions.weight",)),
    Row("embeddings.token_type_embeddings.weight", ("segments.weight",)),
    Row("embeddings.LayerNorm.weight", ("embedding_norm.weight",)),
    Row("embeddings.LayerNorm.bias", ("embedding_norm.bias",)),
    *(
        Row(f"encoder.layer.{{i}}.{theirs}.{part}", (f"layers.{{i}}.{ours}.{part}",))
        for theirs, ours in _LINEAR.items() for part in ("weight", "bias")
    ),
    Row("pooler.dense.weight", ("pooler.weight",)),
    Row("pooler.dense.bias", ("pooler.bias",)),
    Row("cls.predictions.transform.dense.weight", ("head.dense.weight",)),
    Row("cls.predictions.transform.dense.bias", ("head.dense.bias",)),
    Row("cls.predictions.transform.LayerNorm.weight", ("head.norm.weight",)),
    Row("cls.predictions.transform.LayerNorm.bias", ("head.norm.bias",)),
    Row("cls.predictions.decoder.weight", ("head.decoder",)),
    Row("cls.predictions.decoder.bias", ("head.bias",)),        # the one that Transformers adds, where a file has both
    Row("cls.predictions.bias", ("head.bias",)),
    Row("cls.seq_relationship.weight", ("next_head.weight",)),
    Row("cls.seq_relationship.bias", ("next_head.bias",)),
)

SIGNS = {
    "pooler": "pooler.dense.weight", "masked_head": "cls.predictions.transform.dense.weight",
    "next_sentence": "cls.seq_relationship.weight",
}
"""The parts that a BERT may have, and the array that shows it. What a file holds counts, not what its architecture is called:
bert-base-uncased says BertForMaskedLM and holds all three."""

ARCHITECTURES = {
    ("pooler",): "BertModel", ("masked_head",): "BertForMaskedLM", ("pooler", "next_sentence"): "BertForNextSentencePrediction",
    ("pooler", "masked_head", "next_sentence"): "BertForPreTraining",
}


def _reads(values: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    names = set(names)
    return {part: sign in names for part, sign in SIGNS.items()}


def _writes(ours: Mapping[str, Any]) -> dict[str, Any] | None:
    architecture = ARCHITECTURES.get(tuple(part for part in SIGNS if ours[part]))
    if architecture is None or not ours["n_segments"] or not plain_heads(ours):
        return None
    return {
        "architectures": [architecture], "attention_probs_dropout_prob": ours["dropout"],
        "pad_token_id": None,                   # no row of the embedding is frozen here; theirs freezes this one
    }


LAYOUT = Layout(
    model_type="bert", kind="bert", kinds=("bert",), base="BertModel", prefix="bert.", head="cls.",
    fields=FIELDS, fixed={"bias": True, "norm": "layer", "norm_first": False, "positions": "learned"}, only=ONLY,
    rows=lambda ours: ROWS, reads=_reads, writes=_writes,
    tied={"cls.predictions.decoder.weight": "embeddings.word_embeddings.weight"},
    unused=(r"embeddings\.(position_ids|token_type_ids)",),
    renamed={"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"},
)
