"""The same GPT step in JAX: jax.numpy, grad, jit; AdamW by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tests.benchmarks.configs import BETAS, CONFIGS, EPS, LR, WEIGHT_DECAY, Config, batches

Arrays = dict[str, Any]


def build(config: str, weights: str) -> Callable[[], float]:
    c = CONFIGS[config]
    with np.load(weights) as file:
        w = {name: jnp.asarray(file[name]) for name in file.files}
    m, v = jax.tree.map(jnp.zeros_like, w), jax.tree.map(jnp.zeros_like, w)
    data, step = [{k: jnp.asarray(x) for k, x in batch.items()} for batch in batches(c)], 0
    update = jax.jit(partial(step_of, c), donate_argnums=(0, 1, 2))

    def run() -> float:
        nonlocal w, m, v, step
        step += 1
        loss, w, m, v = update(w, m, v, float(step), data[(step - 1) % len(data)])
        jax.block_until_ready(w)
        return float(loss)

    return run


def step_of(c: Config, w: Arrays, m: Arrays, v: Arrays, t: Any, batch: Arrays) -> tuple[Any, Arrays, Arrays, Arrays]:
    loss, g = jax.value_and_grad(loss_of, argnums=1)(c, w, batch["ids"], batch["targets"])
    b1, b2 = BETAS
    m = jax.tree.map(lambda m, g: b1 * m + (1 - b1) * g, m, g)
    v = jax.tree.map(lambda v, g: b2 * v + (1 - b2) * g * g, v, g)

    def move(w: Any, m: Any, v: Any) -> Any:
        decay = WEIGHT_DECAY if w.ndim >= 2 else 0.0
        return w * (1 - LR * decay) - LR * (m / (1 - b1**t)) / (jnp.sqrt(v / (1 - b2**t)) + EPS)

    return loss, jax.tree.map(move, w, m, v), m, v


def loss_of(c: Config, w: Arrays, ids: Any, targets: Any) -> Any:
    B, T = ids.shape
    past = jnp.tril(jnp.ones((T, T), bool))
    x = w["embedding.weight"][ids] + w["positions.weight"]                          # (B, T, C)
    for i in range(c.layers):
        layer = f"layers.{i}."
        h = layer_norm(x, w[layer + "attention_norm.weight"])
        q, k, v = (
            (h @ w[f"{layer}attention.{n}_proj.weight"].T).reshape(B, T, c.heads, -1).swapaxes(1, 2) for n in "qkv"
        )                                                                           # (B, H, T, D)
        scores = q @ k.swapaxes(2, 3) / math.sqrt(q.shape[-1])
        p = jax.nn.softmax(jnp.where(past, scores, -jnp.inf))                       # (B, H, T, T)
        x = x + (p @ v).swapaxes(1, 2).reshape(B, T, -1) @ w[layer + "attention.o_proj.weight"].T
        h = layer_norm(x, w[layer + "feed_forward_norm.weight"]) @ w[layer + "feed_forward.up.weight"].T
        x = x + jax.nn.gelu(h, approximate=c.gelu == "tanh") @ w[layer + "feed_forward.down.weight"].T
    logits = layer_norm(x, w["norm.weight"]) @ w["embedding.weight"].T              # (B, T, V)
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits), targets[..., None], axis=-1))


def layer_norm(x: Any, weight: Any) -> Any:
    x = x - jnp.mean(x, axis=-1, keepdims=True)
    return x / jnp.sqrt(jnp.mean(x * x, axis=-1, keepdims=True) + 1e-5) * weight
