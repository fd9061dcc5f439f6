"""Which rows a step's batch holds: every row once an epoch, in an order that (seed, epoch) fixes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from tinyllm.data.batching import Batch

SHUFFLE = 1     # the third number of the key: an epoch's order and a step's other draws never share a stream
POOL = 50       # batches whose rows are sorted by length together


class ShuffledRows:
    """An epoch is a permutation of n rows, cut into batches; the last one holds what is left.

    With lengths (n,) or (n, k), rows of like length share a batch, so that little of it is padding: the rows of 50 batches in
    a row are sorted by length, and the batches of an epoch then shuffled. A row still meets other neighbours each
    epoch, and no length comes before another.

    `of(step)` depends on (seed, step) alone.
    """

    def __init__(self, n: int, batch_size: int, seed: int, lengths: np.ndarray | None = None):
        self.n, self.batch_size, self.seed, self.lengths = n, batch_size, seed, lengths
        self.steps_per_epoch = -(-n // batch_size)
        self._last: tuple[int, list[np.ndarray]] = (-1, [])     # the epoch that was asked for last

    def of(self, step: int) -> np.ndarray:
        """The rows of this step's batch."""
        epoch, place = divmod(step, self.steps_per_epoch)
        known, batches = self._last
        if known != epoch:
            batches = self._epoch(np.random.default_rng([self.seed, epoch, SHUFFLE]))
            self._last = epoch, batches
        return batches[place]

    def _epoch(self, rng: np.random.Generator) -> list[np.ndarray]:
        order = rng.permutation(self.n)
        if self.lengths is None:
            return self._cut(order)
        pools = [order[rows] for rows in slices(self.n, POOL * self.batch_size)]
        by_length = [pool[np.lexsort(self.lengths[pool].T.reshape(-1, len(pool)))] for pool in pools]
        batches = [batch for pool in by_length for batch in self._cut(pool)]
        return [batches[i] for i in rng.permutation(len(batches))]

    def _cut(self, rows: np.ndarray) -> list[np.ndarray]:
        return [rows[part] for part in slices(len(rows), self.batch_size)]


class RowBatches(ABC):
    """What all sources of batches share whose rows are there from the start: `batch(step)` and `evaluation()`.

    Every epoch visits every row once, in an order drawn from (seed, epoch): `batch(step)` depends on (seed, step)
    alone. The last batch of an epoch holds what is left.
    """

    def __init__(self, n: int, batch_size: int, seed: int, lengths: np.ndarray | None = None):
        self.n, self.batch_size, self.seed = n, batch_size, seed
        self.order = ShuffledRows(n, batch_size, seed, lengths)

    @property
    def steps_per_epoch(self) -> int:
        return self.order.steps_per_epoch

    def batch(self, step: int) -> Batch:
        """The batch of this step."""
        return self._gather(self.order.of(step))

    def evaluation(self, batch_size: int | None = None) -> Iterator[Batch]:
        """Every row once, in the order given."""
        for part in slices(self.n, batch_size or self.batch_size):
            yield self._gather(np.arange(part.start, part.stop))

    @abstractmethod
    def _gather(self, rows: np.ndarray) -> Batch:
        """The batch of these rows."""


def slices(n: int, size: int) -> Iterator[slice]:
    """0 to n in steps of size; the last one may be shorter."""
    return (slice(start, stop) for start, stop in pairwise([*range(0, n, size), n]))
