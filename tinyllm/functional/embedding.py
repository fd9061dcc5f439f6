"""Embedding: a token's number becomes a row of a table."""

from __future__ import annotations

from typing import Any

import numpy as np

from .checks import check_kind
from .formula import formula
from .fusing import in_kernels


@formula
def embedding(ids: Any, weight: Any) -> Any:
    """y_n = weight[ids_n], which is the one-hot vector of ids_n times the matrix, without the product.

    Integer ids (...), weight (V, C) → (..., C).

    Gradient: row v of the table was used once for every n with ids_n = v, so ∂L/∂weight_v = Σ over those n of g_n.

    Raises TypeError for ids that are not integers, ValueError for a table without two axes, IndexError for an id outside
    [0, V). In a CUDA kernel that row is NaN.
    Source: Bengio et al. 2003, §2; formula F6.
    """
    return weight[ids]                                                              # (..., C)


@embedding.check
def _check(ids, weight):
    check_kind("ids", ids, "iu", "integers, the number of a row each")
    if weight.ndim != 2:
        raise ValueError(f"embedding: the table has shape {weight.shape}: it needs two axes, (rows, width)")
    if ids.size and not in_kernels(weight):             # a look from the host would wait for the GPU: there, NaN
        low, high = int(ids.min()), int(ids.max())      # NumPy would take a negative id for one counted from the end
        if low < 0 or high >= weight.shape[0]:
            wrong = low if low < 0 else high
            raise IndexError(f"id {wrong} is outside the table of {weight.shape[0]} rows: use 0 to {weight.shape[0] - 1}")


@embedding.fused
def embedding(ids, weight):
    """Sorting the ids brings the gradients of one row together; `reduceat` then sums each run in one pass."""

    def vjp(g):
        g_weight = np.zeros_like(weight)
        if ids.size:
            flat = ids.reshape(-1)                                                  # (N,)
            order = np.argsort(flat, kind="stable")
            ordered = flat[order]
            is_first = np.ones_like(ordered, dtype=bool)
            is_first[1:] = ordered[1:] != ordered[:-1]
            starts = np.flatnonzero(is_first)
            g_weight[ordered[starts]] = np.add.reduceat(g.reshape(len(flat), -1)[order], starts, axis=0)
        return None, g_weight

    return np.take(weight, ids, axis=0), vjp
