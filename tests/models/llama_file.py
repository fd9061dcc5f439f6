"""A Llama as a GGUF file, as llama.cpp's converter writes it."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.gguf import support
from tests.gguf.support import F32, STRING, U32, floats
from tinyllm.models import Llama

PARTS = {
    "attn_norm": "attention_norm", "attn_q": "attention.q_proj", "attn_k": "attention.k_proj", "attn_v": "attention.v_proj",
    "attn_output": "attention.o_proj", "ffn_norm": "feed_forward_norm", "ffn_gate": "feed_forward.gate",
    "ffn_up": "feed_forward.up", "ffn_down": "feed_forward.down",
}


def metadata(model: Llama) -> dict[str, support.Typed]:
    c = model.config
    return {
        "general.architecture": (STRING, "llama"), "llama.block_count": (U32, c.n_layers),
        "llama.context_length": (U32, c.context), "llama.embedding_length": (U32, c.d_model),
        "llama.feed_forward_length": (U32, c.d_hidden), "llama.attention.head_count": (U32, c.n_heads),
        "llama.attention.head_count_kv": (U32, c.n_kv_heads or c.n_heads), "llama.attention.key_length": (U32, c.d_head),
        "llama.attention.layer_norm_rms_epsilon": (F32, c.norm_eps), "llama.rope.freq_base": (F32, c.rope_base),
        "llama.rope.dimension_count": (U32, c.d_head),
    }


def tensors(model: Llama) -> dict[str, Any]:
    c, state = model.config, model.state_dict()
    arrays = {"token_embd.weight": state["embedding.weight"], "output_norm.weight": state["norm.weight"]}
    if not c.tie_embeddings:
        arrays["output.weight"] = state["head.weight"]
    for i in range(c.n_layers):
        for theirs, ours in PARTS.items():
            array = state[f"layers.{i}.{ours}.weight"]
            if theirs in ("attn_q", "attn_k"):
                heads = c.n_heads if theirs == "attn_q" else c.n_kv_heads or c.n_heads
                array = interleaved(array, heads)
            arrays[f"blk.{i}.{theirs}.weight"] = array
    return {name: floats(array) for name, array in arrays.items()}


def interleaved(weight: np.ndarray, n_heads: int) -> np.ndarray:
    """llama.cpp's order of the rows of q and k (convert_hf_to_gguf.py, `permute`)."""
    halves = weight.reshape(n_heads, 2, weight.shape[0] // n_heads // 2, weight.shape[1])
    return halves.swapaxes(1, 2).reshape(weight.shape)
