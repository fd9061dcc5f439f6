"""A language model writes: token ids in, token ids out, one at a time.

    x_t ~ p(· | x_1 … x_{t−1})
 The keys and values of what stands there already are kept (KV cache), so a new token costs one position's work instead
of all t positions'. The result is the same: causal attention never changes an earlier position.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import backend
from ..autograd.modes import no_grad
from . import sampling
from .stops import StopFilter


@dataclass(frozen=True)
class Sampling:
    """How a token is chosen from logits: repetition penalty, temperature, top-k, top-p, in this order, then a draw.

    Raises ValueError for a number out of range, whether or not the rule would be used.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    repetition_penalty: float = 1.0
    greedy: bool = False

    def __post_init__(self) -> None:
        self.choose(np.zeros((1, 2), np.float32), np.zeros((1, 1), np.int64), np.zeros(1))  # each rule checks its number

    def choose(self, logits: np.ndarray, seen: np.ndarray, u: np.ndarray) -> np.ndarray:
        """logits (n, V), the ids before (n, T), uniform numbers (n,) → a token each (n,)."""
        if self.repetition_penalty != 1.0:
            logits = sampling.repetition_penalty(logits, seen, self.repetition_penalty)
        if self.greedy:
            return sampling.greedy(logits)
        if self.temperature != 1.0:
            logits = sampling.temperature(logits, self.temperature)
        if self.top_k is not None:
            logits = sampling.top_k(logits, self.top_k)
        if self.top_p is not None:
            logits = sampling.top_p(logits, self.top_p)
        return sampling.draw(logits, u)


Stop = int | Sequence[int]


def generate(
    model: Any,
    prompt: Sequence[int] | np.ndarray,
    max_new_tokens: int = 100,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    repetition_penalty: float = 1.0,
    greedy: bool = False,
    stop: Sequence[Stop] = (),
    n_samples: int = 1,
    seed: int | None = None,
    use_cache: bool = True,
) -> list[list[int]]:
    """The new ids of n_samples continuations of one prompt, computed together as a batch.

    A continuation ends before the first `stop` (an id, or a sequence of ids) or after max_new_tokens. With a seed it
    depends on the arguments alone, and sample i does not depend on n_samples; without, draws come from the
    process-wide generator. A prompt longer than the model's context loses its beginning; when the text outgrows the
    context, the latter half of a context stays and is read again.

    Raises ValueError for an empty prompt and for numbers out of range, TypeError for ids that are no integers.
    """
    how = Sampling(temperature, top_k, top_p, repetition_penalty, greedy)
    rows = [StopFilter(id_sequences(stop), ()) for _ in range(n_samples)]
    out: list[list[int]] = [[] for _ in rows]
    for tokens in steps(model, prompt, max_new_tokens, how, n_samples, seed, use_cache):
        for ids, row, token in zip(out, rows, tokens, strict=True):
            ids.extend(row.push((token,)))
        if all(row.stopped for row in rows):
            break
    for ids, row in zip(out, rows, strict=True):
        ids.extend(row.finish())
    return out


def stream(
    model: Any,
    prompt: Sequence[int] | np.ndarray,
    max_new_tokens: int = 100,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    repetition_penalty: float = 1.0,
    greedy: bool = False,
    stop: Sequence[Stop] = (),
    seed: int | None = None,
    use_cache: bool = True,
) -> Iterator[int]:
    """The ids of `generate`'s first sample, each as soon as it is certain. Bad arguments raise here, not at the first
    id."""
    how = Sampling(temperature, top_k, top_p, repetition_penalty, greedy)
    row = StopFilter(id_sequences(stop), ())
    tokens = steps(model, prompt, max_new_tokens, how, 1, seed, use_cache)

    def certain() -> Iterator[int]:
        for (token,) in tokens:
            yield from row.push((token,))
            if row.stopped:
                return
        yield from row.finish()

    return certain()


def steps(
    model: Any,
    prompt: Sequence[int] | np.ndarray,
    max_new_tokens: int,
    how: Sampling,
    n_samples: int = 1,
    seed: int | None = None,
    use_cache: bool = True,
) -> Iterator[list[int]]:
    """One new id for each sample, again and again: what `generate` and the text functions are made of. Checks at the
    call."""
    ids = np.asarray(prompt)
    if ids.ndim != 1:
        raise ValueError(f"the prompt has shape {ids.shape}: give one row of ids, shape (T,)")
    if not ids.size:
        raise ValueError("the prompt is empty: give at least one token, such as the tokenizer's bos_id")
    if ids.dtype.kind not in "iu":
        raise TypeError(f"the prompt is of type {ids.dtype}: give integers, the ids that a tokenizer's encode answers")
    if max_new_tokens < 0 or n_samples < 1:
        raise ValueError(f"max_new_tokens {max_new_tokens} and n_samples {n_samples}: at least 0 and 1")
    return _steps(model, ids, max_new_tokens, how, n_samples, seed, use_cache)


def _steps(
    model: Any, prompt: np.ndarray, max_new_tokens: int, how: Sampling, n: int, seed: int | None, use_cache: bool
) -> Iterator[list[int]]:
    context = model.config.context
    length, end = len(prompt), len(prompt) + max_new_tokens
    text = np.empty((n, end), np.int64)
    text[:, :length] = prompt
    chance = _generators(seed, n)
    start = max(0, length - context)
    cache, known = None, start                          # what lies before `known` is in the cache
    was_training = model.training
    model.eval()
    try:
        while length < end:
            rows = text if start or length > len(prompt) else text[:1]      # the prompt is the same for all: read it once
            if cache is None and use_cache:
                cache = model.make_cache(len(rows))
            with no_grad():                             # never held across the yield: it would leak into the caller
                logits = backend.to_numpy(model(rows[:, known:length], cache=cache).data[:, -1])
            if len(rows) < n:
                logits = np.repeat(logits, n, axis=0)   # (n, V)
                if cache is not None:
                    cache.select(np.zeros(n, np.int64))
            u = np.array([rng.random() for rng in chance])
            token = how.choose(logits, text[:, :length], u)
            text[:, length] = token
            length += 1
            yield token.tolist()
            if length - start > context:                # positions count from the window's start: all is read again,
                start, cache = length - max(context // 2, 1), None      # so leave room for many tokens, not for one
            known = start if cache is None else length - 1
    finally:
        model.train(was_training)


def _generators(seed: int | None, n: int) -> list[np.random.Generator]:
    """One for each sample, so that none depends on how many there are."""
    if seed is None:
        seed = int(backend.generator().integers(1 << 63))
    generators = []
    for i in range(n):
        with backend.randomness(seed, i) as rng:
            generators.append(rng)
    return generators


def id_sequences(stop: Sequence[Stop]) -> list[tuple[int, ...]]:
    """Stops as tuples: 3 means (3,)."""
    return [(one,) if isinstance(one, int | np.integer) else tuple(one) for one in stop]
