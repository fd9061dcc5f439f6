"""Processes of one machine. Each has a Python of its own; weights and gradients stand in memory that all of them see."""

from __future__ import annotations

import contextlib
import mmap
import os
import pickle
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from ...backend import Array
from .workers import Workers


class WorkerDied(RuntimeError):
    """A process that shared the work is gone; the message says how it ended."""


@dataclass
class _Failure:
    """What a process sends instead of a value when it fails."""

    error: BaseException


class _FirstGone(Exception):
    """Rank 0 is gone: nobody is left to hear anything."""


class Processes(Workers):
    """n processes: this one, and n − 1 that the `with` block forks from it. Each carries the block out to its end and is gone.

    Forked, they hold all that this process holds, without a copy; what `array` gives is shared, whatever else one of them
    changes is its own. This process is rank 0. Those that fail are heard of at the next `collect`: it raises their
    exception here, or WorkerDied for one that was killed. When this process goes, however it goes, the others follow.

    Signals are this process's affair: Ctrl-C, which the terminal sends to all, stops the others through it.

    Raises OSError where processes can't fork, and what `Workers` raises.
    """

    def __init__(self, n: int) -> None:
        super().__init__(n)
        if not can_fork():
            raise OSError(f"{sys.platform} has no safe fork(): take threads, processes=False")
        self.mine = [0]
        self._others: list[Connection] = []     # of rank 0: to each of the others
        self._first: Connection | None = None   # of the others: to rank 0
        self._children: dict[int, int] = {}     # rank → process, as long as it is not known to be gone

    def __enter__(self) -> Processes:
        super().__enter__()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()                      # what waits to be written would be written by each of them
        for rank in range(1, self.n):
            mine, theirs = Pipe()
            try:
                child = _fork()
            except OSError as error:
                self.__exit__(type(error), error, error.__traceback__)
                message = f"process {rank} of {self.n} could not be started ({error.strerror}): take fewer workers, or threads"
                raise OSError(error.errno, message) from error
            if not child:
                for other in (*self._others, mine):
                    other.close()               # a pipe ends when the last who holds it lets go
                self.rank, self.mine, self._first, self._others = rank, [rank], theirs, []
                for number in (signal.SIGINT, signal.SIGTERM):
                    signal.signal(number, signal.SIG_IGN)
                return self
            theirs.close()
            self._others.append(mine)
            self._children[rank] = child
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if self._first is not None:
            _leave(self._first, error)
        for other in self._others:
            other.close()
        for rank in list(self._children):
            if error is not None:
                os.kill(self._children[rank], signal.SIGKILL)       # it holds nothing that a checkpoint lacks
            self._end_of(rank)
        self._others = []
        super().__exit__(kind, error, trace)

    def collect(self, value: Any) -> list[Any]:
        if self._first is not None:
            try:
                self._first.send(value)
                values: list[Any] = self._first.recv()
            except (EOFError, OSError) as error:
                raise _FirstGone from error
            return values
        values = [value]
        for rank, other in enumerate(self._others, 1):
            with self._watching(rank):
                values.append(other.recv())
            if isinstance(values[-1], _Failure):
                raise values[-1].error
        for rank, other in enumerate(self._others, 1):
            with self._watching(rank):
                other.send(values)
        return values

    @contextlib.contextmanager
    def _watching(self, rank: int) -> Iterator[None]:
        """A pipe that breaks, when heard or spoken to, says that the process at its other end is gone."""
        try:
            yield
        except (EOFError, OSError) as error:
            how = self._end_of(rank)
            raise WorkerDied(f"process {rank} of {self.n} {how}: the run goes on from its last checkpoint (resume)") from error

    def _end_of(self, rank: int) -> str:
        """Wait for it and say how it was."""
        code = os.waitstatus_to_exitcode(os.waitpid(self._children.pop(rank), 0)[1])
        return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"

    def array(self, shape: tuple[int, ...], like: Array) -> Array:
        size = int(np.prod(shape)) * like.dtype.itemsize
        return np.frombuffer(mmap.mmap(-1, max(size, 1)), like.dtype, int(np.prod(shape))).reshape(shape)


def can_fork() -> bool:
    """Whether the system copies a process as it stands. macOS's libraries don't survive it."""
    return hasattr(os, "fork") and sys.platform != "darwin"


def may_fork() -> bool:
    """Whether it is safe here and now: a lock that another thread holds would be held for ever in the copy.

    The thread with which tqdm watches its bars, once there was one, does not count: only rank 0 shows bars.
    """
    others = [t for t in threading.enumerate() if t is not threading.current_thread() and type(t).__name__ != "TMonitor"]
    return can_fork() and not others


def _fork() -> int:
    with warnings.catch_warnings():
        # Python warns where threads live. Those of BLAS end before a fork; who asks for processes answers for the rest.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _leave(first: Connection, error: BaseException | None) -> None:
    """End this process: nothing that its parent set up must be torn down twice."""
    if error is not None and not isinstance(error, _FirstGone):
        where = "".join(traceback.format_exception(error))
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:                       # it does not travel
            error = RuntimeError(f"{type(error).__name__}: {error}")
        error.add_note(where)
        with contextlib.suppress(OSError):
            first.send(_Failure(error))
    os._exit(0 if error is None else 1)
