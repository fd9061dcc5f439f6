"""A float32 training step makes no float64 array, anywhere: not in a formula, a gradient or an optimiser."""

from __future__ import annotations

import traceback

import numpy as np
import pytest

from tests.models.support import config
from tinyllm import functional as F
from tinyllm.models import GPT, Bert, BertConfig, GPTConfig, SequenceClassifier
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
}
OPTIMISERS = {
    "sgd": lambda m: SGD(m.parameters(), 0.1, 0.9, True, 0.1),
    "adam": lambda m: Adam(m.parameters(), weight_decay=0.1),
    "adamw": lambda m: AdamW(decay_groups(m, 0.1)),
    "muon": lambda m: Muon(muon_groups(m, weight_decay=0.1)),
}


@pytest.mark.parametrize("padding", [False, True])
@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("name", MODELS)
def test_float32_stays_float32(name, optimiser, padding, rng):
    model = MODELS[name]()
    for p in model.parameters():
        p.data = p.data.view(Watched)
    moves = OPTIMISERS[optimiser](model)
    ids = rng.integers(0, 11, (2, 6))
    mask = np.array([[1, 1, 1, 1, 0, 0], [0, 1, 1, 1, 1, 1]]) if padding else None
    targets = rng.integers(0, 3, 2) if name.startswith("classifier") else np.where(ids > 5, ids, -100)
    WIDE.clear()
    for _ in range(2):
        moves.zero_grad()
        logits = model(ids, mask)
        loss = F.cross_entropy(logits, targets, label_smoothing=0.1)
        loss.backward()
        clip_grad_norm(model.parameters(), 0.1)
        moves.step()
    assert not WIDE, WIDE[0]
    assert logits.dtype == loss.dtype == np.float32
    for tensor in model.parameters():
        assert tensor.dtype == np.float32 and (tensor.grad is None or tensor.grad.dtype == np.float32)
    assert all(a.dtype == np.float32 for state in moves.state for a in state.values())
