"""Attention against length: time and memory of forward and backward, causal, one thread, a process a cell."""

from __future__ import annotations

import statistics
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.benchmarks import memory, pictures
from tests.benchmarks.report import Options, Result, table
from tests.benchmarks.rounds import say
from tests.benchmarks.server import Missing, Server

LENGTHS, TOKENS, HEADS, WIDTH = (64, 256, 1024, 2048, 4096), 4096, 6, 64
WAYS = ("tinyllm, formula", "tinyllm, twin", "PyTorch, by hand", "PyTorch, fused")


def run(options: Options) -> Result:
    lengths = (64, 256, 1024) if options.quick else LENGTHS
    found: dict[str, dict[int, dict[str, float]]] = {}
    missing: list[str] = []
    for way in WAYS:
        for length in lengths:
            say(f"attention, {way}, length {length}")
            repeats = options.rounds or (2 if options.quick else 3 if length > 1024 else 5)
            with Server(1) as server:
                asked = {"way": way, "length": length, "repeats": repeats}
                try:
                    cell = server.ask("call", target="tests.benchmarks.sections.attention:measure", options=asked)
                except Missing as package:
                    missing.append(f"{way}: {package} is not installed, left out.\n")
                    say(missing[-1])
                    break
            found.setdefault(way, {})[length] = cell
    say("")

    def rows(key: str) -> list[list[Any]]:
        return [[way, *(f"{of[t][key]:,.0f}" if key in of[t] else None for t in lengths)] for way, of in found.items()]

    lines = [
        f"{TOKENS:,} tokens in all, so fewer texts where they are longer; {HEADS} heads of {WIDTH}, causal, forward and "
        "backward, float32, one thread. Each cell is a process of its own.\n", *missing,
        "## Time, ms\n", *table(["length", *map(str, lengths)], rows("ms")),
        "## Growth of the process's peak over what it held before, MB\n",
        "Includes the results and what the allocator keeps.\n", *table(["length", *map(str, lengths)], rows("process_mb")),
        "## Peak of NumPy's own arrays (tracemalloc), MB\n",
        *table(["length", *map(str, lengths)], [row for row in rows("arrays_mb") if "tinyllm" in row[0]]),
    ]
    print("\n".join(lines), flush=True)
    sides = [
        (label, {way: [(t, of[t][key]) for t in lengths] for way, of in found.items()})
        for label, key in (("ms", "ms"), ("MB more than before, at the peak", "process_mb"))
    ]
    title = f"Attention against length: {TOKENS:,} tokens in all, forward and backward, 1 thread"
    figure = pictures.curves(sides, "length of a text, tokens", lengths, title)
    return Result("attention", "Attention against length", lines, {"found": found}, {"attention": figure})


def measure(way: str, length: int, repeats: int) -> dict[str, float]:
    """One cell: median ms, the growth of the process's peak in the first call, and of NumPy's arrays in a traced one."""
    step = (torch_attention if "PyTorch" in way else our_attention)(way)
    step(*drawn(64, 1))                                 # what a library sets up on first use is not attention's
    inputs = drawn(length, TOKENS // length)
    before = memory.now()
    step(*inputs)
    grown = memory.peak() - before
    seconds = []
    for _ in range(repeats):
        begin = time.perf_counter()
        step(*inputs)
        seconds.append(time.perf_counter() - begin)
    found = {"ms": 1e3 * statistics.median(seconds), "process_mb": grown}
    if "tinyllm" in way:
        tracemalloc.start()
        step(*inputs)
        found["arrays_mb"] = tracemalloc.get_traced_memory()[1] / memory.MB
    return found


def drawn(length: int, batch: int) -> list[np.ndarray]:
    """q, k, v and the output's gradient, (B, H, T, D)."""
    rng = np.random.default_rng(0)
    return [rng.standard_normal((batch, HEADS, length, WIDTH), dtype=np.float32) for _ in range(4)]


def our_attention(way: str) -> Callable[..., None]:
    from tinyllm import Tensor
    from tinyllm.functional import attention
    from tinyllm.training import keep_freed_memory

    keep_freed_memory()
    run = attention.formula if "formula" in way else attention
    if "formula" in way:
        from tinyllm.functional import FORMULAS

        for formula in FORMULAS.values():               # the softmax inside it, too
            formula.twin = None

    def step(q: np.ndarray, k: np.ndarray, v: np.ndarray, g: np.ndarray) -> None:
        leaves = [Tensor(x, requires_grad=True) for x in (q, k, v)]
        run(*leaves, causal=True).backward(g)

    return step


def torch_attention(way: str) -> Callable[..., None]:
    import math

    import torch
    import torch.nn.functional as F

    torch.set_num_threads(1)

    def by_hand(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        future = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
        return scores.masked_fill(future, -torch.inf).softmax(dim=-1) @ v

    def step(*arrays: np.ndarray) -> None:
        q, k, v, g = map(torch.from_numpy, arrays)
        leaves = [x.detach().requires_grad_() for x in (q, k, v)]
        y = F.scaled_dot_product_attention(*leaves, is_causal=True) if "fused" in way else by_hand(*leaves)
        y.backward(g)

    return step
