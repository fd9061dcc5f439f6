"""Models from GGUF files: which of its keys is which field of the config, which tensor which parameter."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..gguf import GGUF
from ..nn import init
from .config import LlamaConfig
from .pretrained import LARGEST_TABLE

if TYPE_CHECKING:
    from .llama import Llama

TENSORS = {
    "attn_norm": "attention_norm", "attn_q": "attention.q_proj", "attn_k": "attention.k_proj", "attn_v": "attention.v_proj",
    "attn_output": "attention.o_proj", "ffn_norm": "feed_forward_norm", "ffn_gate": "feed_forward.gate",
    "ffn_up": "feed_forward.up", "ffn_down": "feed_forward.down",
}
# Keys that change what a model computes, and the values that leave it as it is here. A factor without a type is linear.
ONLY: dict[str, tuple[Any, ...]] = {
    "llama.expert_count": (0,), "llama.rope.scaling.type": ("none",), "llama.rope.scaling.factor": (0, 1),
    "llama.rope.scale_linear": (0, 1), "llama.attention.causal": (True,), "llama.attention.sliding_window": (0,),
    "llama.attention.clamp_kqv": (0,), "llama.attention.scale": (0,), "llama.logit_scale": (0, 1),
    "llama.attn_logit_softcapping": (0,), "llama.final_logit_softcapping": (0,), "llama.use_parallel_residual": (False,),
}
EMBEDDING, NORM, HEAD = "token_embd.weight", "output_norm.weight", "output.weight"


def read_llama(kind: type[Llama], path: str | os.PathLike[str]) -> Any:
    """What `Llama.from_gguf` answers."""
    file = GGUF(path)
    config = _config(file)
    names = {"embedding.weight": EMBEDDING, "norm.weight": NORM}
    if not config.tie_embeddings:
        names["head.weight"] = HEAD
    for i in range(config.n_layers):
        names |= {f"layers.{i}.{ours}.weight": f"blk.{i}.{theirs}.weight" for theirs, ours in TENSORS.items()}
    problems = [f"{name} is missing" for name in names.values() if name not in file.tensors]
    problems += [f"{name} is unexpected" for name in file.tensors.keys() - names.values()]
    _raise_for(problems, file)
    try:
        with init.skipped():
            model = kind(config)
    except MemoryError as error:
        raise ValueError(f"{file.path}: a model of the metadata's sizes needs more memory than there is: {config}") from error
    parameters = dict(model.named_parameters())
    found = {ours: file.tensors[theirs].shape for ours, theirs in names.items()}
    _raise_for(
        (f"{theirs} has shape {found[ours]}, the metadata says {parameters[ours].shape}" for ours, theirs in names.items()
         if found[ours] != parameters[ours].shape), file,
    )
    heads = {"attn_q": config.n_heads, "attn_k": config.n_kv_heads or config.n_heads}
    for ours, theirs in names.items():
        array, n_heads = file.tensor(theirs), heads.get(theirs.split(".")[-2])
        parameters[ours].data[...] = array if n_heads is None else halves_from_neighbours(array, n_heads)
    return model.eval()


def halves_from_neighbours(weight: np.ndarray, n_heads: int) -> np.ndarray:
    """The rows of a query or key matrix in the order of `functional.rotary`, from llama.cpp's: (n_heads · D, C) → the same.

    Both turn a head's features in pairs: llama.cpp rows 2i and 2i + 1, `rotary` rows i and i + D/2.
    """
    pairs = weight.reshape(n_heads, -1, 2, weight.shape[-1])                        # (H, D/2, 2, C)
    return np.swapaxes(pairs, 1, 2).reshape(weight.shape)


def _config(file: GGUF) -> LlamaConfig:
    about = file.metadata
    architecture = about.get("general.architecture")
    if not isinstance(architecture, str) or architecture != "llama":
        raise ValueError(f"{file.path} is of the architecture {repr(architecture)[:40]}: Llama reads 'llama'")
    n_layers = about.get("llama.block_count")
    if isinstance(n_layers, int) and n_layers > len(file.tensors):
        raise ValueError(f"{file.path}: {n_layers} layers, {len(file.tensors)} tensors: they are not of one model")
    for key, values in ONLY.items():
        value = about.get(key, values[0])
        if not isinstance(value, int | float | str) or value not in values:
            raise ValueError(f"{file.path} has {key} {str(value)[:40]!r}, which Llama does not compute: take a model without")
    fields: dict[str, Any] = {
        "vocab_size": file.tensors[EMBEDDING].shape[0] if EMBEDDING in file.tensors else None, "n_layers": n_layers,
        "context": about.get("llama.context_length"), "d_model": about.get("llama.embedding_length"),
        "n_heads": about.get("llama.attention.head_count"), "d_hidden": about.get("llama.feed_forward_length"),
        "norm_eps": about.get("llama.attention.layer_norm_rms_epsilon"),
    }
    if lacking := [name for name, value in fields.items() if value is None]:
        raise ValueError(f"{file.path} does not say {', '.join(lacking)}: this is no whole llama file")
    try:
        config = LlamaConfig(
            **fields, n_kv_heads=about.get("llama.attention.head_count_kv"), head_dim=about.get("llama.attention.key_length"),
            rope_base=about.get("llama.rope.freq_base", 10000.0), tie_embeddings=HEAD not in file.tensors,
        )
    except (TypeError, ValueError) as error:
        raise ValueError(f"{file.path}: {error}") from error
    for key, what in (("llama.rope.dimension_count", "turns"), ("llama.attention.value_length", "has values of")):
        width = about.get(key, config.d_head)
        if not isinstance(width, int) or width != config.d_head:
            raise ValueError(f"{file.path} {what} {repr(width)[:40]} of a head's {config.d_head} features: Llama takes all")
    if (asked := config.context * config.d_head) > LARGEST_TABLE:
        raise ValueError(f"{file.path}: the table of angles would have {asked:,} numbers: a file may ask for {LARGEST_TABLE:,}")
    return config


def _raise_for(problems: Iterable[str], file: GGUF) -> None:
    problems = list(problems)
    if problems:
        more = f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise ValueError(f"{file.path}: its tensors do not fit its metadata: " + "; ".join(problems[:5]) + more)
