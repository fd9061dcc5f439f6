"""Generation, one text with a KV cache: tokens a second, next to PyTorch and to what reading the weights allows."""

from __future__ import annotations

import statistics
import time
from contextlib import ExitStack
from typing import Any

from tests.benchmarks import pictures
from tests.benchmarks.report import Options, Result, ratio, table
from tests.benchmarks.rounds import SETTLE, say
from tests.benchmarks.server import Missing, Server

SIZES = ("S", "M", "GPT-2 small", "SmolLM2")
OURS, PEER, LIMIT = "tinyllm", "PyTorch eager", "limit"
WAYS = (OURS, PEER, LIMIT)
TURNS = {OURS: ("beside_limit", (OURS, LIMIT)), PEER: ("torch_turn", (PEER,))}      # a process each: what it measures by turns
MODULE, ROUNDS = "tests.benchmarks.generation", 11


def run(options: Options) -> Result | None:
    rounds = options.rounds or (3 if options.quick else ROUNDS)
    found = {}
    for name in [name for name in options.configs or (("S",) if options.quick else SIZES) if name in SIZES]:
        for threads in [1, options.cores] if options.cores > 1 else [1]:
            found[f"{name}, {threads} thread{'s' * (threads > 1)}"] = measure(name, threads, rounds)
    say("")
    if not found:
        print(f"  generation has its own sizes: {', '.join(SIZES)}")
        return None
    shown = []
    for name, row in found.items():
        speed = {way: of.get("tokens_per_second") for way, of in row.items()}
        cells = [f"{of['missing']} is not installed" if "missing" in of else f"{speed[way]:,.1f}" for way, of in row.items()]
        share = f"{100 * speed[OURS] / speed[LIMIT]:.0f}%"
        memory = [f"{row[way]['peak_mb']:.0f}" if "peak_mb" in row[way] else None for way in (OURS, PEER)]
        shown.append([name, *cells, ratio(speed[PEER], speed[OURS]), share, *memory])
    lines = [
        "Tokens a second, greedy, one text, float32, with a cache of keys and values: medians of interleaved rounds, the same "
        "random weights, and the texts were compared first. Every token reads all weights once: *limit* is how often a second "
        "they can be read, by a product w · w of the same arrays in the same process, on as many threads, whose start counts: "
        "BLAS, whose threads wait, can be faster. (S's 3 MB stay in the processor's cache, where not reading but calling costs "
        "time.) Peaks are of whole processes, MB; PyTorch's holds "
        "tinyllm's code too, and the weights once.\n",
        *table(["model", *WAYS, "our time / PyTorch's", "of the limit", "our peak, MB", "PyTorch's peak, MB"], shown),
    ]
    print("\n".join(lines[1:]), flush=True)
    bars = {
        name.replace(", ", "\n"): {way: of["tokens_per_second"] for way, of in row.items() if "missing" not in of}
        for name, row in found.items()
    }
    figure = pictures.grouped(bars, "tokens a second, logarithmic", "Generation of one text with a KV cache", log=True)
    return Result("generation", "Generation", lines, {"found": found}, {"generation": figure})


def measure(name: str, threads: int, rounds: int) -> dict[str, dict[str, Any]]:
    """Way → tokens a second and the process's peak, or what is missing; all ways in every round."""
    found: dict[str, dict[str, Any]] = {way: {"seconds": []} for way in WAYS}
    with ExitStack() as open_:
        servers = {}
        for way, (function, measured) in TURNS.items():
            say(f"{name}, {threads} threads: preparing {way}")
            server = open_.enter_context(Server(threads))
            try:
                server.build(f"{MODULE}:{function}", config_name=name, threads=threads)
            except Missing as missing:
                found[way] = {"missing": str(missing)}
                continue
            server.ask("losses", n=len(measured))
            servers[way] = server
        for i in range(rounds):
            say(f"{name}, {threads} threads: round {i + 1} of {rounds}")
            for way, server in servers.items():
                time.sleep(SETTLE)
                measured = TURNS[way][1]
                for what, seconds in zip(measured, server.ask("losses", n=len(measured)), strict=True):
                    found[what]["seconds"].append(seconds)              # of one token
        for way, server in servers.items():
            found[way]["peak_mb"] = server.ask("memory")["peak"]
    for of in found.values():
        if "missing" not in of:
            of["tokens_per_second"] = 1 / statistics.median(of["seconds"])
    return found
