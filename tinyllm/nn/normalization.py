"""Norms with weights of their own (formula F8)."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from . import init
from .linear import blank
from .module import Module


class LayerNorm(Module):
    """Mean 0 and variance 1 over the last axis, then weight and bias (`functional.layer_norm`): (..., d) → (..., d)."""

    def __init__(self, d: int, eps: float = 1e-5, bias: bool = True) -> None:
        self.eps = eps
        self.weight = init.ones_(blank(d))
        self.bias = init.zeros_(blank(d)) if bias else None

    def forward(self, x: Any) -> Any:
        return F.layer_norm(x, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.weight.size}" + ("" if self.bias is not None else ", bias=False")


class RMSNorm(Module):
    """Mean square 1 over the last axis, then weight (`functional.rms_norm`): (..., d) → (..., d)."""

    def __init__(self, d: int, eps: float = 1e-6) -> None:
        self.eps = eps
        self.weight = init.ones_(blank(d))

    def forward(self, x: Any) -> Any:
        return F.rms_norm(x, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.weight.size}"


NORMS = ("layer", "rms")


def make_norm(kind: str, d: int, bias: bool = True, eps: float | None = None) -> LayerNorm | RMSNorm:
    """'layer' or 'rms', by name; eps None leaves each its own. Raises ValueError for another name."""
    if kind not in NORMS:
        raise ValueError(f"no norm {kind!r}: choose one of {', '.join(NORMS)}")
    own = {} if eps is None else {"eps": eps}
    return LayerNorm(d, bias=bias, **own) if kind == "layer" else RMSNorm(d, **own)
