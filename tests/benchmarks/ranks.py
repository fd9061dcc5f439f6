"""Who shares a step: one worker, threads, processes over shared memory, MPI's ranks. All but the first compute the same bits."""

from __future__ import annotations

from tests.benchmarks.rounds import Contender

BUILD = "tests.benchmarks.peers.tinyllm:build"


def contenders(config: str, cores: int) -> list[Contender]:
    """The first is one rank: one thread."""
    shared = {"config": config, "workers": cores}
    return [
        Contender("1 worker", BUILD, {"config": config, "workers": 1}),
        Contender(f"{cores} threads", BUILD, {**shared, "processes": False}, cores),
        Contender(f"{cores} processes", BUILD, {**shared, "processes": True}, cores),
        Contender(f"{cores} MPI ranks", BUILD, shared, cores, ranks=cores),
    ]
