"""Tiny models of both kinds, with a prompt each, whose choices are not all but uniform."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyllm import backend
from tinyllm.autograd import no_grad
from tinyllm.functional import log_softmax
from tinyllm.models import GPT, GPTConfig, Seq2Seq, Seq2SeqConfig
from tinyllm.nn import init

KINDS = ("gpt", "seq2seq")


@dataclass
class Prompted:
    """A model and what it is asked: a causal model's beginning, an encoder-decoder's source."""

    model: Any
    prompt: list[int]
    vocab_size: int

    def log_probabilities(self, text: tuple[int, ...]) -> np.ndarray:
        """Of the token after this text (V,), by the whole model, without a cache; within the context."""
        self.model.eval()
        with no_grad():
            if isinstance(self.model, GPT):
                logits = self.model(np.array([[*self.prompt, *text]]))
            else:
                logits = self.model(np.array([self.prompt]), np.array([[self.model.config.start_id, *text]]))
        return log_softmax(logits.numpy()[0, -1].astype(np.float64))


def tiny(kind: str, seed: int = 0, vocab_size: int = 4, scale: float = 12.0, positions: str = "learned") -> Prompted:
    """Random weights, large enough that what is written depends on what was read; `scale` is that of the head's."""
    sizes: dict[str, Any] = {"vocab_size": vocab_size, "context": 10, "n_layers": 1, "n_heads": 2, "d_model": 8, "dropout": 0.3}
    backend.manual_seed(seed)
    if kind == "gpt":
        model: Any = GPT(GPTConfig(positions=positions, tie_embeddings=False, **sizes))
    else:
        model = Seq2Seq(Seq2SeqConfig(positions=positions, tie_embeddings=False, start_id=vocab_size - 1, **sizes))
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1:
            wide = "o_proj" in name or "embedding" in name
            init.normal_(parameter, 0.02 * (scale if name == "head.weight" else 50.0 if wide else 20.0))
    return Prompted(model, [1, 2], vocab_size)
