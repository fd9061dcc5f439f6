"""The key/value cache: in generation a token's keys and values are computed once, not again for every later token."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd import Tensor, modes
from ..backend import Array


class LayerCache:
    """Keys and values of one attention layer, (batch, n_kv_heads, length, head_dim), in room for `context` of them.

    Room is made at the first append, where the keys are and in their dtype. A view of it is answered, nothing is copied.
    """

    def __init__(self, context: int) -> None:
        self.context = context
        self.length = 0
        self._keys: Array | None = None
        self._values: Array | None = None

    def append(self, k: Any, v: Any) -> tuple[Array, Array]:
        """Add the newest keys and values (B, H, T, D); answer all: two of (B, H, length, D).

        Raises RuntimeError while gradients are recorded (raw arrays carry none), ValueError when the context is full or the
        batch is another.
        """
        if modes.current().recording and any(isinstance(t, Tensor) and t.requires_grad for t in (k, v)):
            raise RuntimeError("a cache keeps raw arrays, which would drop the gradient: generate under no_grad()")
        k, v = (t.data if isinstance(t, Tensor) else t for t in (k, v))
        batch, heads, new, width = k.shape
        end = self.length + new
        if end > self.context:
            raise ValueError(f"the cache holds {self.length} of {self.context} positions, {new} more do not fit: crop or reset it")
        if self._keys is None or self._values is None:
            self._keys, self._values = (np.empty_like(k, shape=(batch, heads, self.context, width)) for _ in range(2))
        elif self._keys.shape[:2] != (batch, heads):
            raise ValueError(f"the cache is for batch and heads {self._keys.shape[:2]}, got {(batch, heads)}: make a new one")
        self._keys[:, :, self.length : end] = k
        self._values[:, :, self.length : end] = v
        self.length = end
        return self._keys[:, :, :end], self._values[:, :, :end]

    def select(self, rows: Array) -> None:
        """Keep these sequences of the batch, in this order, with repeats: a finished one goes, a promising one branches."""
        if self._keys is not None and self._values is not None:
            self._keys, self._values = self._keys[rows], self._values[rows]


class KVCache:
    """One LayerCache for each layer: `cache[i]`. Given to a model, it makes each call go on where the last one ended."""

    def __init__(self, n_layers: int, context: int) -> None:
        self.layers = [LayerCache(context) for _ in range(n_layers)]

    def __getitem__(self, i: int) -> LayerCache:
        return self.layers[i]

    def __len__(self) -> int:
        return len(self.layers)

    @property
    def length(self) -> int:
        """How many positions it holds."""
        return self.layers[0].length

    def crop(self, length: int) -> None:
        """Forget all positions from `length` on. Raises ValueError for more than there are."""
        if not 0 <= length <= self.length:
            raise ValueError(f"crop to {length}: the cache holds {self.length} positions")
        for layer in self.layers:
            layer.length = length

    def reset(self) -> None:
        """Forget everything."""
        self.crop(0)

    def select(self, rows: Array) -> None:
        """Keep these sequences of the batch, in this order."""
        for layer in self.layers:
            layer.select(rows)
