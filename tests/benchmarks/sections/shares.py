"""Where a step's time goes: every twin, its way back, and the optimiser, timed inside a step of one worker."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from tests.benchmarks import pictures
from tests.benchmarks.configs import CONFIGS
from tests.benchmarks.report import Options, Result, table
from tests.benchmarks.server import Server

PARTS = {
    "linear": "linear", "attention": "attention", "layer_norm": "norm", "rms_norm": "norm", "gelu": "activation",
    "relu": "activation", "silu": "activation", "cross_entropy": "loss", "embedding": "embedding",
}
WARMUP = 3


def run(options: Options) -> Result:
    found: dict[str, dict[str, Any]] = {}
    for name in options.configs or (["S"] if options.quick else ["S", "M"]):
        steps = (4 if options.quick else 10) * CONFIGS[name].steps_a_round
        print(f"{name}: {steps} steps", flush=True)
        with Server(1) as server:
            target = "tests.benchmarks.sections.shares:measure"
            found[name] = server.ask("call", target=target, options={"config": name, "steps": steps})
    parts = set().union(*found.values()) - {"rest", "step_ms"}
    order = sorted(parts, key=lambda part: -max(of.get(part, 0.0) for of in found.values()))
    shares = {name: {part: of.get(part, 0.0) for part in [*order, "rest"]} for name, of in found.items()}
    shown = [[part, *(f"{of[part]:.1f}" for of in shares.values())] for part in [*order, "rest"]]
    shown.append(["ms a step", *(f"{of['step_ms']:.1f}" for of in found.values())])
    lines = [
        "Percent of a training step's time, one worker; medians over steps. A part is its twins, forward and backward; the "
        "embedding's is looking up and adding up its gradient, the head's product is linear. The rest is residual sums, "
        "splitting heads, the graph, adding up gradients, and checking that they are finite.\n",
        *table(["part", *found], shown),
    ]
    print("\n".join(lines[1:]), flush=True)
    figure = pictures.stacked(shares, "percent of a training step's time, one worker", "Where a training step's time goes")
    return Result("shares", "Where a training step's time goes", lines, {"found": found}, {"shares": figure})


def measure(config: str, steps: int) -> dict[str, float]:
    """Part → percent of the time, and "step_ms". Timers go around the twins' bodies and the optimiser's step."""
    from tests.benchmarks.peers.tinyllm import start
    from tinyllm.functional import FORMULAS

    loop, step = start(CONFIGS[config], 1)
    seconds: defaultdict[str, float] = defaultdict(float)

    def timed(part: str, f: Callable) -> Callable:
        def call(*args: Any) -> Any:
            begin = time.perf_counter()
            result = f(*args)
            seconds[part] += time.perf_counter() - begin
            return result

        return call

    def both_ways(part: str, fused: Callable) -> Callable:
        forward = timed(part, fused)

        def call(*args: Any) -> Any:
            value, vjp = forward(*args)
            return value, timed(part, vjp)

        return call

    for name, formula in FORMULAS.items():
        if formula.twin is not None:
            formula.twin.fused = both_ways(PARTS.get(name, name), formula.twin.fused)
    loop.shards.move = timed("optimiser", loop.shards.move)
    each: defaultdict[str, list[float]] = defaultdict(list)
    for i in range(WARMUP + steps):
        seconds.clear()
        begin = time.perf_counter()
        step()
        whole = time.perf_counter() - begin
        if i >= WARMUP:
            each["step_ms"].append(1e3 * whole)
            for part, value in seconds.items():
                each[part].append(100 * value / whole)
    found = {part: statistics.median(values) for part, values in each.items()}
    return found | {"rest": 100 - sum(value for part, value in found.items() if part != "step_ms")}
