"""The same steps in PyTorch: fused attention, AdamW as it comes, fused, or with torch.compile."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.benchmarks.configs import BETAS, CONFIGS, EPS, LR, WEIGHT_DECAY, Config, batches

Weights = dict[str, Tensor]


def build(config: str, weights: str, threads: int, fused: bool = False, compiled: bool = False) -> Callable[[], float]:
    torch.set_num_threads(threads)
    c = CONFIGS[config]
    with np.load(weights) as file:
        w: Weights = {name: torch.nn.Parameter(torch.from_numpy(file[name])) for name in file.files}
    data, step = [{k: torch.from_numpy(v) for k, v in batch.items()} for batch in batches(c)], 0
    matrices, vectors = [p for p in w.values() if p.ndim >= 2], [p for p in w.values() if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": WEIGHT_DECAY}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=LR, betas=BETAS, eps=EPS, fused=fused or None)
    loss_of = LOSSES[c.family](c, w)
    if compiled:
        loss_of = torch.compile(loss_of)

    def run() -> float:
        nonlocal step
        loss = loss_of(data[step % len(data)])
        step += 1
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.item()

    return run


def gpt(c: Config, w: Weights) -> Callable[[dict[str, Tensor]], Tensor]:
    layers = [below(w, f"layers.{i}.") for i in range(c.layers)]

    def loss(batch: dict[str, Tensor]) -> Tensor:
        x = F.embedding(batch["ids"], w["embedding.weight"]) + w["positions.weight"]
        for layer in layers:
            h = norm(x, layer, "attention_norm")
            x = x + attention(h, h, layer, "attention", c.heads, causal=True)
            x = x + feed_forward(norm(x, layer, "feed_forward_norm"), layer, c)
        logits = F.linear(norm(x, w, "norm"), w["embedding.weight"])
        return F.cross_entropy(logits.flatten(0, 1), batch["targets"].flatten())

    return loss


def seq2seq(c: Config, w: Weights) -> Callable[[dict[str, Tensor]], Tensor]:
    encoder = [below(w, f"encoder.layers.{i}.") for i in range(c.layers)]
    decoder = [below(w, f"decoder.layers.{i}.") for i in range(c.layers)]
    angles = torch.arange(c.context)[:, None] * 10000.0 ** (-torch.arange(0, c.width, 2) / c.width)
    waves = torch.stack([angles.sin(), angles.cos()], dim=-1).reshape(c.context, c.width)

    def embed(ids: Tensor) -> Tensor:
        return F.embedding(ids, w["embedding.weight"]) * math.sqrt(c.width) + waves

    def loss(batch: dict[str, Tensor]) -> Tensor:
        m = embed(batch["ids"])
        for layer in encoder:
            m = norm(m + attention(m, m, layer, "attention", c.heads), layer, "attention_norm")
            m = norm(m + feed_forward(m, layer, c), layer, "feed_forward_norm")
        x = embed(batch["decoder_ids"])
        for layer in decoder:
            x = norm(x + attention(x, x, layer, "attention", c.heads, causal=True), layer, "attention_norm")
            x = norm(x + attention(x, m, layer, "cross_attention", c.heads), layer, "cross_norm")
            x = norm(x + feed_forward(x, layer, c), layer, "feed_forward_norm")
        return F.cross_entropy(F.linear(x, w["embedding.weight"]).flatten(0, 1), batch["targets"].flatten())

    return loss


def bert(c: Config, w: Weights) -> Callable[[dict[str, Tensor]], Tensor]:
    trunk = below(w, "trunk.")
    layers = [below(trunk, f"layers.{i}.") for i in range(c.layers)]

    def loss(batch: dict[str, Tensor]) -> Tensor:
        segments = F.embedding(torch.zeros_like(batch["ids"]), trunk["segments.weight"])
        x = F.embedding(batch["ids"], trunk["embedding.weight"]) + segments + trunk["positions.weight"]
        x = norm(x, trunk, "embedding_norm", 1e-12)
        for layer in layers:
            x = norm(x + attention(x, x, layer, "attention", c.heads), layer, "attention_norm", 1e-12)
            x = norm(x + feed_forward(x, layer, c), layer, "feed_forward_norm", 1e-12)
        return F.cross_entropy(linear(x[:, 0], w, "head"), batch["labels"])

    return loss


LOSSES = {"gpt": gpt, "seq2seq": seq2seq, "bert": bert}


def below(w: Weights, prefix: str) -> Weights:
    return {name.removeprefix(prefix): p for name, p in w.items() if name.startswith(prefix)}


def linear(x: Tensor, w: Weights, name: str) -> Tensor:
    return F.linear(x, w[f"{name}.weight"], w.get(f"{name}.bias"))


def norm(x: Tensor, w: Weights, name: str, eps: float = 1e-5) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], w[f"{name}.weight"], w.get(f"{name}.bias"), eps)


def attention(x: Tensor, source: Tensor, w: Weights, name: str, heads: int, causal: bool = False) -> Tensor:
    def split(y: Tensor) -> Tensor:
        return y.unflatten(-1, (heads, -1)).transpose(1, 2)                         # (B, H, T, D)

    q = split(linear(x, w, f"{name}.q_proj"))
    k, v = split(linear(source, w, f"{name}.k_proj")), split(linear(source, w, f"{name}.v_proj"))
    y = F.scaled_dot_product_attention(q, k, v, is_causal=causal).transpose(1, 2).flatten(2)
    return linear(y, w, f"{name}.o_proj")


def feed_forward(x: Tensor, w: Weights, c: Config) -> Tensor:
    h = linear(x, w, "feed_forward.up")
    h = F.relu(h) if c.family == "seq2seq" else F.gelu(h, approximate=c.gelu)
    return linear(h, w, "feed_forward.down")
