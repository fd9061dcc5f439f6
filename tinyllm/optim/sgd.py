"""Gradient descent, with momentum."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ..backend import Array
from ..nn import Parameter
from .optimizer import Group, Optimizer


class SGD(Optimizer):
    """x ← x − lr u, where u is the gradient g, or with momentum μ the running sum v ← μ v + g (Nesterov: g + μ v).

    Weight decay λ adds λ x to g: the gradient of (λ/2) ‖x‖². v starts at 0. The conventions are PyTorch's.
    Polyak 1964; Sutskever et al. 2013, §2.
    """

    def __init__(
        self, params: Iterable[Parameter] | Iterable[Group], lr: float = 1e-3, momentum: float = 0.0, nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, lr=lr, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay)
        for group in self.groups:
            if not 0 <= group["momentum"] < 1:
                raise ValueError(f"momentum is {group['momentum']}: choose one from 0 to below 1")
            if group["nesterov"] and not group["momentum"]:
                raise ValueError("nesterov=True looks ahead along the momentum: give a momentum above 0")

    def elementwise(self, group: Group) -> bool:
        return True

    def update(self, x: Array, g: Array, state: dict[str, Array], t: int, group: Group) -> None:
        mu = group["momentum"]
        if group["weight_decay"]:
            g = g + group["weight_decay"] * x
        if mu:
            if t == 1:
                state["momentum"] = np.zeros_like(x)
            v = state["momentum"]
            v *= mu
            v += g
            g = g + mu * v if group["nesterov"] else v
        x -= group["lr"] * g
