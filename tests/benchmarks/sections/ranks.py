"""Several processes and MPI ranks: what tests/benchmarks/ranks.py lists, next to PyTorch eager."""

from __future__ import annotations

import importlib
import importlib.util

from tests.benchmarks.configs import CONFIGS
from tests.benchmarks.report import Options, Result
from tests.benchmarks.rounds import compare
from tests.benchmarks.sections import training

MODULE = "tests.benchmarks.ranks"


def run(options: Options) -> Result | None:
    """`ranks.contenders(config, cores)` answers a list of `rounds.Contender`; the first is what losses are compared with."""
    if importlib.util.find_spec(MODULE) is None:
        print(f"  {MODULE} is not there: nothing to measure")
        return None
    ranks, found, lines = importlib.import_module(MODULE), {}, []
    for name in options.configs or (["S"] if options.quick else ["S", "M"]):
        config = CONFIGS[name]
        found[name] = compare(ranks.contenders(name, options.cores), options.rounds or config.rounds, config.steps_a_round)
        lines += [f"## {name}: {config}\n", *training.rows(found[name])]
        print("\n".join(lines[-len(found[name]) - 3:]), flush=True)
    return Result("ranks", "Several processes and MPI ranks", lines, {"found": found})
