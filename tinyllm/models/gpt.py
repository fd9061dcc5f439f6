"""GPT: predict the next token."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from ..nn import KVCache, Linear
from .config import GPTConfig
from .inputs import checked_ids
from .trunk import Trunk


class GPT(Trunk):
    """A decoder: causal layers, so that the logits at t depend on tokens up to t alone, and say what t + 1 may be.

        model = GPT(GPTConfig(vocab_size=65))
        logits = model(ids)                                        # (B, T) → (B, T, vocab_size)

    The head's weight is the embedding's, if tied: a token's vector is also what its prediction looks for. With biases, learned
    positions and norms first this is GPT-2. With a `cache` (of `make_cache`), under `no_grad()`, ids are the next T tokens and
    the mask covers the cached ones too, (B, past + T). Arguments and errors as for `Trunk`. Radford et al. 2019; formula F10.
    """

    model_type = "gpt"
    config_class = GPTConfig
    causal = True

    def __init__(self, config: GPTConfig) -> None:
        super().__init__(config)
        self.head = None if config.tie_embeddings else Linear(config.d_model, config.vocab_size, bias=False)
        self.initialize()

    def hidden(self, ids: Any, attention_mask: Any = None, cache: KVCache | None = None) -> Any:
        """The vectors of all tokens, after the last norm: (B, T) → (B, T, C)."""
        return self.run(self.embedding(checked_ids(ids)), attention_mask, cache)

    def forward(self, ids: Any, attention_mask: Any = None, cache: KVCache | None = None) -> Any:
        h = self.hidden(ids, attention_mask, cache)                                 # (B, T, C)
        return F.linear(h, self.embedding.weight if self.head is None else self.head.weight)
