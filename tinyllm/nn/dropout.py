"""Dropout: the mask is drawn here, the formula gets it."""

from __future__ import annotations

from typing import Any

from .. import backend
from .. import functional as F
from ..autograd import Tensor
from .module import Module


class Dropout(Module):
    """In training each entry becomes 0 with probability p, and 1/(1 − p) times itself otherwise (`functional.dropout`).

    In evaluation, and with p = 0, x itself. The mask comes from the generator in force (`manual_seed`, `backend.randomness`).

    Raises ValueError for p outside [0, 1).
    """

    def __init__(self, p: float = 0.1) -> None:
        if not 0 <= p < 1:
            raise ValueError(f"dropout {p} is the share that is dropped: choose one from 0 to below 1")
        self.p = p

    def forward(self, x: Any) -> Any:
        if not self.training or self.p == 0:
            return x
        keep = backend.random_keep(x.shape, 1 - self.p, like=x.data if isinstance(x, Tensor) else x)
        return F.dropout(x, keep, self.p)

    def extra_repr(self) -> str:
        return f"{self.p}"
