"""Processes that MPI started, on one machine or many: `mpiexec -n 4 tinyllm pretrain …`. Nothing is shared, all is sent."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...backend import Array, use_device
from .workers import Workers, add_in_order

SIZES = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE")         # set by MPICH and its kin, by Open MPI


class Ranks(Workers):
    """One worker a process, as many as mpiexec started. Each step's all-reduce is cut in two (ZeRO, stage 1):

    Reduce-scatter: each parameter's gradient is summed at the rank that owns it, which alone keeps its optimiser state and
    moves it. A piece is sent as soon as the backward pass is done with it, so most of the sending hides behind the rest of
    that pass. The pieces are added in order of rank, as other workers' are, so the bits are the same.
    All-gather: the moved weights go to all.

    A rank that fails says why and ends the job; one that is killed is missed by mpiexec, which does the same. Either way
    the run goes on from its last checkpoint, to the same numbers.

    Raises ImportError without mpi4py, ValueError for another n than mpiexec's.
    Source: Rajbhandari et al. 2020, §5.1; for the overlap, Li et al. 2020, "PyTorch Distributed", §3.2.
    """

    def __init__(self, n: int | None = None) -> None:
        self._mpi = _mpi()
        self._world = self._mpi.COMM_WORLD
        size = self._world.Get_size()
        if n not in (None, size):
            raise ValueError(f"{n} workers are asked for, mpiexec started {size} ranks, a worker each: start mpiexec -n {n}")
        super().__init__(size)
        self.rank = self._world.Get_rank()
        self.mine = [self.rank]
        self._pending: list[Any] = []
        self._inbox: list[tuple[Array, dict[int, Array]]] = []      # pieces of this rank's shard, and what others have of them

    def collect(self, value: Any) -> list[Any]:
        values: list[Any] = self._world.allgather(value)
        return values

    def rows(self, size: int, like: Array) -> Array:
        return self.array((1, size), like)

    def row(self, rows: Array, i: int) -> Array:
        return rows[0]

    def ready(self, rows: Array, part: slice, owner: int) -> None:
        data = rows[0, part]
        if self.rank == owner:
            others = {source: np.empty_like(data) for source in range(self.n) if source != owner}
            self._pending += [self._world.Irecv(piece, source) for source, piece in others.items()]
            self._inbox.append((data, others))
        else:
            self._pending.append(self._world.Isend(data, owner))
        self._mpi.Request.Testall(self._pending)        # MPI moves data when it is called

    def sum(self, rows: Array, part: slice, owner: int) -> Array:
        self._mpi.Request.Waitall(self._pending)
        for data, others in self._inbox:
            add_in_order([others.get(rank, data) for rank in range(self.n)], data)
        self._pending, self._inbox = [], []
        return rows[0, part]

    def same(self, data: Array) -> None:
        self._world.Bcast(data, root=0)

    def share(self, data: Array, parts: Sequence[slice]) -> None:
        from mpi4py.util.dtlib import from_numpy_dtype

        counts, starts = [part.stop - part.start for part in parts], [part.start for part in parts]
        self._world.Allgatherv(self._mpi.IN_PLACE, [data, counts, starts, from_numpy_dtype(data.dtype)])


def started_by_mpi() -> bool:
    """Whether mpiexec started this process together with others."""
    return any(int(os.environ.get(name, "1")) > 1 for name in SIZES)


def local_device(device: str) -> str:
    """The device to compute on from now on: of several ranks on one machine, the r-th takes 'cuda:r' where 'cuda' is asked for.

    Raises ValueError for a name that is none, RuntimeError where there is no such GPU.
    """
    if device == "cuda" and started_by_mpi():
        mpi = _mpi()
        device = f"cuda:{mpi.COMM_WORLD.Split_type(mpi.COMM_TYPE_SHARED).Get_rank()}"
    return use_device(device)


def end_all_ranks(status: int) -> None:
    """End this rank and all others, which would wait for it for ever."""
    _mpi().COMM_WORLD.Abort(status)


def _mpi() -> Any:
    try:
        from mpi4py import MPI
    except ImportError as error:
        raise ImportError("mpiexec started several ranks, which need mpi4py: pip install tinyllm[mpi]") from error
    if sys.excepthook is sys.__excepthook__:
        sys.excepthook = _say_and_end
    return MPI


def _say_and_end(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    traceback.print_exception(kind, error, trace, file=sys.__stderr__)      # sys.stderr may be silenced in all ranks but one
    end_all_ranks(1)
