"""Generation of one text, a token at a time, with a cache of keys and values: tinyllm, PyTorch, and what memory allows.

Same random weights, float32, greedy; the texts are compared before any time is. `tinyllm_turn(config_name, threads)` and its
like answer a function that takes one turn and returns the seconds of one of its tokens; `make bench ARGS=generation` takes them
in turns, each in a process that was given its threads before NumPy was imported.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import islice

import numpy as np

from tinyllm import manual_seed
from tinyllm.generation import generate, stream
from tinyllm.models import GPT, GPTConfig, Llama, LlamaConfig

CONFIGS = {
    "S": GPTConfig(65, 64, 4, 4, 128),
    "M": GPTConfig(65, 256, 6, 6, 384),
    "GPT-2 small": GPTConfig(50257, 1024, 12, 12, 768, bias=True),
    "SmolLM2": LlamaConfig(49152, 8192, 30, 9, 576, 1536, n_kv_heads=3, norm_eps=1e-5, rope_base=1e5),      # 135M
}
TOKENS = {"S": 48, "M": 64, "GPT-2 small": 12, "SmolLM2": 12}      # timed in a turn
PROMPT = [1, 2, 3, 5, 8, 13, 21, 34]

Turn = Callable[[], float]


@lru_cache(1)
def model(config_name: str) -> GPT:
    manual_seed(0)
    config = CONFIGS[config_name]
    return (Llama if isinstance(config, LlamaConfig) else GPT)(config).eval()


def tinyllm_turn(config_name: str, threads: int) -> Turn:
    gpt, n = model(config_name), TOKENS[config_name]

    def turn() -> float:
        tokens = stream(gpt, PROMPT, n + 2, greedy=True)
        list(islice(tokens, 2))                         # the prompt is read, the twin is made
        start = time.perf_counter()
        list(tokens)
        return (time.perf_counter() - start) / n

    return turn


def torch_turn(config_name: str, threads: int) -> Turn:
    """PyTorch eager, as one writes it by hand. Raises ImportError without it, RuntimeError for another text than tinyllm's."""
    import torch

    torch.set_num_threads(threads)
    step, n = torch_step(config_name), TOKENS[config_name]

    def text(n: int) -> tuple[list[int], float]:
        with torch.inference_mode():
            for t, token in enumerate(PROMPT):
                new = [step(token, t)]
            new.append(step(new[0], len(PROMPT)))
            start = time.perf_counter()
            for t in range(len(PROMPT) + 1, len(PROMPT) + 1 + n):
                new.append(step(new[-1], t))
        return new, time.perf_counter() - start

    if text(6)[0] != generate(model(config_name), PROMPT, 8, greedy=True)[0]:
        raise RuntimeError(f"{config_name}: PyTorch writes another text than tinyllm")
    return lambda: text(n)[1] / n


def torch_step(config_name: str) -> Callable[[int, int], int]:
    """(token, its position) → the likeliest next one."""
    import torch
    import torch.nn.functional as F

    c = CONFIGS[config_name]
    w = {name: torch.from_numpy(p.data) for name, p in model(config_name).named_parameters()}
    layers = [
        {name.removeprefix(f"layers.{i}."): p for name, p in w.items() if name.startswith(f"layers.{i}.")}
        for i in range(c.n_layers)
    ]
    n_kv, d, half = c.n_kv_heads or c.n_heads, c.d_head, c.d_head // 2
    room = (c.n_layers, 1, n_kv, c.context, d)
    keys, values = torch.empty(room), torch.empty(room)
    angles = torch.arange(c.context)[:, None] * c.rope_base ** (-torch.arange(0, d, 2) / d)
    cos, sin = torch.cos(angles).repeat(1, 2), torch.sin(angles).repeat(1, 2)                   # (context, D)

    def linear(x: torch.Tensor, weights: dict[str, torch.Tensor], name: str) -> torch.Tensor:
        return F.linear(x, weights[f"{name}.weight"], weights.get(f"{name}.bias"))

    def norm(x: torch.Tensor, weights: dict[str, torch.Tensor], name: str) -> torch.Tensor:
        if c.norm == "rms":
            return F.rms_norm(x, (c.d_model,), weights[f"{name}.weight"], c.norm_eps or 1e-6)
        return F.layer_norm(x, (c.d_model,), weights[f"{name}.weight"], weights.get(f"{name}.bias"))

    def turn(x: torch.Tensor, t: int) -> torch.Tensor:
        return x * cos[t] + torch.cat([-x[..., half:], x[..., :half]], -1) * sin[t]

    def step(token: int, t: int) -> int:
        x = w["embedding.weight"][token][None, None]                                            # (1, 1, C)
        if c.positions == "learned":
            x = x + w["positions.weight"][t]
        for i, layer in enumerate(layers):
            h = norm(x, layer, "attention_norm")
            q, k, v = (linear(h, layer, f"attention.{name}_proj").view(1, 1, -1, d).transpose(1, 2) for name in "qkv")
            if c.positions == "rotary":
                q, k = turn(q, t), turn(k, t)
            keys[i, :, :, t : t + 1], values[i, :, :, t : t + 1] = k, v
            seen = keys[i, :, :, : t + 1], values[i, :, :, : t + 1]
            y = F.scaled_dot_product_attention(q, *seen, enable_gqa=n_kv != c.n_heads).transpose(1, 2).reshape(1, 1, -1)
            x = x + linear(y, layer, "attention.o_proj")
            h = norm(x, layer, "feed_forward_norm")
            up = linear(h, layer, "feed_forward.up")
            if c.activation == "swiglu":
                h = F.silu(linear(h, layer, "feed_forward.gate")) * up
            else:
                h = F.gelu(up, approximate="tanh")
            x = x + linear(h, layer, "feed_forward.down")
        head = w.get("head.weight", w["embedding.weight"])
        return int(F.linear(norm(x, w, "norm"), head).argmax())

    return step


def bandwidth_turn(config_name: str, threads: int) -> Turn:
    """Every weight once through the processor, by the product that reads fastest: w · w of all numbers in a row. Several
    threads share the arrays; there in rows of 256, for NumPy lets other threads run only where a product has many rows."""
    weights = [p.data.reshape(-1) for name, p in model(config_name).named_parameters() if name != "positions.weight"]
    product = np.dot
    if threads > 1:
        weights, product = [weight[: len(weight) // 256 * 256].reshape(-1, 256) for weight in weights], np.vecdot
    shares: list[list[np.ndarray]] = [[] for _ in range(threads)]
    for weight in sorted(weights, key=np.size, reverse=True):
        min(shares, key=lambda share: sum(map(np.size, share))).append(weight)
    mine, *others = shares

    def read(share: Sequence[np.ndarray]) -> None:
        for weight in share:
            product(weight, weight)

    def turn() -> float:
        time.sleep(0.3 * (threads > 1))                 # BLAS's threads look for work for a while, then sleep
        start = time.perf_counter()
        helpers = [threading.Thread(target=read, args=(share,)) for share in others]
        for helper in helpers:
            helper.start()
        read(mine)
        for helper in helpers:
            helper.join()
        return time.perf_counter() - start

    return turn


def beside_limit(config_name: str, threads: int) -> Turn:
    """tinyllm's and the limit's, by turns, of the same weights: where those lie in memory decides how fast they are read."""
    turns = itertools.cycle([tinyllm_turn(config_name, threads), bandwidth_turn(config_name, threads)])
    return lambda: next(turns)()
