"""Adam and AdamW: a rate for every number, from the first two moments of its gradient (formula F18)."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from .. import backend
from ..backend import Array
from ..functional.cuda import adam_step
from ..functional.fusing import in_kernels
from ..nn import Parameter
from .optimizer import Group, Optimizer

TILE = 1 << 15
"""Entries moved at a time: this much of x, g, m, v and two temporaries stays in a core's cache from first line to last."""


class Adam(Optimizer):
    """m ← β₁ m + (1 − β₁) g,  v ← β₂ v + (1 − β₂) g²,  x ← x − lr m̂ / (√v̂ + ε)

    with m̂ = m / (1 − β₁ᵗ) and v̂ = v / (1 − β₂ᵗ), which undo the start at zero: t steps of a constant g make m = (1 − β₁ᵗ) g.
    Weight decay λ adds λ x to g, the gradient of (λ/2) ‖x‖²; it is then divided by √v̂ too, so that numbers with large
    gradients hardly decay. AdamW mends that.

    Raises ValueError for betas outside [0, 1) and what `Optimizer` refuses.
    Source: Kingma and Ba 2015, algorithm 1.
    """

    decoupled = False

    def __init__(
        self, params: Iterable[Parameter] | Iterable[Group], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)
        for group in self.groups:
            check_betas(group)

    def elementwise(self, group: Group) -> bool:
        return True

    def update(self, x: Array, g: Array, state: dict[str, Array], t: int, group: Group) -> None:
        adam_update(x, g, state, t, group, self.decoupled)


class AdamW(Adam):
    """Adam, with a decay that the gradient's size does not touch: x ← (1 − lr λ) x first, then Adam's step on g alone.

    Source: Loshchilov and Hutter 2019, algorithm 2; formula F18.
    """

    decoupled = True

    def __init__(
        self, params: Iterable[Parameter] | Iterable[Group], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 0.01,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)


def adam_update(weights: Array, gradient: Array, state: dict[str, Array], t: int, group: Group, decoupled: bool) -> None:
    """One step of Adam or AdamW on one array, in place."""
    beta1, beta2 = group["betas"]
    decay = group["weight_decay"]
    if t == 1:
        state["m"], state["v"] = np.zeros_like(weights), np.zeros_like(weights)
    if in_kernels(weights):
        adam_step(
            weights, gradient, state["m"], state["v"], t, group["lr"], (beta1, beta2), group["eps"], decay, decoupled
        )
        return
    step = group["lr"] / (1 - beta1**t)
    to_root = 1 / math.sqrt(1 - beta2**t)
    for x, g, m, v in _tiles(weights, gradient, state["m"], state["v"]):
        if decay and decoupled:
            x *= 1 - group["lr"] * decay
        elif decay:
            g = g + decay * x
        m *= beta1
        m += (1 - beta1) * g
        v *= beta2
        square = g * g
        square *= 1 - beta2
        v += square
        root = np.sqrt(v)                             # lr m̂ / (√v̂ + ε) = step · m / (√v · to_root + ε)
        root *= to_root
        root += group["eps"]
        move = m / root
        move *= step
        x -= move


def _tiles(*arrays: Array) -> Iterable[tuple[Array, ...]]:
    """Views of TILE entries into arrays of one shape, which run over memory in one order; whole ones on a GPU."""
    if arrays[0].size <= TILE or backend.device_of(arrays[0]) != "cpu" or not all(a.flags.c_contiguous for a in arrays):
        return [arrays]
    flat = [a.reshape(-1) for a in arrays]
    return (tuple(a[i : i + TILE] for a in flat) for i in range(0, arrays[0].size, TILE))


def check_betas(group: Group) -> None:
    group["betas"] = list(group["betas"])             # as it comes back from JSON
    if len(group["betas"]) != 2 or not all(0 <= beta < 1 for beta in group["betas"]):
        raise ValueError(f"betas are {group['betas']}: choose two numbers from 0 to below 1")
