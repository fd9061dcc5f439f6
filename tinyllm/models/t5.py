"""T5: an encoder-decoder that is given every task as text."""

from __future__ import annotations

import math
from typing import Any

from .. import functional as F
from ..nn import Linear, MultiHeadAttention, RelativePositions, init
from .config import T5Config
from .inputs import checked_ids
from .seq2seq import Seq2Seq


class T5(Seq2Seq):
    """A Seq2Seq with T5's choices.

        model = T5(T5Config(vocab_size=2048))
        logits = model(ids, decoder_ids, attention_mask)           # (B, S), (B, T) → (B, T, vocab_size)

    Positions are learned biases of the scores, one for each head and range of distances, shared by all layers of a stack. RMS
    norms, no biases. Scores are not divided by √d: instead the queries' weights start √d smaller. Dropout falls on the output
    of each stack too. A tied head multiplies by 1/√d_model, which an embedding of variance 1 calls for; one of its own does
    not. Raffel et al. 2020, §2.1 and §3.1.2; version 1.1: Shazeer 2020; formula F9.
    """

    model_type = "t5"
    config_class = T5Config
    config: T5Config
    score_scale = 1.0
    output_dropout = True

    def initialize(self) -> None:
        """Each matrix from N(0, 1/fan_in), so that it keeps a signal's size; queries √d smaller still, so that q · k has
        variance 1; embeddings from N(0, 1).
        """
        init.normal_(self.embedding.weight, 1.0)
        for part in self.modules():
            if isinstance(part, Linear):
                init.normal_(part.weight, 1 / math.sqrt(part.weight.shape[1]))
                if part.bias is not None:
                    init.zeros_(part.bias)
            elif isinstance(part, RelativePositions):
                init.normal_(part.weight, 1 / math.sqrt(self.config.d_model))
        for part in self.modules():
            if isinstance(part, MultiHeadAttention):
                init.normal_(part.q_proj.weight, 1 / math.sqrt(self.config.d_model * part.head_dim))

    def embed(self, ids: Any) -> Any:
        return self.embedding(checked_ids(ids))

    def logits(self, h: Any) -> Any:
        if self.head is not None:
            return self.head(h)
        return F.linear(h * (1 / math.sqrt(self.config.d_model)), self.embedding.weight)
