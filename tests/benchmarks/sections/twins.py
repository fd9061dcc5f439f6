"""What each fused twin and each technique brings: the step with everything, against the step without that one."""

from __future__ import annotations

from typing import Any

from tests.benchmarks.configs import CONFIGS
from tests.benchmarks.report import Options, Result, table
from tests.benchmarks.rounds import Contender, compare
from tests.benchmarks.server import Server

DEFAULT, ROUNDS = ("S", "M", "Seq2Seq", "BERT"), 11      # small and large, a vocabulary of 2,048, norms and one of 30,522
TARGET, ONE_TWIN = "tests.benchmarks.peers.tinyllm:build", "tests.benchmarks.peers.one_twin"
EVERYTHING, NO_TWIN, NOT_KEPT = "everything, 1 worker", "no twin at all: formulas only", "freed memory not kept"


def run(options: Options) -> Result:
    found: dict[str, Any] = {}
    alone: dict[str, Any] = {}
    lines = [
        "One worker. A row is the training step without one thing, its formula in place of the twin or a technique turned off: "
        "how much longer it takes, and how much larger its process's peak is, than with everything. Medians of interleaved "
        "rounds; the losses agreed to 1e-4. The last rows are the other way round: what more workers bring.\n",
        "A whole step hides what is less than a few hundredths of it, so the second table has each twin by itself: all its "
        "calls of a step, forward and backward, in turn with the formula, on what the step gave it.\n",
    ]
    for name in options.configs or (["S"] if options.quick else DEFAULT):
        config = CONFIGS[name]
        print(f"{name}: {config}", flush=True)
        rounds = options.rounds or (2 if options.quick else ROUNDS)
        found[name] = compare(contenders(name, options.cores), rounds, config.steps_a_round)
        with Server(1) as server:
            alone[name] = server.ask("call", target=f"{ONE_TWIN}:alone", options={"config": name, "rounds": rounds})
        shown = [*rows(found[name]), *rows_alone(alone[name])]
        print("\n".join(shown), flush=True)
        lines += [f"## {name}: {config}\n", *shown]
    return Result("twins", "What each twin and technique brings", lines, {"found": found, "alone": alone})


def contenders(name: str, cores: int) -> list[Contender]:
    with Server(1) as server:
        used = server.ask("call", target=f"{ONE_TWIN}:used", options={"config": name})
    of = [Contender(EVERYTHING, TARGET, {"config": name})]
    of += [Contender(f"{twin}: formula, no twin", TARGET, {"config": name, "without": twin}) for twin in used]
    of.append(Contender(NO_TWIN, TARGET, {"config": name, "formulas": True}))
    of.append(Contender(NOT_KEPT, TARGET, {"config": name}, environment={"TINYLLM_KEEP_MEMORY": "0"}))
    if cores > 1:
        for kind, processes in (("processes", True), ("threads", False)):
            shared = {"config": name, "workers": cores, "processes": processes}
            of.append(Contender(f"everything, {cores} workers, {kind}", TARGET, shared, cores))
    return of


def rows(found: dict[str, Any]) -> list[str]:
    base = found[EVERYTHING]
    shown = []
    for name, of in found.items():
        more = of["peak_mb"] - base["peak_mb"]
        shown.append([name, f"{of['ms']:.1f}", f"{of['ms'] / base['ms']:.2f}", f"{of['peak_mb']:.0f}", f"{more:+.0f}"])
    return table(["step with", "ms", "time / everything", "peak, MB", "against everything, MB"], shown)


def rows_alone(found: dict[str, Any]) -> list[str]:
    shown = [
        [name, f"{of['calls']}", f"{of['twin_ms']:.2f}", f"{of['formula_ms']:.2f}", f"{of['twin_ms'] / of['formula_ms']:.2f}"]
        for name, of in found.items()
    ]
    return table(["alone", "calls a step", "twin, ms a step", "formula, ms a step", "twin / formula"], shown)
