"""Small models at random, drawn by hypothesis over every choice a config has."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.nn.support import shaken
from tinyllm.models import GPT, Bert, BertConfig, GPTConfig

VOCABULARY, CONTEXT = 11, 12

OPTIONS = st.fixed_dictionaries(
    {
        "n_layers": st.integers(1, 2),
        "n_kv_heads": st.sampled_from([None, 1]),
        "bias": st.booleans(),
        "activation": st.sampled_from(["relu", "gelu", "gelu_tanh", "swiglu"]),
        "norm": st.sampled_from(["layer", "rms"]),
        "norm_first": st.booleans(),
        "positions": st.sampled_from(["learned", "sinusoidal", "rotary"]),
        "tie_embeddings": st.booleans(),
    }
)
SEEDS = st.integers(0, 2**31)


def config(kind: type, **options: Any) -> Any:
    return kind(VOCABULARY, **{"context": CONTEXT, "n_layers": 2, "n_heads": 2, "d_model": 8, "d_hidden": 12, **options})


def gpt(seed: int = 0, dtype: Any = np.float64, **options: Any) -> tuple[GPT, np.random.Generator]:
    rng = np.random.default_rng(seed)
    return shaken(GPT(config(GPTConfig, **options)), rng).to(dtype=dtype).eval(), rng


def bert(seed: int = 0, dtype: Any = np.float64, **options: Any) -> tuple[Bert, np.random.Generator]:
    rng = np.random.default_rng(seed)
    return shaken(Bert(config(BertConfig, **options)), rng).to(dtype=dtype).eval(), rng


def padded(rng: np.random.Generator, lengths: list[int], side: str) -> tuple[np.ndarray, np.ndarray]:
    """Random ids (B, T) with padding, itself random, on one side, and the mask."""
    longest = max(lengths)
    ids = rng.integers(0, VOCABULARY, (len(lengths), longest))
    place = np.arange(longest)[None]
    n = np.array(lengths)[:, None]
    return ids, place < n if side == "right" else place >= longest - n
