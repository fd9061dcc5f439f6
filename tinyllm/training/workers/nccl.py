"""MPI's ranks with a GPU each: NCCL moves gradients and weights from card to card, MPI introduces the ranks to one another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ... import backend
from ...backend import Array
from .mpi import Ranks


class NcclRanks(Ranks):
    """As `Ranks`, for a model on a GPU; `local_device` says which card of a machine is whose.

    Sending has a stream of its own, which waits for the piece it is to send, not for the rest of the backward pass. NCCL
    adds in an order of its own, not that of other workers, so the numbers are theirs to rounding.

    Raises RuntimeError without CuPy, a GPU or NCCL, and what `Ranks` raises.
    """

    def __init__(self, n: int | None = None) -> None:
        super().__init__(n)
        self._nccl = backend.nccl()
        invitation = self.collect(self._nccl.get_unique_id() if self.rank == 0 else None)[0]
        self._cards = self._nccl.NcclCommunicator(self.n, invitation, self.rank)
        self._sending = backend.Stream()

    def ready(self, rows: Array, part: slice, owner: int) -> None:
        data = rows[0, part]
        self._sending.after_what_was_asked()
        self._cards.reduce(*self._what(data, data), self._nccl.NCCL_SUM, owner, self._sending.ptr)

    def sum(self, rows: Array, part: slice, owner: int) -> Array:
        self._sending.before_what_will_be_asked()
        return rows[0, part]

    def same(self, data: Array) -> None:
        self._cards.bcast(*self._what(data), 0, backend.current_stream())

    def share(self, data: Array, parts: Sequence[slice]) -> None:
        self._nccl.groupStart()
        for owner, part in enumerate(parts):
            if part.stop > part.start:
                self._cards.bcast(*self._what(data[part]), owner, backend.current_stream())
        self._nccl.groupEnd()

    def _what(self, *arrays: Array) -> tuple[int, ...]:
        """Addresses, how many numbers, and of which kind."""
        kind = self._nccl.NCCL_FLOAT64 if arrays[0].dtype == np.float64 else self._nccl.NCCL_FLOAT32
        return (*(array.data.ptr for array in arrays), arrays[0].size, kind)
