"""A float32 training step makes no float64 array, anywhere: not in a formula, a gradient or an optimiser."""

from __future__ import annotations

import traceback

import numpy as np
import pytest

from tests.models.support import config, loss_of
from tinyllm.models import (
    GPT,
    T5,
    Autoencoder,
    AutoencoderConfig,
    Bert,
    BertConfig,
    GPTConfig,
    Llama,
    LlamaConfig,
    SentenceEncoder,
    Seq2Seq,
    Seq2SeqConfig,
    SequenceClassifier,
    T5Config,
    TokenClassifier,
)
from tinyllm.optim import SGD, Adam, AdamW, Muon, clip_grad_norm, decay_groups, muon_groups

WIDE: list[str] = []


class Watched(np.ndarray):
    """An array whose descendants, through every ufunc, view and product, say so when they are float64."""

    def __array_finalize__(self, parent: object) -> None:
        if self.dtype == np.float64 and self.ndim:
            WIDE.append("".join(traceback.format_stack(limit=4)[:-1]))


def test_the_watch_works():
    WIDE.clear()
    x = np.ones(3, np.float32).view(Watched)
    assert type(np.exp(x[1:]) @ np.ones((2, 2), np.float32)) is Watched and not WIDE
    x * np.arange(3.0)
    assert len(WIDE) > 0
    WIDE.clear()


MODELS = {
    "gpt": lambda: GPT(config(GPTConfig, dropout=0.1)),
    "gpt, other choices": lambda: GPT(
        config(GPTConfig, positions="rotary", norm="rms", activation="swiglu", n_kv_heads=1, tie_embeddings=False, bias=True)
    ),
    "gpt, after norms": lambda: GPT(config(GPTConfig, positions="sinusoidal", norm_first=False, activation="relu")),
    "bert": lambda: Bert(config(BertConfig, dropout=0.1)),
    "classifier": lambda: SequenceClassifier(Bert(config(BertConfig)), 3, "mean", 0.1),
    "classifier, max": lambda: SequenceClassifier(GPT(config(GPTConfig)), 3, "max"),
    "classifier, last": lambda: SequenceClassifier(GPT(config(GPTConfig)), 3, "last"),
    "llama": lambda: Llama(config(LlamaConfig, n_kv_heads=1, dropout=0.1)),
    "alibi": lambda: GPT(config(GPTConfig, positions="alibi", head_dim=6)),
    "both objectives": lambda: Bert(config(BertConfig, n_segments=2, pooler=True, next_sentence=True, norm_first=False)),
    "seq2seq": lambda: Seq2Seq(config(Seq2SeqConfig, dropout=0.1)),
    "t5": lambda: T5(config(T5Config, activation="geglu", dropout=0.1)),
    "t5, own head": lambda: T5(config(T5Config, tie_embeddings=False)),
    "autoencoder": lambda: Autoencoder(config(AutoencoderConfig, d_code=3)),
    "tagger": lambda: TokenClassifier(Bert(config(BertConfig, positions="relative")), 11, 0.1),
    "encoder": lambda: SentenceEncoder(GPT(config(GPTConfig)), "mean"),
}
OPTIMISERS = {
    "sgd": lambda m: SGD(m.parameters(), 0.1, 0.9, True, 0.1),
    "adam": lambda m: Adam(m.parameters(), weight_decay=0.1),
    "adamw": lambda m: AdamW(decay_groups(m, 0.1)),
    "muon": lambda m: Muon(muon_groups(m, weight_decay=0.1)),
}


@pytest.mark.parametrize("padding", [False, True])
@pytest.mark.parametrize("name, optimiser", [*((name, "adamw") for name in MODELS), *(("gpt", o) for o in OPTIMISERS)])
def test_float32_stays_float32(name, optimiser, padding, rng):
    model = MODELS[name]()
    for p in model.parameters():
        p.data = p.data.view(Watched)
    moves = OPTIMISERS[optimiser](model)
    ids = rng.integers(0, 11, (2, 6))
    mask = np.array([[1, 1, 1, 1, 0, 0], [0, 1, 1, 1, 1, 1]]) if padding else None
    WIDE.clear()
    for _ in range(2):
        moves.zero_grad()
        loss = loss_of(model, ids, mask)
        loss.backward()
        clip_grad_norm(model.parameters(), 0.1)
        moves.step()
    assert not WIDE, WIDE[0]
    assert loss.dtype == np.float32
    for tensor in model.parameters():
        assert tensor.dtype == np.float32 and (tensor.grad is None or tensor.grad.dtype == np.float32)
    assert all(a.dtype == np.float32 for state in moves.state for a in state.values())
