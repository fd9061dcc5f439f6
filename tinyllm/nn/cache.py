"""The key/value cache: in generation a token's keys and values are computed once, not again for every later token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import backend
from ..autograd import Tensor, modes
from ..backend import Array


class LayerCache:
    """Keys and values of one layer's self-attention, (batch, n_kv_heads, length, head_dim) each, in room for `context` of
    them; and those of its cross-attention, which the source makes once and for all.
    """

    def __init__(self, batch: int, n_kv_heads: int, context: int, head_dim: int, like: Array) -> None:
        self.length = 0
        self._keys = np.empty_like(like, shape=(batch, n_kv_heads, context, head_dim))
        self._values = np.empty_like(self._keys)
        self._source: tuple[Array, Array] | None = None

    def append(self, k: Any, v: Any) -> tuple[Array, Array]:
        """Add the newest keys and values (B, H, T, D); answer all: two of (B, H, length, D), views, nothing is copied.

        Raises RuntimeError while gradients are recorded (raw arrays carry none), ValueError when the context is full or the
        batch is another.
        """
        k, v = _raw(k, v)
        batch, heads, context, width = self._keys.shape
        if k.shape != (batch, heads, k.shape[2], width):
            raise ValueError(f"the cache is for batch, heads, width = {(batch, heads, width)}, got keys of shape {k.shape}")
        end = self.length + k.shape[2]
        if end > context:
            raise ValueError(f"the cache holds {self.length} of {context} positions, {end - self.length} do not fit: crop it")
        self._keys[:, :, self.length : end] = k
        self._values[:, :, self.length : end] = v
        self.length = end
        return self._keys[:, :, :end], self._values[:, :, :end]

    def append_one(self, k: Array, v: Array) -> tuple[Array, Array]:
        """`append` of one position, raw arrays (B, H, D) that are known to fit: what it costs counts in a small model.

        Raises IndexError when the context is full.
        """
        t = self.length
        self._keys[:, :, t] = k
        self._values[:, :, t] = v
        self.length = end = t + 1
        return self._keys[:, :, :end], self._values[:, :, :end]

    def of_source(self, make: Callable[[], tuple[Any, Any]]) -> tuple[Array, Array]:
        """The source's keys and values: `make()` is asked for them the first time.

        Raises RuntimeError as `append`, ValueError when the source is of another batch.
        """
        if self._source is None:
            k, v = _raw(*make())
            if len(k) != len(self._keys):
                raise ValueError(f"the cache is for a batch of {len(self._keys)}, the source has {len(k)}: make one for it")
            self._source = k, v
        return self._source

    def select(self, rows: Array) -> None:
        """Keep these sequences of the batch, in this order, with repeats: a finished one goes, a promising one branches.

        The room behind them is not copied: in a long context that would be most of it.
        """
        rows = backend.to_device(rows, backend.device_of(self._keys))
        for name in ("_keys", "_values"):
            old = getattr(self, name)
            new = np.empty_like(old, shape=(len(rows), *old.shape[1:]))
            new[:, :, : self.length] = old[:, :, : self.length][rows]
            setattr(self, name, new)
        if self._source is not None:
            self._source = self._source[0][rows], self._source[1][rows]

    def reset(self) -> None:
        """Forget everything, the source too."""
        self.length, self._source = 0, None


class KVCache:
    """One LayerCache for each layer: `cache[i]`. Given to a model, it makes each call go on where the last one ended.

    Of the dtype and on the device of `like`.
    """

    def __init__(self, n_layers: int, batch: int, n_kv_heads: int, context: int, head_dim: int, like: Array) -> None:
        self.layers = [LayerCache(batch, n_kv_heads, context, head_dim, like) for _ in range(n_layers)]

    def __getitem__(self, i: int) -> LayerCache:
        return self.layers[i]

    def __len__(self) -> int:
        return len(self.layers)

    @property
    def length(self) -> int:
        """How many positions it holds."""
        return self.layers[0].length

    def crop(self, length: int) -> None:
        """Forget all positions from `length` on, no source. Raises ValueError for more than there are."""
        if not 0 <= length <= self.length:
            raise ValueError(f"crop to {length}: the cache holds {self.length} positions")
        for layer in self.layers:
            layer.length = length

    def reset(self) -> None:
        """Forget everything, sources too."""
        for layer in self.layers:
            layer.reset()

    def select(self, rows: Array) -> None:
        """Keep these sequences of the batch, in this order."""
        for layer in self.layers:
            layer.select(rows)


def _raw(k: Any, v: Any) -> tuple[Array, Array]:
    if modes.current().recording and any(isinstance(t, Tensor) and t.requires_grad for t in (k, v)):
        raise RuntimeError("a cache keeps raw arrays, which would drop the gradient: generate under no_grad()")
    return tuple(t.data if isinstance(t, Tensor) else t for t in (k, v))
