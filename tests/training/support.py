"""Models and data so small that a hundred steps take a second."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyllm import backend
from tinyllm.data import CausalWindows, LabelledBatches, MaskedWindows
from tinyllm.models import GPT, Bert, BertConfig, GPTConfig, SequenceClassifier
from tinyllm.training import Causal, Classification, Masked, TrainConfig

VOCAB, CONTEXT, MASK = 11, 8, 10
TOKENS = (np.arange(400) * 7 + np.arange(400) // 5) % 9          # some order, so that there is something to learn


def model_of(kind: str, dropout: float = 0.2, seed: int = 0) -> Any:
    sizes = {"vocab_size": VOCAB, "context": CONTEXT, "n_layers": 1, "n_heads": 2, "d_model": 8, "dropout": dropout}
    backend.manual_seed(seed)
    if kind == "causal":
        return GPT(GPTConfig(**sizes))
    bert = Bert(BertConfig(**sizes))
    return bert if kind == "masked" else SequenceClassifier(bert, 3, dropout=dropout)


def objective_of(kind: str) -> Any:
    return {"causal": Causal, "masked": Masked, "classification": Classification}[kind]()


def sources_of(kind: str, batch: int = 5) -> tuple[Any, Any]:
    """What to learn from and what is held out. Rows of a batch count differently many targets, except in causal windows."""
    if kind == "causal":
        return CausalWindows(TOKENS, CONTEXT, batch, seed=3), CausalWindows(TOKENS[:60], CONTEXT, batch)
    if kind == "masked":
        return tuple(
            MaskedWindows(tokens, CONTEXT, batch, 3, MASK, VOCAB, p=0.4, special_ids=[9]) for tokens in (TOKENS, TOKENS[:60])
        )
    rows = [TOKENS[i : i + 2 + i % 7] for i in range(0, 60, 2)]
    labels = np.array([int(row[0]) % 3 for row in rows])
    return tuple(
        LabelledBatches(rows, labels, batch, CONTEXT, pad_id=0, seed=3, hide_p=hide, mask_id=MASK) for hide in (0.2, 0.0)
    )


def config_of(**changes: Any) -> TrainConfig:
    return TrainConfig(**{"steps": 12, "lr": 1e-2, "warmup": 2, "eval_every": 4, "log_every": 3, "workers": 2, **changes})


class Breaking:
    """A source that does something at one step of a run with a folder: raises, or sends a signal."""

    looks = 9           # batches by which a run knows its data, asked for before it begins

    def __init__(self, source: Any, step: int, act: Any) -> None:
        self.source, self.step, self.act, self.calls = source, step, act, 0

    def batch(self, step: int) -> Any:
        self.calls += 1
        if step == self.step and self.calls > self.looks:
            self.act()
        return self.source.batch(step)
