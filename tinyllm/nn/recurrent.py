"""RNN: one network for every step, with a state that it hands on; the contrast to attention (formula F17)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import functional as F
from . import init
from .linear import blank
from .module import Module


class RNN(Module):
    """h_t = tanh(x_t W_xᵀ + h_{t−1} W_hᵀ + b) (`functional.recurrent`): x (B, T, d_in) → all states (B, T, d_hidden).

    h0 (B, d_hidden) is the state before the first step, zeros by default. Reading goes on from the last one:
    `rnn(later, rnn(earlier)[:, -1])` are the later states of the whole.

    A state knows all of the past and none of the future, so a causal model needs no mask and no positions. But it must hold
    that past in d_hidden numbers, and the gradient from a distance of n steps is a product of n Jacobians
    diag(1 − h_t²) W_h: at most ‖W_h‖ⁿ, it fades or, above 1, may explode (derived in the formula's docstring).

    As torch.nn.RNN(d_in, d_hidden, batch_first=True), of one layer, with its names, less the `_l0`. PyTorch has two biases
    where their sum is all that counts, here `bias` is one; it answers the last state too, here `states[:, -1]`; and its h0
    has an axis of layers in front. All parameters start uniform in ±1/√d_hidden, as there. Entries of W_h then have variance
    1/(3 d_hidden), and a gradient keeps about 1/√3 = 0.58 of its length a step, before the slopes of tanh shorten it
    further: an RNN starts forgetful, with a millionth left after 25 steps.

    Raises ValueError for shapes that do not fit or no step at all, TypeError for an x or h0 of another dtype.
    Source: Elman 1990; Pascanu et al. 2013, §2; formula F17.
    """

    def __init__(self, d_in: int, d_hidden: int) -> None:
        self.weight_ih = init.uniform_(blank(d_hidden, d_in), 1 / math.sqrt(d_hidden))
        self.weight_hh = init.uniform_(blank(d_hidden, d_hidden), 1 / math.sqrt(d_hidden))
        self.bias = init.uniform_(blank(d_hidden), 1 / math.sqrt(d_hidden))

    def forward(self, x: Any, h0: Any = None) -> Any:
        if h0 is None:
            h0 = np.zeros_like(self.weight_hh.data, shape=(*x.shape[:1], len(self.weight_hh)))
        for name, array in (("x", x), ("h0", h0)):
            if array.dtype != self.weight_hh.dtype:
                raise TypeError(
                    f"RNN's weights are {self.weight_hh.dtype}, {name} is {array.dtype}, and NumPy would compute in the wider "
                    f"of the two: convert {name} with astype, or the module with .to(dtype={array.dtype.name!r})"
                )
        return F.recurrent(x, h0, self.weight_ih, self.weight_hh, self.bias)

    def extra_repr(self) -> str:
        d_hidden, d_in = self.weight_ih.shape
        return f"{d_in}, {d_hidden}"
