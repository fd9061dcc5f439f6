"""Models and data so small that a hundred steps take a second."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinyllm import backend
from tinyllm.data import CausalWindows, LabelledBatches, MaskedWindows
from tinyllm.data.batching import Batch
from tinyllm.models import (
    GPT,
    Autoencoder,
    AutoencoderConfig,
    Bert,
    BertConfig,
    GPTConfig,
    SentenceEncoder,
    Seq2Seq,
    Seq2SeqConfig,
    SequenceClassifier,
    SpanReader,
    TokenClassifier,
)
from tinyllm.training import (
    Causal,
    Classification,
    Contrastive,
    Masked,
    MaskedAndNext,
    Reconstruction,
    SequenceToSequence,
    SpanExtraction,
    TokenClassification,
    TrainConfig,
)

VOCAB, CONTEXT, MASK = 11, 8, 10
TOKENS = (np.arange(400) * 7 + np.arange(400) // 5) % 9          # some order, so that there is something to learn
TAGS = ("O", "B-A", "I-A")
OBJECTIVES: dict[str, Any] = {
    "causal": Causal, "masked": Masked, "classification": Classification, "masked-next": MaskedAndNext,
    "sequences": SequenceToSequence, "tags": lambda: TokenClassification(TAGS), "spans": SpanExtraction,
    "contrastive": lambda: Contrastive(temperature=0.5), "reconstruction": Reconstruction,
}
KINDS = tuple(OBJECTIVES)


def model_of(kind: str, dropout: float = 0.2, seed: int = 0) -> Any:
    sizes: dict[str, Any] = {
        "vocab_size": VOCAB, "context": CONTEXT, "n_layers": 1, "n_heads": 2, "d_model": 8, "dropout": dropout
    }
    backend.manual_seed(seed)
    if kind == "causal":
        return GPT(GPTConfig(**sizes))
    if kind == "sequences":
        return Seq2Seq(Seq2SeqConfig(**sizes, start_id=9))
    if kind == "reconstruction":
        return Autoencoder(AutoencoderConfig(**sizes, d_code=4))
    if kind == "masked-next":
        return Bert(BertConfig(**sizes, n_segments=2, pooler=True, next_sentence=True))
    bert = Bert(BertConfig(**sizes))
    return {
        "masked": lambda: bert, "classification": lambda: SequenceClassifier(bert, 3, dropout=dropout),
        "tags": lambda: TokenClassifier(bert, 3, dropout), "spans": lambda: SpanReader(bert, dropout),
        "contrastive": lambda: SentenceEncoder(bert),
    }[kind]()


def objective_of(kind: str) -> Any:
    return OBJECTIVES[kind]()


class Rows:
    """All rows as one batch, of which each step takes some."""

    def __init__(self, rows: Batch, size: int, seed: int) -> None:
        self.rows, self.size, self.seed, self.n = rows, size, seed, len(rows["ids"])

    def batch(self, step: int) -> Batch:
        chosen = np.random.default_rng([self.seed, step]).permutation(self.n)[: self.size]
        return {name: array[chosen] for name, array in self.rows.items()}

    def evaluation(self) -> Iterator[Batch]:
        for start in range(0, self.n, self.size):
            yield {name: array[start : start + self.size] for name, array in self.rows.items()}


def rows_of(kind: str, n: int) -> Batch:
    """Rows of 3 to 8 tokens with what the objective asks for, computed from them: it can be learned."""
    ids = np.stack([TOKENS[i : i + CONTEXT] for i in range(0, 3 * n, 3)])                   # (n, 8)
    lengths = 3 + np.arange(n) % 6
    mask = np.arange(CONTEXT) < lengths[:, None]
    rows: Batch = {"ids": np.where(mask, ids, 0), "attention_mask": mask}
    first = ids[:, 0]
    if kind == "masked-next":
        hidden = mask & (np.arange(CONTEXT) % (2 + np.arange(n) % 3)[:, None] == 1)         # rows hide differently many
        targets = np.where(hidden, ids, -100)
        segments = (np.arange(CONTEXT) >= lengths[:, None] // 2).astype(int)
        return rows | {
            "ids": np.where(hidden, MASK, rows["ids"]), "targets": targets, "segment_ids": segments, "labels": first % 2
        }
    if kind == "sequences":
        targets = np.where(mask, ids, -100)
        return rows | {"decoder_ids": np.concatenate([np.full((n, 1), 9), rows["ids"][:, :-1]], axis=1), "targets": targets}
    if kind == "tags":
        inside = ids % 3 == 0
        after = np.concatenate([np.zeros((n, 1), bool), inside[:, :-1]], axis=1)
        tags = np.where(inside, np.where(after, 2, 1), 0)
        return rows | {"targets": np.where(mask & (np.arange(CONTEXT) % 4 != 3), tags, -100)}
    if kind == "spans":
        starts = first % 3
        return rows | {"starts": starts, "ends": np.minimum(starts + first % 2, lengths - 1)}
    if kind == "reconstruction":
        return rows | {"input_ids": np.where(np.arange(CONTEXT) % 4 == 2, MASK, rows["ids"])}
    return rows | {"other_ids": (rows["ids"] + 1) % 9 * mask, "other_mask": mask}


def sources_of(kind: str, batch: int = 5) -> tuple[Any, Any]:
    """What to learn from and what is held out. Rows of a batch count differently many targets, except in causal windows."""
    if kind == "causal":
        return CausalWindows(TOKENS, CONTEXT, batch, seed=3), CausalWindows(TOKENS[:60], CONTEXT, batch)
    if kind == "masked":
        return tuple(
            MaskedWindows(tokens, CONTEXT, batch, 3, MASK, VOCAB, p=0.4, special_ids=[9]) for tokens in (TOKENS, TOKENS[:60])
        )
    if kind != "classification":
        return Rows(rows_of(kind, 40), batch, seed=3), Rows(rows_of(kind, 12), batch, seed=3)
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
