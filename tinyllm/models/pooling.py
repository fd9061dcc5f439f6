"""From a vector for every token to one for the text."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import Array

POOLINGS = ("mean", "max", "cls", "last")


def pool(h: Any, mask: Array, how: str) -> Any:
    """One vector a text from one a token: h (B, T, C), mask (B, T) of booleans, True = a real token → (B, C).

    mean: Σ_t m_t h_t / Σ_t m_t. max: of each feature over the real tokens. cls and last: the first and the last real token's;
    under a causal trunk the last alone has seen the whole text. In all, a padded place has weight 0.
    """
    if how == "mean":
        share = (mask / mask.sum(axis=1, keepdims=True)).astype(h.dtype)            # (B, T)
        return (share[:, None, :] @ h)[:, 0]                                        # (B, 1, T) @ (B, T, C)
    if how == "max":
        return np.max(np.where(mask[:, :, None], h, -np.inf), axis=1)
    order = np.cumsum(mask, axis=1)                                                 # 1 at the first real token, … n at the last
    nth = 1 if how == "cls" else order[:, -1:]
    return (((order == nth) & mask)[:, None, :].astype(h.dtype) @ h)[:, 0]          # one-hot: a product picks the row


def check_pooling(how: str) -> None:
    """Raise ValueError unless this is a pooling's name."""
    if how not in POOLINGS:
        raise ValueError(f"no pooling {how!r}: choose one of {', '.join(POOLINGS)}")
