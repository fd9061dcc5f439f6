"""How long an import takes: a fresh Python each time, with what it compiled the time before."""

from __future__ import annotations

import importlib.util
import os
import statistics
import subprocess
import sys
import time

from tests.benchmarks.report import Options, Result, ratio, table
from tests.benchmarks.rounds import say
from tests.benchmarks.server import ROOT

MODULES = ("numpy", "tinyllm", "torch", "jax", "autograd.numpy")
ROUNDS = 15


def run(options: Options) -> Result:
    rounds = options.rounds or (5 if options.quick else ROUNDS)
    there = [name for name in MODULES if importlib.util.find_spec(name.partition(".")[0])]
    seconds: dict[str, list[float]] = {name: [] for name in ("nothing", *there)}
    for i in range(-1, rounds):                         # once before, to compile
        for name, of in seconds.items():
            say(f"round {i + 1} of {rounds}: import {name}")
            taken = fresh(name)
            if i >= 0:
                of.append(taken)
    ms = {name: 1e3 * statistics.median(of) for name, of in seconds.items()}
    rows = [[name, f"{ms[name]:.0f}", ratio(ms[name], ms["numpy"])] for name in ms]
    rows += [[name, "not installed", None] for name in MODULES if name not in there]
    lines = [f"Python started and ended around it, medians of {rounds} interleaved rounds.\n", *table(
        ["import", "ms", "time / NumPy"], rows)]
    print("\n".join(lines), flush=True)
    return Result("startup", "Start-up", lines, {"ms": ms, "rounds": seconds})


def fresh(name: str) -> float:
    """Seconds of `python -c "import name"`."""
    line = "pass" if name == "nothing" else f"import {name}"
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", line], check=True, cwd=ROOT, env=environment)
    return time.perf_counter() - start
