"""Dropout: make units unreliable in training, and the network learns not to lean on any one of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .checks import check_kind
from .formula import formula


@formula
def dropout(x: Any, keep: Any, p: float) -> Any:
    """y = x · keep / (1 − p)

    x of any shape, keep (booleans of the same shape, each True with probability 1 − p) → the same shape.

    Gradient: g · keep / (1 − p), for y is linear in x.

    Dividing by 1 − p keeps the expected value: E[y] = x, so nothing needs scaling when dropout is off. The caller draws
    `keep` (`tinyllm.backend.random_keep`): a formula is a pure function, and its gradient sees the same mask.

    Raises TypeError for a mask that is not boolean, ValueError for one of another shape or p outside [0, 1).
    Source: Srivastava et al. 2014, §4 and §10 (the scaled form); method P4.
    """
    return x * keep * (1.0 / (1.0 - p))


@dropout.check
def _check(x, keep, p):
    if not 0.0 <= p < 1.0:
        raise ValueError(f"dropout p={p} is the share that is dropped: choose 0 <= p < 1")
    check_kind("keep", keep, "b", "booleans, True = kept")
    if keep.shape != x.shape:
        raise ValueError(f"keep has shape {keep.shape}, x {x.shape}: draw one boolean for each entry")


@dropout.fused
def dropout(x, keep, p):
    """0 or 1/(1 − p) as one array, for the way there and the way back."""
    factor = np.multiply(keep, 1.0 / (1.0 - p), dtype=x.dtype)
    return x * factor, lambda g: (g * factor,)
