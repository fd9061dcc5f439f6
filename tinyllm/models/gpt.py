"""GPT: predict the next token."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from ..nn import KVCache, Linear
from .config import GPTConfig
from .trunk import Trunk


class GPT(Trunk):
    """A decoder: causal layers, so that the logits at t depend on tokens up to t alone, and say what t + 1 may be.

        model = GPT(GPTConfig(vocab_size=65))
        logits = model(ids)                                        # (B, T) → (B, T, vocab_size)

    The head's weight is the embedding's, if tied: a token's vector is also what its prediction looks for.
    Arguments and errors as for `hidden`. Radford et al. 2019; formula F10.
    """

    model_type = "gpt"
    config_class = GPTConfig
    causal = True

    def __init__(self, config: GPTConfig) -> None:
        super().__init__(config)
        self.head = None if config.tie_embeddings else Linear(config.d_model, config.vocab_size, bias=False)
        self.initialize()

    def forward(self, ids: Any, attention_mask: Any = None, cache: KVCache | None = None) -> Any:
        h = self.hidden(ids, attention_mask, cache)                                 # (B, T, C)
        return F.linear(h, self.embedding.weight if self.head is None else self.head.weight)

    def make_cache(self, batch: int = 1) -> KVCache:
        """An empty cache for this model: `model(ids, cache=cache)` under `no_grad()` goes on where the last call ended."""
        c, attention = self.config, self.layers[0].attention
        return KVCache(c.n_layers, batch, attention.n_kv_heads, c.context, attention.head_dim, self.embedding.weight.data)
