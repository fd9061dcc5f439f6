"""`make bench-gpu`: a training step on a GPU, tinyllm on CuPy next to PyTorch.

    python -m tests.benchmarks.gpu [--configs S M GPT-2] [--steps N] [--contenders …]

A step is forward, loss, backward and AdamW of a GPT without dropout, its batches waiting on the device. Each contender runs in
a process of its own (how float32 products are computed is settled when a library starts, and so is whose the memory is), from
the same weights; the first losses are compared before any time is. Times are from one synchronised moment to another, over
several steps, the median of rounds. TF32 rounds the operands of products to 10 bits of mantissa, bfloat16 to 7.

`--stand-in` runs tinyllm's part on the stand-in for CuPy: whether it runs, not how fast.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests import gpu
from tests.cupy_standin import install

BETAS, EPS, LR, WEIGHT_DECAY = (0.9, 0.95), 1e-8, 1e-3, 0.1
WARMUP, ROUNDS, N_BATCHES = 5, 7, 4


@dataclass(frozen=True)
class Size:
    layers: int
    heads: int
    width: int
    context: int
    batch: int
    vocab: int


SIZES = {
    "S": Size(4, 4, 128, 64, 12, 65),                   # nanoGPT's recipe for a CPU
    "M": Size(6, 6, 384, 256, 8, 65),
    "GPT-2": Size(12, 12, 768, 1024, 8, 50257),         # 124 million parameters, 8,192 tokens
    "tiny": Size(1, 2, 16, 8, 2, 11),                   # for the stand-in
}
Step = Callable[[], Any]
"""Takes a step and answers its loss, still on the device."""

CONTENDERS = {
    "tinyllm float32": ("tinyllm", "float32"),
    "tinyllm TF32": ("tinyllm", "tf32"),
    "tinyllm bfloat16": ("tinyllm", "bfloat16"),
    "PyTorch float32": ("torch", "float32"),
    "PyTorch TF32": ("torch", "tf32"),
    "PyTorch bfloat16": ("torch", "bfloat16"),
    "torch.compile TF32": ("torch", "tf32 compiled"),
    "torch.compile bfloat16": ("torch", "bfloat16 compiled"),
}
PEER = {"float32": "PyTorch float32", "tf32": "PyTorch TF32", "bfloat16": "PyTorch bfloat16"}
AGREEMENT = {"float32": 1e-4, "tf32": 2e-3, "bfloat16": 2e-2}


def batches(size: Size) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [rng.integers(0, size.vocab, (size.batch, size.context + 1)) for _ in range(N_BATCHES)]


def model(size: Size) -> Any:
    from tinyllm import manual_seed
    from tinyllm.models import GPT, GPTConfig

    manual_seed(0)
    return GPT(GPTConfig(size.vocab, size.context, size.layers, size.heads, size.width))


def tinyllm_step(size: Size, precision: str) -> tuple[Step, Callable[[], None], Callable[[Any], float]]:
    """A step, what waits for the device, and a loss as a number."""
    import cupy

    from tinyllm import backend
    from tinyllm import functional as F
    from tinyllm.optim import AdamW, decay_groups

    gpt = model(size).to("cuda")
    optimizer = AdamW(decay_groups(gpt, WEIGHT_DECAY), lr=LR, betas=BETAS, eps=EPS)
    data, t = [backend.to_device(batch, "cuda") for batch in batches(size)], 0

    def step() -> Any:
        nonlocal t
        ids = data[t % N_BATCHES]
        t += 1
        with F.precision("bfloat16") if precision == "bfloat16" else nullcontext():
            loss = F.cross_entropy(gpt(ids[:, :-1]), ids[:, 1:])
            loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss

    return step, cupy.cuda.Device().synchronize, lambda loss: float(loss.item())


def torch_step(size: Size, precision: str) -> tuple[Step, Callable[[], None], Callable[[Any], float]]:
    import torch
    import torch.nn.functional as F

    kind = precision.split()[0]
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = kind != "float32"
    weights = {name: torch.nn.Parameter(torch.from_numpy(x.copy()).cuda()) for name, x in model(size).state_dict().items()}
    data, t = [torch.from_numpy(batch).cuda() for batch in batches(size)], 0
    matrices, vectors = ([p for p in weights.values() if (p.ndim >= 2) is many] for many in (True, False))
    groups = [{"params": matrices, "weight_decay": WEIGHT_DECAY}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=LR, betas=BETAS, eps=EPS, fused=True)

    def loss_of(ids: Any, targets: Any) -> Any:
        B, T = ids.shape
        x = F.embedding(ids, weights["embedding.weight"]) + weights["positions.weight"][:T]
        for i in range(size.layers):
            w = {name.removeprefix(f"layers.{i}."): p for name, p in weights.items() if name.startswith(f"layers.{i}.")}
            h = norm(x, w, "attention_norm")
            q, k, v = (F.linear(h, w[f"attention.{n}_proj.weight"], w.get(f"attention.{n}_proj.bias")) for n in "qkv")
            q, k, v = (y.view(B, T, size.heads, -1).transpose(1, 2) for y in (q, k, v))
            a = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(B, T, size.width)
            x = x + F.linear(a, w["attention.o_proj.weight"], w.get("attention.o_proj.bias"))
            h = norm(x, w, "feed_forward_norm")
            h = F.gelu(F.linear(h, w["feed_forward.up.weight"], w.get("feed_forward.up.bias")), approximate="tanh")
            x = x + F.linear(h, w["feed_forward.down.weight"], w.get("feed_forward.down.bias"))
        logits = F.linear(norm(x, weights, "norm"), weights["embedding.weight"])
        return F.cross_entropy(logits.view(B * T, -1), targets.reshape(-1))

    def norm(x: Any, w: Any, name: str) -> Any:
        return F.layer_norm(x, (size.width,), w[f"{name}.weight"], w.get(f"{name}.bias"))

    forward = torch.compile(loss_of) if "compiled" in precision else loss_of

    def step() -> Any:
        nonlocal t
        ids = data[t % N_BATCHES]
        t += 1
        with torch.autocast("cuda", torch.bfloat16, enabled=kind == "bfloat16"):
            loss = forward(ids[:, :-1], ids[:, 1:])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss

    return step, torch.cuda.synchronize, lambda loss: float(loss)


def measure(contender: str, size: Size, steps: int, rounds: int = ROUNDS) -> dict[str, Any]:
    """The first losses, and seconds a step, a number for each round."""
    library, precision = CONTENDERS[contender]
    step, wait, number = (tinyllm_step if library == "tinyllm" else torch_step)(size, precision)
    losses = [number(step()) for _ in range(WARMUP)]
    seconds = []
    for _ in range(rounds):
        wait()
        start = time.perf_counter()
        for _ in range(steps):
            step()
        wait()
        seconds.append((time.perf_counter() - start) / steps)
    return {"losses": losses, "seconds": seconds}


def in_a_process(contender: str, size: str, steps: int) -> dict[str, Any]:
    """What `measure` finds, or {"missing": why}. CuPy reads CUPY_TF32 at its first product."""
    _, precision = CONTENDERS[contender]
    environment = os.environ | {"CUPY_TF32": "0" if precision == "float32" else "1"}
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        command = [sys.executable, "-m", "tests.benchmarks.gpu", "--one", contender, "--configs", size, "--steps", str(steps)]
        done = subprocess.run([*command, "--answer", str(answer)], env=environment, capture_output=True, text=True)
        if not answer.exists():
            return {"missing": (done.stderr.strip().splitlines() or ["no answer"])[-1]}
        return json.loads(answer.read_text())


def table(found: dict[str, dict[str, Any]]) -> list[str]:
    """Markdown: milliseconds, and the ratio to PyTorch eager in the same arithmetic. Stops where the losses differ."""
    first = next((f["losses"][0] for f in found.values() if "losses" in f), None)
    medians = {name: statistics.median(f["seconds"]) for name, f in found.items() if "seconds" in f}
    lines = ["| contender | ms a step | against PyTorch eager in the same arithmetic |", "|---|---|---|"]
    for name, f in found.items():
        if "missing" in f:
            lines.append(f"| {name} | – | not measured: {f['missing']} |")
            continue
        kind = CONTENDERS[name][1].split()[0]
        if not np.isclose(f["losses"][0], first, rtol=AGREEMENT[kind]):
            raise SystemExit(f"{name} computes something else: its first loss is {f['losses'][0]}, others' {first}")
        peer = medians.get(PEER[kind])
        lines.append(f"| {name} | {1e3 * medians[name]:.2f} | {f'{medians[name] / peer:.2f}' if peer else '–'} |")
    return lines


def main(arguments: list[str] | None = None) -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--configs", nargs="+", choices=SIZES, default=["S", "M", "GPT-2"])
    options.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    options.add_argument("--steps", type=int, default=20, help="in a round")
    options.add_argument("--stand-in", action="store_true", help="without a GPU: does it run?")
    options.add_argument("--one", choices=CONTENDERS, help=argparse.SUPPRESS)
    options.add_argument("--answer", type=Path, help=argparse.SUPPRESS)
    args = options.parse_args(arguments)
    if args.stand_in:
        with install():
            for name in (name for name, (library, _) in CONTENDERS.items() if library == "tinyllm"):
                print(f"{name}, on the stand-in: losses {measure(name, SIZES['tiny'], 1, 1)['losses']}")
        return
    if missing := gpu.why_none(cupy_too=False):
        raise SystemExit(f"{missing}. Nothing was measured. --stand-in runs tinyllm's part without a GPU.")
    if args.one:
        args.answer.write_text(json.dumps(measure(args.one, SIZES[args.configs[0]], args.steps)))
        return
    for size in args.configs:
        print(f"\n## {size}: {SIZES[size]}\n", flush=True)
        print("\n".join(table({name: in_a_process(name, size, args.steps) for name in args.contenders})), flush=True)


if __name__ == "__main__":
    main()
