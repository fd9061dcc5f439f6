"""`mpiexec -n 4 tinyllm pretrain …`: every rank runs the command, the first one speaks and writes."""

from __future__ import annotations

import os
import sys
import time

PATIENCE = 1.0      # seconds


def first_alone_speaks() -> bool:
    """Silence this process unless it is the first rank, or the only one; says whether it may speak."""
    from ..training.workers import first_rank

    if first_rank():
        return True
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115  (until the process ends)
    return False


def device(name: str) -> str:
    """Of several ranks on one machine each has a GPU of its own."""
    from ..training.workers import local_device

    return local_device(name)


def end_all(message: str, status: int) -> None:
    """When this rank fails, the others would wait for it for ever: end them too. Nothing where there are no others.

    What all of them find wrong, such as a missing file, the first says for all: the rest leave it time to.
    """
    from ..training.workers import Ranks, end_all_ranks, started_by_mpi

    if not started_by_mpi():
        return
    rank = Ranks().rank
    if rank:
        time.sleep(PATIENCE)
        print(f"rank {rank}: {message}", file=sys.__stderr__, flush=True)
    end_all_ranks(status)
