"""What gives the next logits: all that writing a text, or searching for one, asks of a model. Dropout is off meanwhile.

A causal model goes on from the text itself, with a window of its latest tokens; an encoder-decoder reads a source once
and goes on from what it has written about it. Both keep keys and values of what they read before (KV cache).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from .. import backend
from ..autograd import modes
from ..autograd.modes import no_grad
from ..functional.precision import precision_in_force
from ..nn import KVCache, evaluation_mode
from .one_token import OneToken, has_twin


class NextLogits(Protocol):
    """Texts in, logits of their next tokens out; built for one generation, in which the texts grow."""

    begin: np.ndarray
    """(B, T): how the texts begin."""
    longest: int | None
    """How many tokens may follow; None is any number."""

    def __call__(self, text: np.ndarray) -> np.ndarray:
        """text (n, T) → (n, V). At first `begin`, then each time what was read before, as `select` left it, and one more
        token a row."""

    def select(self, rows: np.ndarray) -> None:
        """From now on the texts are these of the last ones, in this order, with repeats: for samples and for beams."""


class Reader:
    """Reads tokens into a cache and answers the logits of what follows: a causal model, or, token by token, its twin.

    One for each generation: before the next, weights may be replaced.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self._without_dropout = evaluation_mode(model)
        self._twin: OneToken | None = None
        self._has_twin: bool | None = None

    def __call__(self, ids: np.ndarray, cache: KVCache | None) -> np.ndarray:
        """The next ids (B, T), without a cache all of them → logits after the last (B, V), valid until the next call."""
        with no_grad(), self._without_dropout:
            if cache is not None and 0 < cache.length < self.model.config.context and ids.shape[1] == 1 and self._by_twin():
                if self._twin is None or self._twin.batch != len(ids):
                    self._twin = OneToken(self.model, len(ids))
                return self._twin(ids[:, 0], cache)
            if cache is not None and ids.shape[1] > 1:          # a long prompt's logits would be large, and none asked for
                self.model.hidden(ids[:, :-1], cache=cache)
                ids = ids[:, -1:]
            return backend.to_numpy(self.model(ids, cache=cache).data[:, -1])

    def _by_twin(self) -> bool:
        mode = modes.current()
        if mode.formulas_only or mode.anomalies or precision_in_force() != "float32":
            return False
        if self._has_twin is None:
            self._has_twin = has_twin(self.model)
        return self._has_twin


class CausalNext:
    """log p(x_t | x_1 … x_{t−1}) + constant of a causal model.

    A text longer than the context loses its beginning: of the first one, the latest `context` tokens are read. When a
    text outgrows the window, the latter half of a context stays and is read again: positions count from the window's
    start, so the cache is of no more use.
    """

    longest: int | None = None

    def __init__(self, model: Any, begin: np.ndarray, use_cache: bool = True) -> None:
        self.model, self.begin, self.use_cache = model, begin, use_cache
        self.context = model.config.context
        self._start = max(0, begin.shape[1] - self.context)     # where the window begins
        self._cache: Any = None
        self._read = Reader(model)

    def __call__(self, text: np.ndarray) -> np.ndarray:
        n, length = text.shape
        if length - self._start > self.context:
            self._start, self._cache = length - max(self.context // 2, 1), None     # room for many tokens, not for one
        if self._cache is None and self.use_cache:
            self._cache = self.model.make_cache(n)
        known = self._start + (self._cache.length if self._cache is not None else 0)
        return self._read(text[:, known:], self._cache)

    def select(self, rows: np.ndarray) -> None:
        if self._cache is not None:
            self._cache.select(rows)


class SourceNext:
    """log p(y_t | y_1 … y_{t−1}, source) + constant of an encoder-decoder: the sources are encoded once, at the first
    call. What it writes begins with the model's start token and is never longer than its context.

    source (B, S) ids, attention_mask (B, S) with 1 = a real token, 0 = padding.
    """

    def __init__(
        self, model: Any, source: np.ndarray, attention_mask: np.ndarray | None = None, use_cache: bool = True
    ) -> None:
        self.model, self.use_cache = model, use_cache
        self.begin = np.full((len(source), 1), model.config.start_id)
        self.longest: int | None = model.config.context
        self._source, self._mask = source, attention_mask
        self._memory: Any = None                                # (n, S, C)
        self._cache: Any = None
        self._without_dropout = evaluation_mode(model)

    def __call__(self, text: np.ndarray) -> np.ndarray:
        with no_grad(), self._without_dropout:
            if self._memory is None:
                self._memory = self.model.encode(self._source, self._mask)
            if self._cache is None and self.use_cache:
                self._cache = self.model.make_cache(len(text))
            known = self._cache.length if self._cache is not None else 0
            return backend.to_numpy(self.model.decode(text[:, known:], self._memory, self._mask, self._cache).data[:, -1])

    def select(self, rows: np.ndarray) -> None:
        with no_grad():
            self._memory = self._memory[backend.to_device(rows, self._memory.device)]
        if self._mask is not None:
            self._mask = self._mask[rows]
        if self._cache is not None:
            self._cache.select(rows)


def has_source(model: Any) -> bool:
    """Whether the model is an encoder-decoder, which reads one text and writes another; a causal model continues one."""
    return hasattr(model, "decode")


def next_logits(model: Any, prompt: Any, use_cache: bool = True) -> NextLogits:
    """Of one row of ids (T,): the prompt that a causal model continues, the source that an encoder-decoder reads.

    Raises ValueError for an empty prompt or one of another shape, TypeError for ids that are no integers and for a model
    that continues nothing.
    """
    ids = _checked(prompt)[None]
    if has_source(model):
        return SourceNext(model, ids, use_cache=use_cache)
    causal = getattr(model, "causal", None)
    if causal is None or (use_cache and not causal):        # without a cache a mask that was taken off does what it does
        raise TypeError(
            f"a {type(model).__name__} does not continue a text: give a causal model (GPT, Llama) or an encoder-decoder"
        )
    return CausalNext(model, ids, use_cache)


def next_logits_of(model: Any, sources: Sequence[Any], use_cache: bool = True) -> NextLogits:
    """Of several sources, rows of ids (S,) of any lengths, side by side: they are padded here, and the padding masked.

    Raises TypeError for a model that has no source, ValueError without sources, and as `next_logits`.
    """
    if not has_source(model):
        raise TypeError(f"a {type(model).__name__} reads no source: give it one prompt at a time")
    rows = [_checked(source) for source in sources]
    if not rows:
        raise ValueError("no sources: give at least one")
    ids = np.zeros((len(rows), max(map(len, rows))), np.int64)
    mask = np.zeros_like(ids)
    for i, row in enumerate(rows):
        ids[i, : len(row)], mask[i, : len(row)] = row, 1
    return SourceNext(model, ids, mask, use_cache)


def _checked(prompt: Any) -> np.ndarray:
    try:
        ids = np.asarray(prompt)
    except ValueError:                                          # NumPy's, of rows of several lengths
        raise ValueError("the prompt is several rows of different lengths: give one row of ids, shape (T,)") from None
    if ids.ndim != 1:
        raise ValueError(f"the prompt has shape {ids.shape}: give one row of ids, shape (T,)")
    if not ids.size:
        raise ValueError("the prompt is empty: give at least one token, such as the tokenizer's bos_id")
    if ids.dtype.kind not in "iu":
        raise TypeError(f"the prompt is of type {ids.dtype}: give integers, the ids that a tokenizer's encode answers")
    return ids
