"""cupy.cuda.nccl for the stand-in: MPI sends what NCCL would, of memory that is the CPU's. Arguments are CuPy's, by place."""

from __future__ import annotations

import ctypes
import types

import numpy as np

TYPES = {7: np.float32, 8: np.float64}          # ncclDataType_t


class NcclCommunicator:
    def __init__(self, ndev: int, commId: tuple, rank: int) -> None:
        from mpi4py import MPI

        self._world, self._in_place = MPI.COMM_WORLD, MPI.IN_PLACE
        assert (ndev, rank) == (self._world.Get_size(), self._world.Get_rank()) and commId == get_unique_id()

    def reduce(
        self, sendbuf: int, recvbuf: int, count: int, datatype: int, op: int, root: int, stream: int
    ) -> None:
        assert sendbuf == recvbuf and op == module().NCCL_SUM and isinstance(stream, int)
        data = _memory(sendbuf, count, datatype)
        first, second = (self._in_place, data) if self._world.Get_rank() == root else (data, None)
        self._world.Reduce(first, second, root=root)

    def bcast(self, buff: int, count: int, datatype: int, root: int, stream: int) -> None:
        self._world.Bcast(_memory(buff, count, datatype), root)


def get_unique_id() -> tuple:
    return (1, 2, 3)


def _memory(address: int, count: int, datatype: int) -> np.ndarray:
    size = count * np.dtype(TYPES[datatype]).itemsize
    return np.frombuffer((ctypes.c_char * size).from_address(address), TYPES[datatype])


def module() -> types.ModuleType:
    nccl = types.ModuleType("cupy.cuda.nccl")
    nccl.available = True
    nccl.NcclCommunicator, nccl.get_unique_id = NcclCommunicator, get_unique_id
    nccl.groupStart = nccl.groupEnd = lambda: None
    nccl.NCCL_SUM, nccl.NCCL_FLOAT32, nccl.NCCL_FLOAT64 = 0, 7, 8
    return nccl
