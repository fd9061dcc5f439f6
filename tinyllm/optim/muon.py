"""Muon: move a matrix by an orthogonal matrix, the nearest to its gradient's momentum."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ..backend import Array
from ..nn import Module, Parameter, TransformerLayer
from .adam import adam_update, check_betas
from .optimizer import Group, Optimizer

COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonalized(g: Array, steps: int = 5) -> Array:
    """Nearly U Vᵀ, where g = U S Vᵀ: the singular vectors of g, with singular values near 1 (about 0.7 to 1.2).

    g (out, in) → (out, in). Newton–Schulz: X ← a X + b (X Xᵀ) X + c (X Xᵀ)² X maps every singular value s to
    a s + b s³ + c s⁵ and leaves the vectors alone. These coefficients were chosen for the steepest rise at 0: five steps bring
    all but the smallest near 1, with matrix products alone. Dividing by ‖g‖ first puts them all into [0, 1].

    Source: Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks".
    """
    a, b, c = COEFFICIENTS
    x = g / np.maximum(np.sqrt(np.vdot(g, g)), 1e-7)
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x                            # the smaller Gram matrix
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return x.T if tall else x


class Muon(Optimizer):
    """Matrices: v ← μ v + (1 − μ) g,  u = orthogonalized((1 − μ) g + μ v),  x ← (1 − lr λ) x − lr √max(1, out/in) u.

    A gradient's few large singular values drown the rest; an orthogonal step moves all directions of a layer equally far. That
    is sense for matrices that map a hidden space to a hidden space, and for those alone: groups with `"orthogonal": False` are
    moved by AdamW. `muon_groups(model)` splits a model.

    Raises ValueError for an orthogonal group that holds anything but matrices, and what `Optimizer` refuses.
    Source: Jordan et al. 2024 (see `orthogonalized`), with Nesterov's momentum.
    """

    def __init__(
        self, params: Iterable[Parameter] | Iterable[Group], lr: float = 0.02, momentum: float = 0.95,
        weight_decay: float = 0.0, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, orthogonal: bool = True,
    ) -> None:
        super().__init__(
            params, lr=lr, momentum=momentum, weight_decay=weight_decay, betas=betas, eps=eps, orthogonal=orthogonal
        )
        for group in self.groups:
            check_betas(group)
            if not 0 <= group["momentum"] < 1:
                raise ValueError(f"momentum is {group['momentum']}: choose one from 0 to below 1")
            for parameter in group["params"] if group["orthogonal"] else ():
                if parameter.ndim != 2:
                    raise ValueError(
                        f"Muon moves matrices, one parameter has shape {parameter.shape}: put it into a group with "
                        "orthogonal=False"
                    )

    def elementwise(self, group: Group) -> bool:
        return not group["orthogonal"]

    def update(self, x: Array, g: Array, state: dict[str, Array], t: int, group: Group) -> None:
        if not group["orthogonal"]:
            adam_update(x, g, state, t, group, decoupled=True)
            return
        mu = group["momentum"]
        if t == 1:
            state["momentum"] = np.zeros_like(x)
        v = state["momentum"]
        v *= mu
        v += (1 - mu) * g
        u = orthogonalized((1 - mu) * g + mu * v)
        if group["weight_decay"]:
            x *= 1 - group["lr"] * group["weight_decay"]
        x -= group["lr"] * max(1.0, x.shape[0] / x.shape[1]) ** 0.5 * u


def muon_groups(model: Module, lr: float = 0.02, adam_lr: float = 5e-3, weight_decay: float = 0.0) -> list[Group]:
    """Groups for `Muon`: the matrices of the model's Transformer layers, and everything else, which AdamW moves.

    Embeddings and heads are matrices too, but a step of theirs touches few rows, the tokens at hand. Of the rest only matrices
    decay, as in `decay_groups`.

    Raises ValueError for a model without Transformer layers.
    """
    layers = [module for module in model.modules() if isinstance(module, TransformerLayer)]
    hidden = {id(p): p for layer in layers for p in layer.parameters() if p.ndim == 2}
    if not hidden:
        raise ValueError(f"{type(model).__name__} has no Transformer layer: make Muon's groups by hand")
    rest = [p for p in model.parameters() if id(p) not in hidden]
    adam = {"lr": adam_lr, "orthogonal": False}
    groups = [
        {"params": list(hidden.values()), "lr": lr, "weight_decay": weight_decay, "orthogonal": True},
        {"params": [p for p in rest if p.ndim > 1], "weight_decay": weight_decay, **adam},
        {"params": [p for p in rest if p.ndim <= 1], "weight_decay": 0.0, **adam},
    ]
    return [group for group in groups if group["params"]]
