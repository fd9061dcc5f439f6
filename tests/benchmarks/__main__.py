"""`make bench`: one training step of tinyllm next to PyTorch's, and the formulas alone next to their twins.

    python -m tests.benchmarks [--rounds N] [--configs S M] [--no-save]

A step is forward, loss, backward and AdamW, dropout 0, float32. All contenders start from the same weights and see the same
batches; their losses are compared before any time is. Rounds are interleaved: in each, every contender takes a few steps, so a
machine that slows down slows down everyone. Reported are medians and ratios of medians. Peers that are not installed are named.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.benchmarks.configs import CONFIGS, Config
from tests.benchmarks.steps import tinyllm_step, torch_step

RESULTS = Path(__file__).parent / "results"
WARMUP_STEPS, AGREEMENT = 3, 1e-4


def contenders(config: Config, cores: int) -> dict[str, Callable[[], float]]:
    """Name → a function that takes a step and answers its loss."""
    steps: dict[str, Callable[[], float]] = {}
    try:
        steps[f"PyTorch eager, {cores} threads"] = torch_step(config, cores)
        steps["PyTorch eager, 1 thread"] = torch_step(config, 1)
    except ImportError:
        print("PyTorch is not installed (make parity installs it): no comparison with it")
    steps[f"tinyllm, {cores} workers"] = tinyllm_step(config, cores)
    steps["tinyllm, 1 worker"] = tinyllm_step(config, 1)
    steps["tinyllm, 1 worker, formulas only"] = tinyllm_step(config, 1, formulas=True)
    return steps


def measure(steps: dict[str, Callable[[], float]], rounds: int, at_once: int) -> dict[str, list[float]]:
    """Seconds a step, one number a round, all contenders in every round."""
    losses = {name: [step() for _ in range(WARMUP_STEPS)] for name, step in steps.items()}
    first = next(iter(losses.values()))
    for name, found in losses.items():
        if not np.allclose(found, first, rtol=AGREEMENT):
            raise SystemExit(f"{name} computes something else: losses {found}, others {first}")
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for i in range(rounds):
        for name, step in steps.items():
            start = time.perf_counter()
            for _ in range(at_once):
                step()
            seconds[name].append((time.perf_counter() - start) / at_once)
        print(f"  round {i + 1} of {rounds}", end="\r", flush=True)
    return seconds


def table(medians: dict[str, float], cores: int) -> list[str]:
    """Milliseconds, and the ratio to PyTorch on as many threads."""
    lines = ["| contender | ms a step | against PyTorch on as many threads |", "|---|---|---|"]
    for name, seconds in medians.items():
        peer = medians.get(f"PyTorch eager, {cores} threads" if f"{cores} " in name else "PyTorch eager, 1 thread")
        lines.append(f"| {name} | {1e3 * seconds:.1f} | {f'{seconds / peer:.2f}' if peer else '–'} |")
    return lines


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=15)
    options.add_argument("--configs", nargs="+", choices=CONFIGS, default=list(CONFIGS))
    options.add_argument("--no-save", action="store_true", help=f"leave {RESULTS.name}/ as it is")
    args = options.parse_args()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cores = min(cores, 8)
    found, lines = {}, [
        "# A training step\n",
        f"{cores} cores, {platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}. Forward, loss, "
        f"backward, AdamW; float32; medians of {args.rounds} interleaved rounds. Written by `make bench`.\n",
    ]
    for name in args.configs:
        config = CONFIGS[name]
        print(f"{name}: {config}")
        seconds = measure(contenders(config, cores), args.rounds, config.steps_a_round)
        medians = {contender: statistics.median(values) for contender, values in seconds.items()}
        found[name] = {contender: {"median": medians[contender], "rounds": values} for contender, values in seconds.items()}
        lines += [f"\n## {name}: {config}\n", *table(medians, cores)]
        print("\n".join(table(medians, cores)))
    if not args.no_save:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "training_step.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (RESULTS / "training_step.json").write_text(json.dumps(found, indent=1) + "\n")
        print(f"written to {RESULTS}")


if __name__ == "__main__":
    main()
