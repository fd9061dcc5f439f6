"""Attention: every token looks at the others and takes a weighted mean of what they offer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .formula import formula
from .softmax import check_mask, softmax


def attention_weights(q: Any, k: Any, mask: Any = None, causal: bool = False) -> Any:
    """softmax(q kᵀ / √d): how much each query looks at each key, for pictures and for `attention`.

    q (..., Tq, D), k (..., Tk, D) → (..., Tq, Tk); every row sums to 1, or to 0 where nothing may be seen.

    Mask, causal and errors as for `attention`. Source: formulas F1 and F2.
    """
    _check(q, k, None, mask, causal)
    scores = q @ np.swapaxes(k, -1, -2) * (1.0 / math.sqrt(q.shape[-1]))            # (..., Tq, Tk)
    if causal:
        n_queries, n_keys = scores.shape[-2:]
        past = np.tril(np.ones_like(scores, shape=(n_queries, n_keys), dtype=bool), n_keys - n_queries)
        mask = past if mask is None else mask & past
    return softmax(scores, where=mask)


@formula
def attention(q: Any, k: Any, v: Any, mask: Any = None, causal: bool = False) -> Any:
    """Scaled dot-product attention, softmax(q kᵀ / √d) v.

    q (B, H, Tq, D), k (B, H, Tk, D), v (B, H, Tk, Dv) → (B, H, Tq, Dv), any leading axes in place of (B, H), the same for all
    three. `mask` is boolean and broadcasts to (B, H, Tq, Tk), True = may look. `causal` lets query i see keys up to
    Tk − Tq + i: the queries are the last Tq positions, which is right with a cache as well. Both may be given.

    Gradient. With S = q kᵀ/√d, P = softmax(S) and O = P v: ∂L/∂v = Pᵀ g and ∂L/∂P = g vᵀ; through the softmax,
    ∂L/∂S = P (∂L/∂P − Σ_j P_j ∂L/∂P_j), where the sum is Σ_j P_j (g · v_j) = g · O, so it needs no row of P;
    and ∂L/∂q = ∂L/∂S k/√d, ∂L/∂k = ∂L/∂Sᵀ q/√d.

    A dot product of D independent unit-variance terms has variance D: dividing by √D keeps the softmax off its flat ends,
    where its gradient vanishes. A row that may look nowhere returns zeros, not NaN.

    Raises ValueError for shapes that do not fit or a mask that does not broadcast, TypeError for a mask that is not boolean.
    Source: Vaswani et al. 2017, §3.2.1; formula F1.
    """
    return attention_weights(q, k, mask, causal) @ v                                # (B, H, Tq, Dv)


@attention.check
def _check(q, k, v, mask=None, causal=False):
    for name, x in (("q", q), ("k", k), ("v", v)):
        if x is not None and (x.ndim < 2 or x.shape[:-2] != q.shape[:-2]):
            raise ValueError(f"attention: q {q.shape} and {name} {x.shape}: batch and heads must be equal (repeat grouped heads)")
    if k.shape[-1] != q.shape[-1]:
        raise ValueError(f"attention: q {q.shape} and k {k.shape}: queries and keys must be equally wide")
    if v is not None and v.shape[-2] != k.shape[-2]:
        raise ValueError(f"attention: k {k.shape} and v {v.shape}: each key needs one value")
    if mask is not None:
        check_mask("mask", mask, (*q.shape[:-1], k.shape[-2]))
