"""Windows of a long text, for language models that predict the next token (formula F10)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tinyllm.data.batching import IGNORED, Batch

SHUFFLE = 3         # beside (seed, epoch) in the key of its random numbers: other draws have other keys


class CausalWindows:
    """Shuffled windows of a token sequence and, a place further, what comes next: targets[:, t] = ids[:, t + 1].

    tokens (N,) integers; a batch holds "ids" and "targets", both (batch_size, context).

    `batch(step)` depends on (seed, step) alone, so resuming a run needs a number and not an iterator's state, and a
    batch can be drawn in any order or thread. Windows are drawn as `ShuffledStarts` says.

    Raises ValueError for tokens shorter than context + 1, TypeError for tokens that are no integers.
    """

    def __init__(self, tokens: np.ndarray, context: int, batch_size: int, seed: int = 0):
        self.tokens = check_tokens(tokens, context, batch_size, shortest=context + 1)
        self.context, self.batch_size, self.seed = context, batch_size, seed
        self.starts = ShuffledStarts(len(self.tokens) - context, context, batch_size, seed)

    def batch(self, step: int) -> Batch:
        """The batch of this step."""
        windows = take_windows(self.tokens, self.starts.of(step), self.context + 1)     # (B, context + 1)
        return {"ids": windows[:, :-1], "targets": windows[:, 1:]}

    def evaluation(self, batch_size: int | None = None) -> Iterator[Batch]:
        """Windows side by side, in order: every token but the first is a target exactly once.

        The last window reaches back to be full: what an earlier one has counted it ignores.
        """
        for starts, counted in side_by_side(len(self.tokens) - 1, self.context, batch_size or self.batch_size):
            windows = take_windows(self.tokens, starts, self.context + 1)
            yield {"ids": windows[:, :-1], "targets": np.where(counted, windows[:, 1:], IGNORED)}


class ShuffledStarts:
    """Where a batch's windows begin: an epoch lays windows side by side from a random place on, and shuffles them.

    So every start is equally likely, and a text is read evenly: no token waits, or comes twice, while others never come, as
    with independent draws. In an epoch windows meet only where the row of windows closes, at most one of them with another.
    """

    def __init__(self, n: int, context: int, batch_size: int, seed: int):
        self.n, self.context, self.batch_size, self.seed = n, context, batch_size, seed
        self.an_epoch = max(1, n // context)
        self._last: tuple[int, np.ndarray] = (-1, np.zeros(0, np.int64))    # the epoch that was asked for last

    def of(self, step: int) -> np.ndarray:
        """The starts (batch_size,), each from 0 to n − 1, of the batch of this step."""
        first = step * self.batch_size
        places = [divmod(i, self.an_epoch) for i in range(first, first + self.batch_size)]
        return np.array([self._epoch(epoch)[place] for epoch, place in places])

    def _epoch(self, epoch: int) -> np.ndarray:
        known, starts = self._last
        if known != epoch:
            rng = np.random.default_rng([self.seed, epoch, SHUFFLE])
            starts = (rng.integers(self.n) + self.context * rng.permutation(self.an_epoch)) % self.n
            self._last = epoch, starts
        return starts


def check_tokens(tokens: np.ndarray, context: int, batch_size: int, shortest: int) -> np.ndarray:
    """tokens as an array, once their shape and type and the sizes of the windows make sense."""
    tokens = np.asarray(tokens)
    if context < 1 or batch_size < 1:
        raise ValueError(f"context {context} and batch_size {batch_size}: both are at least 1")
    if tokens.ndim != 1:
        raise ValueError(f"tokens of shape {tokens.shape}: give one sequence, shape (N,)")
    if tokens.size and not np.issubdtype(tokens.dtype, np.integer):
        raise TypeError(f"tokens of type {tokens.dtype}: give integers, the ids that a tokenizer's encode answers")
    if len(tokens) < shortest:
        raise ValueError(
            f"the text has {len(tokens)} tokens, context {context} needs at least {shortest}: "
            f"give a longer text, or a context of at most {max(len(tokens) - shortest + context, 0)}"
        )
    return tokens


def take_windows(tokens: np.ndarray, starts: np.ndarray, length: int) -> np.ndarray:
    """tokens[s : s + length] for every s of starts (B,) → (B, length), as int64 whatever the corpus is kept in."""
    return tokens[starts[:, None] + np.arange(length)].astype(np.int64)


def side_by_side(n: int, context: int, batch_size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Starts (B,) of windows that cover n places, and which of their places (B, context) no earlier window covered."""
    wanted = np.arange(0, n, context)
    starts = np.minimum(wanted, n - context)
    fresh = starts[:, None] + np.arange(context) >= wanted[:, None]     # (windows, context)
    for i in range(0, len(starts), batch_size):
        yield starts[i : i + batch_size], fresh[i : i + batch_size]
