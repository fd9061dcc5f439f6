"""Seq2Seq: read one sequence, write another."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, ClassVar

from .. import functional as F
from ..nn import Embedding, KVCache, LearnedPositions, Linear, init
from .config import Seq2SeqConfig
from .inputs import checked_ids
from .pretrained import Pretrained
from .stack import Stack


class Seq2Seq(Pretrained):
    """Encoder and decoder: P(y | x) = Π_t P(y_t | y_<t, x), x a source of S tokens, y a target of T.

        model = Seq2Seq(Seq2SeqConfig(vocab_size=2048, start_id=1))
        logits = model(ids, decoder_ids, attention_mask)           # (B, S), (B, T) → (B, T, vocab_size)

    The encoder's layers see all of the source. The decoder's are causal and look at the encoder's vectors, the memory: the
    logits at t depend on the source and on decoder tokens up to t, and say what t + 1 may be. In training the decoder reads the
    true target behind the start token (teacher forcing); alone, it reads what it wrote:

        memory = model.encode(ids, attention_mask)                                  # (B, S, C), once
        cache = model.make_cache(len(ids))                                          # under no_grad()
        logits = model.decode(newest, memory, attention_mask, cache)                # (B, 1) → (B, 1, vocab_size), every step

    One embedding serves source, target and, if tied, the head. Sinusoidal positions, waves of amplitude 1, would drown the
    small vectors that tokens start with: as in the paper, those are multiplied by √d_model then, which makes their variance 1.

    Raises TypeError for ids that are not integers, IndexError for ids outside the vocabulary, ValueError for shapes that do not
    fit and sequences longer than the context. Vaswani et al. 2017, §3; formula F9.
    """

    model_type = "seq2seq"
    config_class = Seq2SeqConfig
    config: Seq2SeqConfig
    score_scale: ClassVar[float | None] = None
    output_dropout: ClassVar[bool] = False

    def __init__(self, config: Seq2SeqConfig) -> None:
        self.config = c = config
        self.embedding = Embedding(c.vocab_size, c.d_model)
        rules: Any = {"scale": self.score_scale, "norm_input": False, "output_dropout": self.output_dropout}
        self.encoder = Stack(c, causal=False, **rules)
        self.decoder = Stack(c, causal=True, cross=True, n_layers=c.n_decoder_layers, **rules)
        self.head = None if c.tie_embeddings else Linear(c.d_model, c.vocab_size, bias=False)
        self.initialize()

    def initialize(self) -> None:
        """Each matrix by Glorot's rule, so that it keeps a signal's size at any width; tokens, and places where they are
        learned, from N(0, 1/d_model), so that a tied head's logits start with variance 1.

        GPT's N(0, 0.02²) was chosen for a wide model. In one 128 wide it all but silences attention, which cross-attention
        has to find its words by: a translator then spends hundreds of steps on growing its weights.
        """
        for part in self.modules():
            if isinstance(part, Embedding | LearnedPositions):
                init.normal_(part.weight, 1 / math.sqrt(self.config.d_model))
            elif isinstance(part, Linear):
                init.xavier_uniform_(part.weight)
                if part.bias is not None:
                    init.zeros_(part.bias)

    def encode(self, ids: Any, attention_mask: Any = None) -> Any:
        """The memory: the source's vectors, (B, S) → (B, S, C). `attention_mask` (B, S), 1 or True = a real token; padding, on
        either side, is seen by nobody and moves no position.
        """
        return self.encoder.run(self.embed(ids), attention_mask)

    def decode(self, decoder_ids: Any, memory: Any, source_mask: Any = None, cache: KVCache | None = None) -> Any:
        """Logits of the next token at each place: (B, T) → (B, T, vocab_size), with the memory (B, S, C) and its mask (B, S).

        Padding behind the target needs no mask: nothing before it looks there. With a `cache` (of `make_cache`), decoder_ids
        are the next T tokens; the memory's keys and values are taken from the first call with it.
        """
        return self.logits(self.decoder.run(self.embed(decoder_ids), None, cache, memory, source_mask))

    def forward(self, ids: Any, decoder_ids: Any, attention_mask: Any = None) -> Any:
        return self.decode(decoder_ids, self.encode(ids, attention_mask), attention_mask)

    def embed(self, ids: Any) -> Any:
        """The tokens' vectors, as they enter encoder and decoder: (B, T) → (B, T, C)."""
        x = self.embedding(checked_ids(ids))
        return x * math.sqrt(self.config.d_model) if self.config.positions == "sinusoidal" else x

    def logits(self, h: Any) -> Any:
        """What the decoder's vectors say comes next: (B, T, C) → (B, T, vocab_size)."""
        return F.linear(h, self.embedding.weight if self.head is None else self.head.weight)

    def make_cache(self, batch: int = 1) -> KVCache:
        """An empty cache for the decoder, of this many sequences."""
        return self.decoder.make_cache(batch)

    def set_context(self, context: int) -> None:
        """Take sources and targets of up to this many tokens from now on; see `Stack.set_context`."""
        self.encoder.set_context(context)
        self.decoder.set_context(context)
        self.config = replace(self.config, context=context)

    def extra_repr(self) -> str:
        c = self.config
        return f"vocab_size={c.vocab_size}, context={c.context}, positions={c.positions!r}"
