"""Which parameters decay (formula F18)."""

from __future__ import annotations

from ..nn import Module
from .optimizer import Group


def decay_groups(model: Module, weight_decay: float) -> list[Group]:
    """Two groups: matrices (embeddings too), which decay, and vectors (biases, norms), which do not.

    Decay keeps a matrix from growing where the loss does not ask for it. A norm's weights start at 1 and a bias is an offset:
    pulling those to 0 has no such sense.
    """
    parameters = list(model.parameters())
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]
