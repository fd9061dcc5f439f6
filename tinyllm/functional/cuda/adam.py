"""AdamW's step on a GPU: one kernel reads x, g, m, v once and writes x, m, v once; the array code takes a dozen passes."""

from __future__ import annotations

import math

from ... import backend
from ...backend import Array

INPUTS = "T gradient, T lr, T step, T to_root, T beta1, T beta2, T eps, T decay, bool decoupled"
OUTPUTS = "T x, T m, T v"                               # read and written
BODY = """
    const T g = decoupled ? gradient : gradient + decay * x;
    if (decoupled) x *= 1 - lr * decay;
    m = beta1 * m + (1 - beta1) * g;
    v = beta2 * v + (1 - beta2) * g * g;
    x -= step * m / (sqrt(v) * to_root + eps);
"""


def adam_step(
    x: Array, gradient: Array, m: Array, v: Array, t: int, lr: float, betas: tuple[float, float], eps: float, decay: float,
    decoupled: bool,
) -> None:
    """x, m, v after the t-th step of Adam (AdamW if `decoupled`), in place, for arrays of one shape on a GPU.

    m ← β₁ m + (1 − β₁) g,  v ← β₂ v + (1 − β₂) g²,  x ← (1 − lr λ) x − lr m̂ / (√v̂ + ε), where m̂ = m / (1 − β₁ᵗ) and
    v̂ = v / (1 − β₂ᵗ). Not decoupled, the decay is added to the gradient instead.

    The arrays stay where they are and no number comes back: nothing waits.

    Source: Loshchilov and Hutter 2019, algorithm 2; formula F18.
    """
    kernel = backend.elementwise_kernel(INPUTS, OUTPUTS, BODY, "tinyllm_adam")
    beta1, beta2 = betas
    step, to_root = lr / (1 - beta1**t), 1 / math.sqrt(1 - beta2**t)
    kernel(gradient, lr, step, to_root, beta1, beta2, eps, decay, decoupled, x, m, v)
