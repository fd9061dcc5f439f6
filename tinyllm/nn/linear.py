"""Linear: the map with weights of its own (formula F7)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import backend
from .. import functional as F
from . import init
from .module import Module, Parameter


def blank(*shape: int) -> Parameter:
    """A parameter that an initialiser fills next, or loaded weights: until then 0, never what stood in that memory before,
    which may be no number that can be cast. Raises ValueError for a size below 1.
    """
    if min(shape) < 1:
        raise ValueError(f"a parameter of shape {shape} holds nothing: sizes start at 1")
    return Parameter(np.zeros(shape, backend.DTYPE))


class Linear(Module):
    """y = x Wᵀ + b (`functional.linear`): x (..., d_in) → (..., d_out).

    W and b start uniform in ±1/√d_in, as in PyTorch: a third of the variance that would keep a signal's size, since what
    follows is usually a residual sum. Models set their own start (`nn.init`).

    Raises ValueError for an x of another width, TypeError for one of another dtype.
    """

    def __init__(self, d_in: int, d_out: int, bias: bool = True) -> None:
        self.weight = init.uniform_(blank(d_out, d_in), 1 / math.sqrt(d_in))
        self.bias = init.uniform_(blank(d_out), 1 / math.sqrt(d_in)) if bias else None

    def forward(self, x: Any) -> Any:
        if x.dtype != self.weight.dtype:
            raise TypeError(
                f"Linear's weights are {self.weight.dtype}, x is {x.dtype}, and NumPy would compute in the wider of the two: "
                f"convert x with astype, or the module with .to(dtype={x.dtype.name!r})"
            )
        return F.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        d_out, d_in = self.weight.shape
        return f"{d_in}, {d_out}" + ("" if self.bias is not None else ", bias=False")
