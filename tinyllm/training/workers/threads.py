"""Threads of one process. NumPy lets go of Python's lock while it computes, so they run on several cores."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from .workers import R, Workers


class Threads(Workers):
    """n threads, started with the `with` block and ended with it. Safe everywhere; they share Python's lock, so small models
    leave them waiting for one another."""

    _pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Threads:
        super().__enter__()
        if self.n > 1:
            self._pool = self._open.enter_context(ThreadPoolExecutor(self.n, thread_name_prefix="tinyllm-worker"))
        return self

    def __exit__(self, *error: object) -> None:
        self._pool = None
        super().__exit__(*error)

    def each(self, f: Callable[[int], R]) -> list[R]:
        """[f(i) for i in range(n)], at the same time; modes such as `no_grad` hold in the threads too.

        An exception in a thread is raised here as itself, the first by the order of the workers, when all have ended.
        """
        if self._pool is None:
            return super().each(f)
        futures = [self._pool.submit(contextvars.copy_context().run, f, i) for i in self.mine]
        for future in futures:
            future.exception()
        return [future.result() for future in futures]
