"""The models whose training step is measured, their batches, and the optimiser's numbers. Plain NumPy: no peer has to import
tinyllm to know them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Config:
    """gpt: learned positions, tied embeddings, norms first, no biases. seq2seq: the Transformer paper's, encoder and decoder of
    `layers` each. bert: an encoder as the paper has it (norms last, segments, biases) with two classes at [CLS].

    `context` tokens a text, no padding. `rounds` are as many as the whole run's time allows.
    """

    family: str
    layers: int
    heads: int
    width: int
    context: int
    batch: int
    vocab: int = 65
    gelu: str = "tanh"
    steps_a_round: int = 1
    rounds: int = 7

    def __str__(self) -> str:
        what = {"gpt": "GPT", "seq2seq": "encoder-decoder, in each", "bert": "BERT classifier"}[self.family]
        bend = "ReLU" if self.family == "seq2seq" else {"tanh": "tanh GELU", "none": "exact GELU"}[self.gelu]
        return (
            f"{what} {self.layers} layers, {self.heads} heads, {self.width} wide, context {self.context}, batch {self.batch}, "
            f"vocabulary {self.vocab:,}, {bend}"
        )


CONFIGS = {
    "S": Config("gpt", 4, 4, 128, 64, 12, steps_a_round=16),                 # nanoGPT's recipe for a CPU
    "S exact": Config("gpt", 4, 4, 128, 64, 12, gelu="none", steps_a_round=16),
    "M": Config("gpt", 6, 6, 384, 256, 8, rounds=5),
    "M exact": Config("gpt", 6, 6, 384, 256, 8, gelu="none", rounds=4),
    "Seq2Seq": Config("seq2seq", 2, 4, 128, 32, 32, vocab=2048, steps_a_round=4),
    "BERT": Config("bert", 6, 12, 384, 128, 8, vocab=30522, gelu="none", rounds=5),         # MiniLM's size
    "tiny": Config("gpt", 1, 2, 16, 8, 4, steps_a_round=2),                 # for the tests
}
SIZES = {                                                                   # S, narrower and wider: heads of 32
    f"{width} wide": Config("gpt", 4, width // 32, width, 64, 12, steps_a_round=steps, rounds=5)
    for width, steps in ((32, 64), (64, 32), (128, 16), (256, 6), (512, 2), (768, 1))
}
CONFIGS |= SIZES
LR, BETAS, EPS, WEIGHT_DECAY = 1e-3, (0.9, 0.95), 1e-8, 0.1                 # matrices decay, vectors do not
N_BATCHES = 8


def batches(config: Config) -> list[dict[str, np.ndarray]]:
    """What every contender sees, in this order, over and over."""
    rng = np.random.default_rng(1)
    shape = (config.batch, config.context)
    found = []
    for _ in range(N_BATCHES):
        row = rng.integers(0, config.vocab, (config.batch, config.context + 1))
        batch = {"ids": row[:, :-1].copy()}
        if config.family == "gpt":
            batch["targets"] = row[:, 1:].copy()
        elif config.family == "seq2seq":
            target = rng.integers(0, config.vocab, shape)
            batch |= {"decoder_ids": np.roll(target, 1, axis=1), "targets": target, "attention_mask": np.ones(shape, bool)}
        else:
            batch |= {"labels": rng.integers(0, 2, config.batch), "attention_mask": np.ones(shape, bool)}
        found.append(batch)
    return found
