"""The same training step, once on tinyllm and once on PyTorch: same weights, same batches, same arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import numpy as np

from tests.benchmarks.configs import BETAS, EPS, LR, WEIGHT_DECAY, Config
from tinyllm import formulas_only, manual_seed
from tinyllm.models import GPT, GPTConfig
from tinyllm.optim import AdamW, decay_groups
from tinyllm.training import Causal, Workers, keep_freed_memory, loss_and_gradients


def batches(config: Config, n: int = 8) -> list[dict[str, np.ndarray]]:
    rng = np.random.default_rng(1)
    windows = [rng.integers(0, config.vocab, (config.batch, config.context + 1)) for _ in range(n)]
    return [{"ids": w[:, :-1].copy(), "targets": w[:, 1:].copy()} for w in windows]


def model(config: Config) -> GPT:
    manual_seed(0)
    return GPT(GPTConfig(config.vocab, config.context, config.layers, config.heads, config.width))


def tinyllm_step(config: Config, n_workers: int, formulas: bool = False) -> Callable[[], float]:
    gpt, data, step = model(config), batches(config), 0
    parameters = list(gpt.parameters())
    optimizer = AdamW(decay_groups(gpt, WEIGHT_DECAY), lr=LR, betas=BETAS, eps=EPS)
    keep_freed_memory()

    def run() -> float:
        nonlocal step
        step += 1
        with Workers(n_workers) as workers, formulas_only() if formulas else nullcontext():
            batch = data[step % len(data)]
            loss, gradients = loss_and_gradients(gpt, Causal(), parameters, [batch], workers, 0, step)
            for p, g in zip(parameters, gradients, strict=True):
                p.grad = g
            optimizer.step()
            optimizer.zero_grad()
        return loss

    return run


def torch_step(config: Config, threads: int) -> Callable[[], float]:
    """PyTorch eager with its fused attention. Raises ImportError without it."""
    import torch
    import torch.nn.functional as F

    weights = {name: torch.nn.Parameter(torch.from_numpy(value.copy())) for name, value in model(config).state_dict().items()}
    data, step = [{k: torch.from_numpy(v) for k, v in batch.items()} for batch in batches(config)], 0
    matrices = [p for p in weights.values() if p.ndim >= 2]
    vectors = [p for p in weights.values() if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": WEIGHT_DECAY}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=LR, betas=BETAS, eps=EPS)
    width, heads = config.width, config.heads

    def loss_of(ids: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        B, T = ids.shape
        x = F.embedding(ids, weights["embedding.weight"]) + weights["positions.weight"][:T]
        for i in range(config.layers):
            w = {name.removeprefix(f"layers.{i}."): p for name, p in weights.items() if name.startswith(f"layers.{i}.")}
            h = F.layer_norm(x, (width,), w["attention_norm.weight"])
            q, k, v = (F.linear(h, w[f"attention.{n}_proj.weight"]).view(B, T, heads, -1).transpose(1, 2) for n in "qkv")
            a = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(B, T, width)
            x = x + F.linear(a, w["attention.o_proj.weight"])
            h = F.layer_norm(x, (width,), w["feed_forward_norm.weight"])
            h = F.gelu(F.linear(h, w["feed_forward.up.weight"]), approximate="tanh")
            x = x + F.linear(h, w["feed_forward.down.weight"])
        x = F.layer_norm(x, (width,), weights["norm.weight"])
        return F.cross_entropy(F.linear(x, weights["embedding.weight"]).view(B * T, -1), targets.reshape(-1))

    def run() -> float:
        nonlocal step
        step += 1
        torch.set_num_threads(threads)
        loss = loss_of(**data[step % len(data)])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.item()

    return run
