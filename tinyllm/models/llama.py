"""Llama: GPT with the choices that later work settled on."""

from __future__ import annotations

import os
from typing import Self

from .config import LlamaConfig
from .gguf import read_llama
from .gpt import GPT


class Llama(GPT):
    """A GPT that divides by the mean square instead of standardising (RMS norm), turns queries and keys by their positions
    (rotary), gates its feed-forward networks (SwiGLU), has no biases, and may share keys and values among heads.

        model = Llama(LlamaConfig(vocab_size=65, n_heads=4, n_kv_heads=2))
        logits = model(ids)                                        # (B, T) → (B, T, vocab_size)

    Not a line of its own: all of that are switches of the layer. Touvron et al. 2023, §2.2; formula F10.
    """

    model_type = "llama"
    config_class = LlamaConfig

    @classmethod
    def from_gguf(cls, path: str | os.PathLike[str]) -> Self:
        """The model in a GGUF file of the architecture "llama", its weights in float32, in evaluation mode.

        Raises FileNotFoundError without the file; ValueError for a damaged one, another architecture, and tensors that do not
        fit the metadata.
        """
        return read_llama(cls, path)
