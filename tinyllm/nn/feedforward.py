"""Feed-forward: what a layer computes for each token by itself (formula F7)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from .. import functional as F
from .dropout import Dropout
from .linear import Linear
from .module import Module

ACTIVATIONS: dict[str, Callable] = {
    "relu": F.relu,
    "gelu": F.gelu,
    "gelu_tanh": partial(F.gelu, approximate="tanh"),
    "swiglu": F.silu,
    "geglu": partial(F.gelu, approximate="tanh"),
}
GATED = ("swiglu", "geglu")


class FeedForward(Module):
    """W₂ φ(W₁ x + b₁) + b₂, or gated W₂ (φ(W_g x) ⊙ W₁ x), with φ = silu for swiglu and gelu_tanh for geglu:
    (..., d_model) → (..., d_model).

    Without the bend φ the two maps would be one matrix. d_hidden is 4 d_model by default; with a gate, which is a third matrix,
    8/3 d_model, up to a multiple of 8: about the same number of parameters.

    Raises ValueError for an unknown activation.
    Source: Vaswani et al. 2017, §3.3; gates: Shazeer 2020, §2.
    """

    def __init__(
        self, d_model: int, d_hidden: int | None = None, activation: str = "gelu", bias: bool = True, dropout: float = 0.0
    ) -> None:
        check_activation(activation)
        if d_hidden is None:
            d_hidden = 4 * d_model if activation not in GATED else -(-8 * d_model // 24) * 8
        self.activation = activation
        self.up = Linear(d_model, d_hidden, bias)
        self.gate = Linear(d_model, d_hidden, bias) if activation in GATED else None
        self.down = Linear(d_hidden, d_model, bias)
        self.dropout = Dropout(dropout)

    def forward(self, x: Any) -> Any:
        bend = ACTIVATIONS[self.activation]
        h = bend(self.up(x)) if self.gate is None else bend(self.gate(x)) * self.up(x)      # (..., d_hidden)
        return self.down(self.dropout(h))

    def extra_repr(self) -> str:
        d_hidden, d_model = self.up.weight.shape
        return f"{d_model}, {d_hidden}, {self.activation!r}"


def check_activation(name: str) -> None:
    """Raise ValueError unless this is an activation's name."""
    if name not in ACTIVATIONS:
        raise ValueError(f"no activation {name!r}: choose one of {', '.join(ACTIVATIONS)}")
