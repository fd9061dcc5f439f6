"""Recurrence: a state that is carried from step to step, what sequences were read with before attention."""

from __future__ import annotations

from typing import Any

import numpy as np

from .formula import formula
from .fusing import matrix, ones


@formula
def recurrent(x: Any, h0: Any, w_x: Any, w_h: Any, b: Any) -> Any:
    """h_t = tanh(x_t W_xᵀ + h_{t−1} W_hᵀ + b), all states h_1 … h_T.

    x (B, T, C), h0 (B, H), w_x (H, C), w_h (H, H), b (H,) → (B, T, H). The last state, `h[:, -1]`, is the h0 from which the
    rest of a longer sequence goes on.

    Gradient, back-propagation through time. Let a_t be what the tanh is taken of, and d_t = ∂L/∂a_t. The state h_t reaches L
    by two ways, as output t and through a_{t+1}, and the slope of tanh is 1 − tanh²:

        ∂L/∂h_t = g_t + d_{t+1} W_h,    d_t = (1 − h_t²) ∂L/∂h_t      (from the last step to the first; d_{T+1} = 0)

    All steps share the weights, so a weight's gradient is a sum over the steps:

        ∂L/∂x_t = d_t W_x,    ∂L/∂h_0 = d_1 W_h,    ∂L/∂W_x = Σ d_tᵀ x_t,    ∂L/∂W_h = Σ d_tᵀ h_{t−1},    ∂L/∂b = Σ d_t

    Why gradients vanish or explode: ∂h_t/∂h_{t−1} = diag(1 − h_t²) W_h, so what a state owes to one n steps before it is a
    product of n such matrices. None has a norm above ‖W_h‖ (the largest singular value), the product none above ‖W_h‖ⁿ: with
    ‖W_h‖ < 1 it must vanish with the distance, and only with ‖W_h‖ > 1 can it explode. Attention reaches any distance in one
    step. Nor can the steps run side by side: each waits for the state before it.

    Raises ValueError for shapes that do not fit, or no step at all.
    Source: Elman 1990; Bengio et al. 1994; Pascanu et al. 2013, §2; formula F17.
    """
    h, states = h0, []
    for t in range(x.shape[1]):
        h = np.tanh(x[:, t] @ w_x.T + h @ w_h.T + b)                                # (B, H)
        states.append(h)
    return np.stack(states, axis=1)                                                 # (B, T, H)


@recurrent.check
def _check(x, h0, w_x, w_h, b):
    if x.ndim != 3 or x.shape[1] < 1:
        raise ValueError(f"recurrent: x has shape {x.shape}: it needs (B, T, C), with one step or more")
    if w_h.ndim != 2 or w_h.shape[0] != w_h.shape[1]:
        raise ValueError(f"recurrent: w_h has shape {w_h.shape}: it takes a state to a state, so it must be square, (H, H)")
    (batch, _, width), hidden = x.shape, len(w_h)
    for name, array, shape in (("h0", h0, (batch, hidden)), ("w_x", w_x, (hidden, width)), ("b", b, (hidden,))):
        if array.shape != shape:
            raise ValueError(f"recurrent: {name} has shape {array.shape}, x {x.shape}, w_h {w_h.shape}: {name} must be {shape}")


@recurrent.fused
def recurrent(x, h0, w_x, w_h, b):
    """Only what waits for the step before it stays in the loops, forwards h_{t−1} W_hᵀ and backwards d_{t+1} W_h; all else is
    one product over all steps. One node in the graph, not nine a step, and of every step its state alone is kept.
    """
    batch, length, _ = x.shape
    rows = matrix(x)                                                                # (B·T, C)
    h = (rows @ w_x.T).reshape(batch, length, len(w_h))                             # (B, T, H)
    h += b
    before = h0
    for t in range(length):
        h[:, t] += before @ w_h.T
        before = np.tanh(h[:, t], out=h[:, t])

    def vjp(g):
        d = 1.0 - h * h                                                             # (B, T, H)
        from_later = np.zeros_like(h0)                                              # (B, H): d_{t+1} W_h
        for t in reversed(range(length)):
            d[:, t] *= g[:, t] + from_later
            from_later = d[:, t] @ w_h
        d = matrix(d)                                                               # (B·T, H)
        before = matrix(np.concatenate([h0[:, None], h[:, :-1]], axis=1))           # (B·T, H): h_{t−1}
        return (d @ w_x).reshape(x.shape), from_later, d.T @ rows, d.T @ before, ones(len(d), d) @ d

    return h, vjp
