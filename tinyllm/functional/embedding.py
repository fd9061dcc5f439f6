"""Embedding: a token's number becomes a row of a table."""

from __future__ import annotations

from typing import Any

from .formula import formula


@formula
def embedding(ids: Any, weight: Any) -> Any:
    """y_n = weight[ids_n], which is the one-hot vector of ids_n times the matrix, without the product.

    Integer ids (...), weight (V, C) → (..., C).

    Gradient: row v of the table was used once for every n with ids_n = v, so ∂L/∂weight_v = Σ over those n of g_n.

    Raises TypeError for ids that are not integers, IndexError for one outside [0, V).
    Source: Bengio et al. 2003, §2; formula F6.
    """
    return weight[ids]                                                              # (..., C)


@embedding.check
def _check(ids, weight):
    if getattr(getattr(ids, "dtype", None), "kind", "") not in "iu":
        raise TypeError(f"ids are {getattr(ids, 'dtype', type(ids).__name__)}: pass an integer array of row numbers")
    if weight.ndim != 2:
        raise ValueError(f"embedding: the table has shape {weight.shape}: it needs two axes, (rows, width)")
    if ids.size:
        low, high = int(ids.min()), int(ids.max())      # NumPy would take a negative id for one counted from the end
        if low < 0 or high >= weight.shape[0]:
            wrong = low if low < 0 else high
            raise IndexError(f"id {wrong} is outside the table of {weight.shape[0]} rows: use 0 to {weight.shape[0] - 1}")
