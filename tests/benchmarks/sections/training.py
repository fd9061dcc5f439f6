"""A training step, forward, loss, backward and AdamW: every contender from the same weights on the same batches."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks import pictures
from tests.benchmarks.configs import CONFIGS, SIZES
from tests.benchmarks.peers import tinyllm
from tests.benchmarks.report import Options, Result, ratio, table
from tests.benchmarks.rounds import Contender, compare, say

PEER = "tests.benchmarks.peers"
DEFAULT = [name for name in CONFIGS if name != "tiny" and name not in SIZES]
BASE = "PyTorch eager"
ABOUT = (
    "A step is forward, loss, backward and AdamW, in float32, without dropout. Medians of interleaved rounds; all start from "
    "the same weights and see the same batches, and their losses agreed to 1e-4 over the first steps (the products have "
    "none).\n",
    "Ratios are to PyTorch eager (`F.scaled_dot_product_attention`, AdamW as it comes) on as many threads as tinyllm has "
    "workers, which are processes or threads as `train` chooses: below 1 is faster, or smaller. *Peak* is the largest resident "
    "memory of the process in its whole life, the imports among it, MB of 2²⁰ bytes; where a contender has several "
    "processes, the first one's peak and the most that the others were seen to hold "
    "beside it. *Over its imports*: the peak less what the process held before it built the model. JAX compiles a step and "
    "torch.compile its forward and backward pass before the clock starts; compiling counts in the peak.\n",
)


def run(options: Options) -> Result:
    found: dict[str, dict[str, dict[str, Any]]] = {}
    lines = list(ABOUT)
    for name in options.configs or (["S"] if options.quick else DEFAULT):
        config = CONFIGS[name]
        print(f"{name}: {config}", flush=True)
        rounds = options.rounds or (3 if options.quick else config.rounds)
        found[name] = measure(name, options, rounds)
        shown = rows(found[name])
        print("\n".join(shown), flush=True)
        lines += [f"## {name}: {config}\n", f"{rounds} rounds of {config.steps_a_round} steps.\n", *shown]
    figure = pictures.contenders(found, f"A training step by contender, {options.cores} cores: ms, less is faster")
    return Result("training_step", "A training step", lines, {"found": found}, {"training_step": figure})


def measure(
    name: str, options: Options, rounds: int, among: Callable[[Contender], bool] = lambda contender: True
) -> dict[str, dict[str, Any]]:
    """The contenders of one config, all or those `among` which is true, from the same weights."""
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "weights.npz"
        np.savez(weights, **tinyllm.weights(name))
        chosen = [contender for contender in contenders(name, str(weights), options) if among(contender)]
        return compare(chosen, rounds, CONFIGS[name].steps_a_round)


def contenders(name: str, weights: str, options: Options) -> list[Contender]:
    """The first is the one that the others' losses are compared with."""
    config, n = CONFIGS[name], options.cores
    gpt, tanh = config.family == "gpt", config.gelu == "tanh"
    both = [n, 1] if n > 1 else [1]
    ours, file = {"config": name}, {"config": name, "weights": weights}
    of = [
        Contender(f"tinyllm, {t} worker{'s' * (t > 1)}", f"{PEER}.tinyllm:build", {**ours, "workers": t}, t) for t in both
    ]
    of.append(Contender("tinyllm, formulas only, 1 worker", f"{PEER}.tinyllm:build", {**ours, "formulas": True}))
    flavours: dict[str, dict[str, bool]] = {
        BASE: {}, "PyTorch, fused AdamW": {"fused": True},
        "torch.compile, fused AdamW": {"fused": True, "compiled": True},
    }
    for label, flags in flavours.items():
        if flags.get("compiled") and options.quick:
            say(f"{label}: left out by --quick, compiling takes long\n")
            continue
        of += [
            Contender(f"{label}, {_threads(t)}", f"{PEER}.pytorch:build", {**file, "threads": t, **flags}, t) for t in both
        ]
    if gpt:
        of += [Contender(f"JAX jit, {_threads(t)}", f"{PEER}.jax:build", file, t) for t in both]
    if gpt and tanh:
        of += [Contender(f"HIPS autograd, {_threads(t)}", f"{PEER}.hips:build", file, t, rounds=3) for t in both]
    floor = f"{PEER}.products:build"
    of += [Contender(f"its matrix products alone, {_threads(t)}", floor, ours, t, compared=False) for t in both]
    return of


def rows(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The table of one config."""
    shown = []
    for name, of in found.items():
        if "missing" in of:
            shown.append([name, f"{of['missing']} is not installed", None, None, None, None])
            continue
        peer = found.get(f"{BASE}, {_threads(of['threads'])}", {})
        memory: list[str | None] = [
            f"{of['peak_mb']:.0f}", ratio(of["peak_mb"], peer.get("peak_mb")), f"{of['peak_mb'] - of['imports_mb']:.0f}"
        ]
        if "products" in name:                          # they hold every operand at once, as no step does
            memory = [None] * 3
        shown.append([name, f"{of['ms']:.1f}", ratio(of["ms"], peer.get("ms")), *memory])
    return table(["contender", "ms a step", "time / PyTorch", "peak, MB", "peak / PyTorch", "over its imports, MB"], shown)


def _threads(n: int) -> str:
    return f"{n} thread{'s' * (n > 1)}"
