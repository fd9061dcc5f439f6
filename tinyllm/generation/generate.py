"""A language model writes: token ids in, token ids out, one at a time.

    x_t ~ p(· | x_1 … x_{t−1}), for an encoder-decoder p(· | x_1 … x_{t−1}, source)

The keys and values of what stands there already are kept (KV cache), so a new token costs one position's work instead of all t
positions'. The result is the same: causal attention never changes an earlier position.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import backend
from . import sampling
from .next_logits import NextLogits, next_logits, next_logits_of
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
    """The new ids of n_samples texts of one prompt, computed together as a batch.

    A causal model continues the prompt. To an encoder-decoder it is the source, about which it writes, from its start
    token on. A text ends before the first `stop` (an id, or a sequence of ids) or after max_new_tokens. With a seed it
    depends on the arguments alone, and sample i does not depend on n_samples; without, draws come from the
    process-wide generator. A prompt longer than a causal model's context loses its beginning; when the text outgrows the
    context, the latter half of a context stays and is read again. An encoder-decoder ends at its context.

    Raises ValueError for an empty prompt and for numbers out of range, TypeError for ids that are no integers.
    """
    how = Sampling(temperature, top_k, top_p, repetition_penalty, greedy)
    return _collected(steps(next_logits(model, prompt, use_cache), max_new_tokens, how, n_samples, seed), n_samples, stop)


def generate_batch(
    model: Any,
    sources: Sequence[Sequence[int] | np.ndarray],
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
) -> list[list[int]]:
    """`generate` of an encoder-decoder for many sources, of any lengths, as one batch: a text for each.

    Raises as `generate`, and TypeError for a causal model.
    """
    how = Sampling(temperature, top_k, top_p, repetition_penalty, greedy)
    tokens = steps(next_logits_of(model, sources, use_cache), max_new_tokens, how, 1, seed)
    return _collected(tokens, len(sources), stop)


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
    tokens = steps(next_logits(model, prompt, use_cache), max_new_tokens, how, 1, seed)

    def certain() -> Iterator[int]:
        for (token,) in tokens:
            yield from row.push((token,))
            if row.stopped:
                return
        yield from row.finish()

    return certain()


def steps(
    following: NextLogits, max_new_tokens: int, how: Sampling, n_samples: int = 1, seed: int | None = None
) -> Iterator[list[int]]:
    """One new id for each text, again and again: what `generate` and the text functions are made of. The texts are
    n_samples of each row that `following` begins with. Checks at the call."""
    if max_new_tokens < 0 or n_samples < 1:
        raise ValueError(f"max_new_tokens {max_new_tokens} and n_samples {n_samples}: at least 0 and 1")
    longest = max_new_tokens if following.longest is None else min(max_new_tokens, following.longest)
    return _steps(following, longest, how, n_samples, _generators(seed, len(following.begin) * n_samples))


def _steps(
    following: NextLogits, n_steps: int, how: Sampling, n_samples: int, chance: list[np.random.Generator]
) -> Iterator[list[int]]:
    begun, length = following.begin.shape
    rows = np.repeat(np.arange(begun), n_samples)
    text = np.empty((len(rows), length + n_steps), np.int64)
    text[:, :length] = following.begin[rows]
    for t in range(length, length + n_steps):
        if t == length:                                 # read once for all samples
            logits = following(following.begin)[rows]                           # (n, V)
            following.select(rows)
        else:
            logits = following(text[:, :t])
        u = np.array([rng.random() for rng in chance])
        token = how.choose(logits, text[:, :t], u)
        text[:, t] = token
        yield token.tolist()


def _collected(tokens: Iterator[list[int]], n: int, stop: Sequence[Stop]) -> list[list[int]]:
    """What comes until every row has stopped."""
    rows = [StopFilter(id_sequences(stop), ()) for _ in range(n)]
    out: list[list[int]] = [[] for _ in rows]
    for new in tokens:
        for ids, row, token in zip(out, rows, new, strict=True):
            ids.extend(row.push((token,)))
        if all(row.stopped for row in rows):
            break
    for ids, row in zip(out, rows, strict=True):
        ids.extend(row.finish())
    return out


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
    """Stops as tuples: 3 means (3,). Raises TypeError for what is no sequence of ids and sequences of ids."""
    if not isinstance(stop, Sequence | np.ndarray) or isinstance(stop, str):
        raise TypeError(f"stop={stop!r} is one: write stop=[{stop!r}]")
    if words := [one for one in stop if isinstance(one, str)]:
        raise TypeError(f"stop {words[0]!r} is text, and ids are compared: give ids, or use generate_text")
    return [(one,) if isinstance(one, int | np.integer) else tuple(one) for one in stop]
