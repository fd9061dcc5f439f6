"""Small models that are exactly one of Hugging Face's, by the name of the architecture, and what is done with their folders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from tests.models.support import full_bert, gpt, llama, t5

IDS = np.array([[1, 2, 3, 4]])

TIED = st.booleans()
GPT2 = st.fixed_dictionaries({"activation": st.sampled_from(["relu", "gelu", "gelu_tanh"]), "tie_embeddings": TIED})
LLAMA = st.fixed_dictionaries({"n_kv_heads": st.sampled_from([None, 1]), "head_dim": st.sampled_from([None, 6]),
                               "rope_base": st.sampled_from([10000.0, 17.0]), "tie_embeddings": TIED})
BERT = st.fixed_dictionaries({"n_segments": st.integers(1, 3), "tie_embeddings": TIED})
T5 = st.fixed_dictionaries({"activation": st.sampled_from(["relu", "gelu", "geglu", "swiglu"]), "tie_embeddings": TIED,
                            "head_dim": st.integers(1, 5), "n_decoder_layers": st.sampled_from([None, 1]),
                            "start_id": st.integers(0, 5)})
EPS = st.sampled_from([None, 1e-12, 1e-2])


def gpt2(seed: int = 0, **options: Any) -> Any:
    return gpt(seed, np.float32, **{"bias": True, **options})[0]


def small_llama(seed: int = 0, **options: Any) -> Any:
    return llama(seed, np.float32, **options)[0]


def full(seed: int = 0, **options: Any) -> Any:
    return full_bert(seed, np.float32, **{"norm_first": False, **options})[0]


def small_t5(seed: int = 0, **options: Any) -> Any:
    return t5(seed, np.float32, **options)[0]


MAKERS = {"gpt2": (gpt2, GPT2), "llama": (small_llama, LLAMA), "bert": (full, BERT), "t5": (small_t5, T5)}
DRAWN = st.sampled_from(sorted(MAKERS)).flatmap(lambda name: st.tuples(st.just(name), MAKERS[name][1]))


def answer(model: Any) -> np.ndarray:
    """What a model says, all parts of it that it has."""
    if hasattr(model, "decode"):
        return model(IDS, IDS[:, ::-1]).data
    h = model.hidden(IDS)
    parts = [h]
    if getattr(model.config, "masked_head", True):
        parts.append(model(IDS))
    if getattr(model.config, "pooler", False):
        parts.append(model.pooled(h))
    if getattr(model.config, "next_sentence", False):
        parts.append(model.next_sentence(model.pooled(h)))
    return np.concatenate([part.data.ravel() for part in parts])


def config_of(folder: Path) -> dict:
    return json.loads((folder / "config.json").read_text())


def changed(folder: Path, **fields: Any) -> None:
    (folder / "config.json").write_text(json.dumps({**config_of(folder), **fields}))


def rewritten(folder: Path, change: Any) -> dict:
    """The weights with some of them changed, and their new names and numbers."""
    path = folder / "model.safetensors"
    arrays = {name: array.copy() for name, array in load_file(path).items()}
    change(arrays)
    save_file(arrays, path)
    return arrays
