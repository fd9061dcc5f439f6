"""The same GPT step in HIPS autograd, tanh GELU only: plain formulas in autograd.numpy, AdamW by hand in place."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import autograd.numpy as np
import numpy
from autograd import value_and_grad

from tests.benchmarks.configs import BETAS, CONFIGS, EPS, LR, WEIGHT_DECAY, Config, batches

Arrays = dict[str, Any]


def build(config: str, weights: str) -> Callable[[], float]:
    c = CONFIGS[config]
    with numpy.load(weights) as file:
        w: Arrays = {name: file[name] for name in file.files}
    m = {name: numpy.zeros_like(x) for name, x in w.items()}
    v = {name: numpy.zeros_like(x) for name, x in w.items()}
    data, t = batches(c), 0
    loss_and_gradients = value_and_grad(lambda w, batch: loss_of(c, w, batch["ids"], batch["targets"]))

    def run() -> float:
        nonlocal t
        loss, gradients = loss_and_gradients(w, data[t % len(data)])
        t += 1
        for name, g in gradients.items():
            adamw(w[name], g, m[name], v[name], t)
        return float(loss)

    return run


def adamw(x: Any, g: Any, m: Any, v: Any, t: int) -> None:
    b1, b2 = BETAS
    if x.ndim >= 2:
        x *= 1 - LR * WEIGHT_DECAY
    m *= b1
    m += (1 - b1) * g
    v *= b2
    v += (1 - b2) * g * g
    x -= LR / (1 - b1**t) * m / (numpy.sqrt(v) / math.sqrt(1 - b2**t) + EPS)


def loss_of(c: Config, w: Arrays, ids: Any, targets: Any) -> Any:
    B, T = ids.shape
    hidden = numpy.triu(numpy.full((T, T), -1e9, numpy.float32), 1)
    x = w["embedding.weight"][ids] + w["positions.weight"]                          # (B, T, C)
    for i in range(c.layers):
        layer = f"layers.{i}."
        h = layer_norm(x, w[layer + "attention_norm.weight"])
        q, k, v = (heads(np.dot(h, w[f"{layer}attention.{n}_proj.weight"].T), c.heads) for n in "qkv")
        scores = np.matmul(q, np.swapaxes(k, 2, 3)) / math.sqrt(c.width // c.heads) + hidden
        e = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
        p = e / np.sum(e, axis=-1, keepdims=True)                                   # (B, H, T, T)
        a = np.reshape(np.swapaxes(np.matmul(p, v), 1, 2), (B, T, c.width))
        x = x + np.dot(a, w[layer + "attention.o_proj.weight"].T)
        h = np.dot(layer_norm(x, w[layer + "feed_forward_norm.weight"]), w[layer + "feed_forward.up.weight"].T)
        h = 0.5 * h * (1.0 + np.tanh(math.sqrt(2 / math.pi) * (h + 0.044715 * h * h * h)))
        x = x + np.dot(h, w[layer + "feed_forward.down.weight"].T)
    logits = np.reshape(np.dot(layer_norm(x, w["norm.weight"]), w["embedding.weight"].T), (B * T, -1))
    logits = logits - np.max(logits, axis=-1, keepdims=True)
    right = logits[numpy.arange(B * T), targets.reshape(-1)]
    return np.mean(np.log(np.sum(np.exp(logits), axis=-1)) - right)


def heads(x: Any, n: int) -> Any:
    B, T, C = x.shape
    return np.swapaxes(np.reshape(x, (B, T, n, C // n)), 1, 2)                      # (B, H, T, D)


def layer_norm(x: Any, weight: Any) -> Any:
    x = x - np.mean(x, axis=-1, keepdims=True)
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + 1e-5) * weight
