"""Autoencoder: press a text into one small vector, and unfold it again."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from .. import backend
from ..autograd import Tensor
from ..backend import Array
from ..nn import Embedding, Linear, init
from .bert import Bert
from .config import AutoencoderConfig, BertConfig, ModelConfig
from .inputs import checked_ids, checked_mask
from .pooling import pool
from .pretrained import Pretrained
from .stack import Stack, start


class Autoencoder(Pretrained):
    """z = W_z mean(encoder(ids)), x̂ = W_x decoder(W_u z at every place): ids (B, T) → z (B, d_code) → x̂ (B, T, C).

        model = Autoencoder(AutoencoderConfig(vocab_size=2048, d_code=64))
        x, x_hat = model.targets(ids), model(ids, attention_mask)
        loss = np.mean((x - x_hat) ** 2)                           # F11, over the real tokens
        model.nearest(x_hat)                                       # (B, T): the tokens it means

    The code is smaller than the text, so the encoder must find what texts have in common. The decoder gets nothing else but the
    positions: it must read order and words off the code. The denoising variant hides some of the tokens given to the model, not
    those of the targets, and the code must hold what the rest lets guess.

    x, the target, is a row of a frozen table of random vectors for each token. Were it learned, the loss would be smallest, 0,
    with the same vector for all of them and nothing to reconstruct. What the encoder reads has an embedding of its own, and is
    learned. The encoder is a Bert: `SequenceClassifier(model.encoder, n_labels)` puts what it learned to use.

    Raises TypeError for ids that are not integers, IndexError for ids outside the vocabulary, ValueError for shapes that do not
    fit and sequences longer than the context. Vincent et al. 2010, §2; formula F11.
    """

    model_type = "autoencoder"
    config_class = AutoencoderConfig
    config: AutoencoderConfig

    def __init__(self, config: AutoencoderConfig) -> None:
        self.config = c = config
        shared = {f.name: getattr(c, f.name) for f in fields(ModelConfig)}
        self.encoder = Bert(BertConfig(**shared, masked_head=False))
        self.to_code = Linear(c.d_model, c.d_code)
        self.from_code = Linear(c.d_code, c.d_model)
        self.decoder = Stack(c, causal=False, n_layers=c.n_decoder_layers)
        self.output = Linear(c.d_model, c.d_model)
        start(self)
        self.encoder.quieten()
        self.decoder.quieten()
        for layer in (self.to_code, self.from_code, self.output):
            init.normal_(layer.weight, layer.weight.shape[1] ** -0.5)
        self.target = Embedding(c.vocab_size, c.d_model).requires_grad_(False)

    def forward(self, ids: Any, attention_mask: Any = None) -> Any:
        ids = checked_ids(ids)
        return self.reconstruct(self.encode(ids, attention_mask), ids.shape[1], attention_mask)

    def encode(self, ids: Any, attention_mask: Any = None) -> Any:
        """The code: (B, T) → (B, d_code). Padding, on either side, changes nothing."""
        ids = checked_ids(ids)
        mask = checked_mask(attention_mask, ids.shape)
        h = self.encoder.hidden(ids, mask)                                          # (B, T, C)
        mask = np.ones(ids.shape, bool) if mask is None else mask
        return self.to_code(pool(h, backend.to_device(mask, h.device), "mean"))

    def reconstruct(self, code: Any, length: int, attention_mask: Any = None) -> Any:
        """x̂ from the code: (B, d_code) → (B, length, C). The mask says where the places of the text are."""
        unfolded = np.repeat(self.from_code(code)[:, None, :], length, axis=1)      # (B, T, C)
        return self.output(self.decoder.run(unfolded, attention_mask))

    def targets(self, ids: Any) -> Array:
        """x, which x̂ should be: (B, T) → (B, T, C), a constant."""
        return self.target(checked_ids(ids)).data

    def nearest(self, x_hat: Any) -> Array:
        """The tokens whose vectors e are nearest: (B, T, C) → (B, T).

        |e − x̂|² = |e|² − 2 e·x̂ + |x̂|², and the last is the same for all of them.
        """
        table = self.target.weight.data
        x_hat = x_hat.data if isinstance(x_hat, Tensor) else x_hat
        return np.argmin((table * table).sum(axis=1) - 2 * (x_hat @ table.T), axis=-1)

    def extra_repr(self) -> str:
        c = self.config
        return f"vocab_size={c.vocab_size}, context={c.context}, d_code={c.d_code}"
