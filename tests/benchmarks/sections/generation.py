"""Generation, one text with a KV cache: tokens a second, next to PyTorch and to what reading the weights allows."""

from __future__ import annotations

import importlib.util
from typing import Any

from tests.benchmarks import pictures
from tests.benchmarks.report import Options, Result, ratio, table
from tests.benchmarks.rounds import say
from tests.benchmarks.server import Missing, Server

SIZES = ("S", "M", "GPT-2 small", "SmolLM2")
WAYS = {"tinyllm": "tinyllm_generation", "PyTorch": "torch_generation", "limit": "bandwidth_limit"}
MODULE = "tests.benchmarks.generation"


def run(options: Options) -> Result | None:
    if importlib.util.find_spec(MODULE) is None:
        print(f"  {MODULE} is not there: nothing to measure")
        return None
    found: dict[str, dict[str, float | str]] = {}
    for name in [name for name in options.configs or (("S",) if options.quick else SIZES) if name in SIZES]:
        for threads in [1, options.cores] if options.cores > 1 else [1]:
            row = found[f"{name}, {threads} thread{'s' * (threads > 1)}"] = {}
            for way, function in WAYS.items():
                say(f"generation, {name}, {threads} threads: {way}")
                row[way] = ask(function, name, threads)
    say("")
    shown = []
    for name, row in found.items():
        ours, peer, limit = (row[way] if isinstance(row[way], float) else None for way in WAYS)
        cells = [f"{row[way]:,.1f}" if isinstance(row[way], float) else row[way] for way in WAYS]
        shown.append([name, *cells, ratio(peer, ours), f"{100 * ours / limit:.0f}%" if ours and limit else None])
    lines = [
        "Tokens a second, greedy, one text, float32, with a cache of keys and values. Every token reads all weights once: "
        "*limit* is the memory's bandwidth, as measured here, divided by their size.\n",
        *table(["model", "tinyllm", "PyTorch eager", "limit", "our time / PyTorch's", "of the limit"], shown),
    ]
    print("\n".join(lines[1:]), flush=True)
    bars = {name: {way: v for way, v in row.items() if isinstance(v, float)} for name, row in found.items()}
    figure = pictures.grouped(bars, "tokens a second", "Generation of one text with a KV cache", log=True)
    return Result("generation", "Generation", lines, {"found": found}, {"generation": figure})


def ask(function: str, name: str, threads: int) -> float | str:
    """Tokens a second, or what is missing."""
    with Server(threads) as server:
        try:
            value: Any = server.ask("call", target=f"{MODULE}:{function}", options={"config_name": name, "threads": threads})
        except Missing as missing:
            return f"{missing} is not installed"
    return float(value)
