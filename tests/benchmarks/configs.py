"""The models that are measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    """A GPT with learned positions, tied embeddings, tanh GELU, norms first, and no biases."""

    layers: int
    heads: int
    width: int
    context: int
    batch: int
    vocab: int = 65
    steps_a_round: int = 1

    def __str__(self) -> str:
        return f"{self.layers} layers, {self.heads} heads, {self.width} wide, context {self.context}, batch {self.batch}"


CONFIGS = {
    "S": Config(4, 4, 128, 64, 12, steps_a_round=8),      # nanoGPT's recipe for a CPU
    "M": Config(6, 6, 384, 256, 8),
}
LR, BETAS, EPS, WEIGHT_DECAY = 1e-3, (0.9, 0.95), 1e-8, 0.1
