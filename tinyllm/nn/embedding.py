"""Embedding: a learned vector for every token (formula F6)."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import backend
from .. import functional as F
from . import init
from .linear import blank
from .module import Module


class Embedding(Module):
    """Row ids of a table (`functional.embedding`): integer ids (...) → (..., d).

    The table starts from N(0, 1), as in PyTorch; models set their own. Ids are host arrays, or where the table is.

    Raises TypeError for ids that are not integers, IndexError for one outside the table.
    """

    def __init__(self, n: int, d: int) -> None:
        self.weight = init.normal_(blank(n, d), std=1.0)

    def forward(self, ids: Any) -> Any:
        if isinstance(ids, np.ndarray):
            ids = backend.to_device(ids, self.weight.device)
        return F.embedding(ids, self.weight)

    def extra_repr(self) -> str:
        return "{}, {}".format(*self.weight.shape)
