"""Clipping: one bad batch must not throw the parameters far away."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from ..nn import Parameter


def clip_grad_norm(params: Iterable[Parameter], max_norm: float, error_if_nonfinite: bool = False) -> float:
    """g ← g · min(1, max_norm / ‖g‖), where ‖g‖ is the norm of all gradients as one vector. Returns ‖g‖ as it was.

    Scaling all of them by one number keeps the direction. A norm that is not finite leaves the gradients as they are.

    Raises ValueError for a max_norm that is not positive, FloatingPointError for a norm that is not finite if asked to.
    Source: Pascanu et al. 2013, §3.2; formula F18.
    """
    if not max_norm > 0:
        raise ValueError(f"max_norm is {max_norm}: choose a positive number")
    gradients = [p.grad for p in params if p.grad is not None]
    norm = math.sqrt(float(sum(np.vdot(g, g) for g in gradients)))
    if not math.isfinite(norm):
        if error_if_nonfinite:
            raise FloatingPointError(f"the norm of the gradients is {norm}: find the cause with detect_anomaly()")
        return norm
    if norm > max_norm:
        for g in gradients:
            g *= max_norm / norm
    return norm
