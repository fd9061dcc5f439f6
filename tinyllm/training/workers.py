"""Several threads share a batch. NumPy lets go of Python's lock while it computes, so they run on several cores."""

from __future__ import annotations

import contextvars
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")

MOST = 8        # threads that share Python's lock: beyond this they mostly wait for one another


def default_workers() -> int:
    """The cores this process may use, at most 8."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST)


class Workers:
    """A pool of n threads that lives as long as its `with` block; inside, BLAS computes on one thread a worker.

    Splitting the batch uses the cores better than splitting every single product does, and it makes the result depend
    on n alone, not on how many threads BLAS would have taken.

    Raises ValueError for n < 1, ImportError without threadpoolctl.
    """

    def __init__(self, n: int) -> None:
        if n < 1:
            raise ValueError(f"{n} workers: take at least 1")
        self.n = n
        self._pool: ThreadPoolExecutor | None = None
        self._open = ExitStack()

    def __enter__(self) -> Workers:
        try:
            from threadpoolctl import threadpool_limits
        except ImportError as error:
            raise ImportError("training needs threadpoolctl: pip install tinyllm[train]") from error
        self._open.enter_context(threadpool_limits(1, user_api="blas"))
        if self.n > 1:
            self._pool = self._open.enter_context(ThreadPoolExecutor(self.n, thread_name_prefix="tinyllm-worker"))
        return self

    def __exit__(self, *error: Any) -> None:
        self._pool = None
        self._open.close()

    def map(self, f: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """[f(item) for item in items], several at a time; modes such as `no_grad` hold in the threads too.

        An exception in a thread is raised here as itself, the first by the order of the items, when all have ended.
        """
        if self._pool is None:
            return [f(item) for item in items]
        futures = [self._pool.submit(contextvars.copy_context().run, f, item) for item in items]
        for future in futures:
            future.exception()
        return [future.result() for future in futures]
