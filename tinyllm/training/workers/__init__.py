"""Who shares the work of a step, in reading order: workers (what a loop asks of them), threads, processes, mpi, nccl."""

from __future__ import annotations

from typing import TypeVar

from ...backend import available_cores
from .workers import Workers
from .threads import Threads
from .processes import Processes, WorkerDied, may_fork
from .mpi import Ranks, end_all_ranks, local_device, started_by_mpi
from .nccl import NcclRanks

T = TypeVar("T")

MOST = 8        # workers of one machine, unless more are asked for: their batches get small

__all__ = [
    "Workers", "Threads", "Processes", "Ranks", "NcclRanks", "WorkerDied", "choose_workers", "default_workers", "end_all_ranks",
    "first_rank", "local_device", "of_first_rank", "started_by_mpi",
]


def default_workers() -> int:
    """The cores this process may use, at most 8."""
    return min(available_cores(), MOST)


def choose_workers(n: int | None = None, processes: bool | None = None, device: str = "cpu") -> Workers:
    """The workers of a run: MPI's ranks where mpiexec started it, else n processes or threads of this machine.

    n None: one a core, at most 8, and one for a model on a GPU, which a split batch would only slow down. processes None: where
    forking is safe, on Linux in a program without other threads; in a notebook, which has them, and elsewhere threads. The
    numbers are the same bits, but for NCCL's, which adds in an order of its own.

    Raises what `Processes` and `Ranks` raise.
    """
    if started_by_mpi():
        return Ranks(n) if device == "cpu" else NcclRanks(n)
    if n is None:
        n = default_workers() if device == "cpu" else 1
    if processes is None:
        processes = may_fork() and device == "cpu"
    return Processes(n) if processes and n > 1 else Threads(n)


def first_rank() -> bool:
    """Whether this process is the one that speaks and writes: false in all of MPI's ranks but one."""
    return not started_by_mpi() or Ranks().rank == 0


def of_first_rank(value: T) -> T:
    """What MPI's first rank has, on all; without MPI the value itself."""
    return Ranks().collect(value if first_rank() else None)[0] if started_by_mpi() else value
