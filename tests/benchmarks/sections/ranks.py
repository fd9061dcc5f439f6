"""Who shares a step: one worker, threads, processes over shared memory, MPI's ranks. All but one have the same bits."""

from __future__ import annotations

from typing import Any

from tests.benchmarks.configs import CONFIGS
from tests.benchmarks.report import Options, Result, ratio, table
from tests.benchmarks.rounds import Contender, compare

BUILD = "tests.benchmarks.peers.tinyllm:build"
ALONE = "1 worker"
ABOUT = (
    "One training step (forward, loss, backward, AdamW, float32), BLAS on one thread a worker, medians of interleaved rounds. "
    "*Times faster*: than one worker. *Peak*: of the first process and what the others were seen to hold beside it; of MPI's "
    "ranks, which share nothing, the first one's alone.\n",
)


def run(options: Options) -> Result:
    found: dict[str, dict[str, dict[str, Any]]] = {}
    lines = list(ABOUT)
    for name in options.configs or (["S"] if options.quick else ["S", "M"]):
        config = CONFIGS[name]
        found[name] = of = compare(contenders(name, options.cores), options.rounds or config.rounds, config.steps_a_round)
        rows = [
            [who, f"{m['missing']} is not installed", None, None] if "missing" in m else
            [who, f"{m['ms']:.1f}", ratio(of[ALONE]["ms"], m["ms"]), f"{m['peak_mb']:.0f}"] for who, m in of.items()
        ]
        shown = table(["who", "ms a step", "times faster", "peak, MB"], rows)
        print("\n".join(shown), flush=True)
        lines += [f"## {name}: {config}\n", *shown]
    return Result("ranks", "Threads, processes and ranks", lines, {"found": found})


def contenders(config: str, cores: int) -> list[Contender]:
    shared = {"config": config, "workers": cores}
    return [
        Contender(ALONE, BUILD, {"config": config, "workers": 1}),
        Contender(f"{cores} threads", BUILD, {**shared, "processes": False}, cores),
        Contender(f"{cores} processes", BUILD, {**shared, "processes": True}, cores),
        Contender(f"{cores} MPI ranks", BUILD, shared, cores, ranks=cores),
    ]
