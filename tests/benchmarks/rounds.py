"""Contenders side by side: their losses are compared before any time is, then rounds are interleaved, so that a machine that
slows down slows down everyone."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.benchmarks.server import Missing, Server

CHECKED_STEPS, AGREEMENT = 3, 1e-4
SETTLE = 0.03           # seconds between turns: threads of the one before stop looking for work


class Disagreement(Exception):
    """Two contenders do not compute the same: their times would compare nothing."""


@dataclass(frozen=True)
class Contender:
    """`target`, "module:function", called with `options` in a process limited to `threads`, answers a function that takes a
    step and returns its loss; with several `ranks` that happens in each that mpiexec starts. `compared`: its losses are to
    agree. `rounds`: at most so many, for what is slow."""

    name: str
    target: str
    options: dict[str, Any] = field(default_factory=dict)
    threads: int = 1
    environment: dict[str, str] = field(default_factory=dict)
    ranks: int = 1
    compared: bool = True
    rounds: int | None = None


def compare(contenders: Sequence[Contender], rounds: int, steps_a_round: int) -> dict[str, dict[str, Any]]:
    """Name → {"ms": median, "rounds": ms a step of each round, "peak_mb": …, "imports_mb": …, "threads": …}, or {"missing":
    the package that is not installed}. Only one of them computes at a time.

    Raises Disagreement when losses of the first steps differ by more than AGREEMENT from the first contender's.
    """
    found: dict[str, dict[str, Any]] = {}
    reference: tuple[str, list[float]] | None = None
    with ExitStack() as open_:
        servers: dict[str, Server] = {}
        for contender in contenders:
            say(f"preparing {contender.name}")
            server = None
            try:
                server = open_.enter_context(Server(contender.threads, contender.environment, contender.ranks))
                server.build(contender.target, **contender.options)
            except Missing as missing:
                found[contender.name] = {"missing": str(missing), "threads": contender.threads}
                say(f"{contender.name}: {missing} is not installed, left out\n")
                if server is not None:
                    server.close()
                continue
            losses = server.ask("losses", n=CHECKED_STEPS)
            if contender.compared:
                reference = reference or (contender.name, losses)
                if not np.allclose(losses, reference[1], rtol=AGREEMENT, atol=0.0):
                    raise Disagreement(
                        f"{contender.name} computes something else than {reference[0]}: losses {losses}, there {reference[1]}"
                    )
            servers[contender.name] = server
            found[contender.name] = {"threads": contender.threads, "rounds": []}
        for i in range(rounds):
            for contender in contenders:
                if contender.name not in servers or i >= (contender.rounds or rounds):
                    continue
                say(f"round {i + 1} of {rounds}: {contender.name}")
                time.sleep(SETTLE)
                seconds = servers[contender.name].ask("steps", n=steps_a_round)
                found[contender.name]["rounds"].append(1e3 * seconds / steps_a_round)
        for name, server in servers.items():
            found[name]["ms"] = statistics.median(found[name]["rounds"])
            memory = server.ask("memory")
            found[name] |= {"peak_mb": memory["peak"], "imports_mb": memory["imports"]}
    say("")
    return found


def say(what: str) -> None:
    """Progress: one line that is written over, where somebody watches it."""
    if sys.stdout.isatty():
        print(f"\r  {what:<100}", end="", flush=True)
    elif what.endswith("\n"):
        print(f"  {what}", end="", flush=True)
