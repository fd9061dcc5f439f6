"""Small models at random, drawn by hypothesis over every choice a config has."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.nn.support import shaken
from tinyllm import backend
from tinyllm import functional as F
from tinyllm.models import GPT, T5, Autoencoder, Bert, Llama, SentenceEncoder, Seq2Seq, SequenceClassifier, SpanReader

VOCABULARY, CONTEXT = 11, 12

CHOICES = {
    "n_layers": st.integers(1, 2),
    "n_kv_heads": st.sampled_from([None, 1]),
    "bias": st.booleans(),
    "activation": st.sampled_from(["relu", "gelu", "gelu_tanh", "swiglu", "geglu"]),
    "norm": st.sampled_from(["layer", "rms"]),
    "norm_first": st.booleans(),
    "positions": st.sampled_from(["learned", "sinusoidal", "rotary", "relative", "alibi"]),
    "tie_embeddings": st.booleans(),
    "head_dim": st.sampled_from([None, 6]),
}
OPTIONS = st.fixed_dictionaries(CHOICES)
SEQ2SEQ_OPTIONS = st.fixed_dictionaries({**CHOICES, "n_decoder_layers": st.sampled_from([None, 1])})
SEEDS = st.integers(0, 2**31)
SIDES = st.sampled_from(["left", "right"])
LENGTHS = st.lists(st.integers(1, CONTEXT), min_size=1, max_size=3)

# Few buckets of relative positions, so that short sequences reach all of them.
SMALL = {
    "context": CONTEXT, "n_layers": 2, "n_heads": 2, "d_model": 8, "d_hidden": 12,
    "relative_buckets": 4, "relative_distance": 8,
}


def config(kind: type, **options: Any) -> Any:
    return kind(VOCABULARY, **{**SMALL, **options})


def made(kind: Any, seed: int = 0, dtype: Any = np.float64, **options: Any) -> tuple[Any, np.random.Generator]:
    """A model of the kind with all its parameters at random, and a generator for its inputs."""
    rng = np.random.default_rng(seed)
    return shaken(kind(config(kind.config_class, **options)), rng).to(dtype=dtype).eval(), rng


def gpt(seed: int = 0, dtype: Any = np.float64, **options: Any) -> tuple[GPT, np.random.Generator]:
    return made(GPT, seed, dtype, **options)


def llama(seed: int = 0, dtype: Any = np.float64, **options: Any) -> tuple[Llama, np.random.Generator]:
    return made(Llama, seed, dtype, **options)


def bert(seed: int = 0, dtype: Any = np.float64, **options: Any) -> tuple[Bert, np.random.Generator]:
    return made(Bert, seed, dtype, **options)


def full_bert(seed: int = 0, dtype: Any = np.float64, **options: Any) -> tuple[Bert, np.random.Generator]:
    """With segments, a pooler and both heads."""
    return made(Bert, seed, dtype, **{"n_segments": 2, "pooler": True, "next_sentence": True, **options})


def seq2seq(seed: int = 0, dtype: Any = np.float64, **options: Any) -> tuple[Seq2Seq, np.random.Generator]:
    return made(Seq2Seq, seed, dtype, **options)


def t5(seed: int = 0, dtype: Any = np.float64, **options: Any) -> tuple[T5, np.random.Generator]:
    return made(T5, seed, dtype, **options)


def padded(rng: np.random.Generator, lengths: list[int], side: str) -> tuple[np.ndarray, np.ndarray]:
    """Random ids (B, T) with padding, itself random, on one side, and the mask."""
    longest = max(lengths)
    ids = rng.integers(0, VOCABULARY, (len(lengths), longest))
    place = np.arange(longest)[None]
    n = np.array(lengths)[:, None]
    return ids, place < n if side == "right" else place >= longest - n


def others(rng: np.random.Generator, ids: np.ndarray) -> np.ndarray:
    """Of the same shape, with another token at every place."""
    return (ids + rng.integers(1, VOCABULARY, ids.shape)) % VOCABULARY


def loss_of(model: Any, ids: np.ndarray, mask: np.ndarray | None, device: str = "cpu") -> Any:
    """A loss for a model of any kind, on 2 texts."""
    ids_there, classes = backend.to_device(ids, device), backend.to_device(np.array([0, 2]), device)
    if isinstance(model, Seq2Seq):
        return F.cross_entropy(model(ids, ids, mask), ids_there)
    if isinstance(model, Autoencoder):
        return F.mse_loss(model(ids, mask), model.targets(ids))
    if isinstance(model, SentenceEncoder | SequenceClassifier):
        return F.cross_entropy(model(ids, mask), classes)
    if isinstance(model, SpanReader):
        return F.cross_entropy(model(ids, mask)[..., 0], classes)
    if isinstance(model, Bert) and model.pooler is not None:
        h = model.hidden(ids, mask, ids % 2)
        judged = model.next_sentence(model.pooled(h, mask))
        return F.cross_entropy(model.head(h), ids_there) + F.cross_entropy(judged, backend.to_device(np.array([0, 1]), device))
    targets = backend.to_device(np.where(ids > 5, ids, -100), device)
    return F.cross_entropy(model(ids, mask), targets, label_smoothing=0.1)
