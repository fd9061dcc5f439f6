"""What a training loop asks of those who share its batches, whether they are threads, processes or machines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, TypeVar

import numpy as np

from ...backend import Array

R = TypeVar("R")

TILE = 1 << 15      # numbers added at a time: what every row brings of a tile stays in the cache


class Workers:
    """n workers share each batch; inside the `with` block BLAS computes on one thread a worker.

    Splitting the batch uses the cores better than splitting every single product does, and it makes the result depend on n
    alone: not on how many threads BLAS would have taken, nor on whether the workers are threads or processes.

    A loop over workers is written once and carried out by each process alike ("single program, multiple data"): what `each` is
    given is done for the workers that live in this process, `mine`; whatever else the loop holds is the same in all of
    them, and `collect` is how they learn from one another. The process with rank 0 is the one that writes and speaks.

    Raises ValueError for n < 1, ImportError without threadpoolctl.
    """

    rank = 0        # this process
    mine: Sequence[int]

    def __init__(self, n: int) -> None:
        if n < 1:
            raise ValueError(f"{n} workers: take at least 1")
        self.n, self.mine = n, range(n)
        self._open = ExitStack()

    def __enter__(self) -> Workers:
        try:
            from threadpoolctl import threadpool_limits
        except ImportError as error:
            raise ImportError("training needs threadpoolctl: pip install tinyllm[train]") from error
        self._open.enter_context(threadpool_limits(1, user_api="blas"))
        return self

    def __exit__(self, *error: Any) -> None:
        self._open.close()

    # ------------------------------------------------------------ work

    def each(self, f: Callable[[int], R]) -> list[R]:
        """[f(i) for i in mine]."""
        return [f(i) for i in self.mine]

    def collect(self, value: Any) -> list[Any]:
        """What each process gives, in order of rank, on every process: none goes on before all are here."""
        return [value]

    def of_all(self, f: Callable[[int], R]) -> list[R]:
        """[f(i) for i in range(n)], each by its worker; on every process."""
        return [result for process in self.collect(self.each(f)) for result in process]

    # ------------------------------------------------------------ arrays

    def array(self, shape: tuple[int, ...], like: Array) -> Array:
        """Zeros that all workers of this machine see. To be asked for before the `with` block begins."""
        return np.zeros_like(like, shape=shape)

    def rows(self, size: int, like: Array) -> Array:
        """For each worker whose numbers are seen from here a row of this size; `row` finds it."""
        return self.array((self.n, size), like)

    def row(self, rows: Array, i: int) -> Array:
        """What worker i writes into."""
        return rows[i]

    def ready(self, rows: Array, part: slice, owner: int) -> None:
        """This process's worker has written `part` of its row, which `owner` will sum: it may be sent while others compute.

        All processes say so of the same parts in the same order.
        """

    def sum(self, rows: Array, part: slice, owner: int) -> Array:
        """Σ_i of what worker i wrote into `part`, in order of i: a view of the row of `owner`, who asks when all are done."""
        return add_in_order([row[part] for row in rows], rows[owner, part])

    def share(self, data: Array, parts: Sequence[slice]) -> None:
        """Worker i has changed data[parts[i]]: bring it to the others. Done by all processes together."""
        self.collect(None)

    def same(self, data: Array) -> None:
        """Give all processes the first one's numbers."""


def add_in_order(rows: Sequence[Array], out: Array) -> Array:
    """((row₀ + row₁) + row₂) + …, in this order whoever adds, so that the bits are the same. `out` may be one of the rows."""
    for start in range(0, len(out), TILE):
        tile = slice(start, start + TILE)
        total = rows[0][tile]
        for row in rows[1:]:
            total = total + row[tile]
        out[tile] = total
    return out
