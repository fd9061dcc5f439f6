"""What a model is called on, checked once at the edge."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import backend
from ..backend import Array


def checked_ids(ids: Any) -> Array:
    ids = ids if backend.is_array(ids) else np.asarray(ids)
    if ids.dtype.kind not in "iu":
        raise TypeError(f"ids are {ids.dtype}: token ids are integers, as a tokenizer's encode gives them")
    if ids.ndim != 2 or not ids.size:
        raise ValueError(f"ids have shape {ids.shape}: give (batch, length), with at least one token; one text is ids[None]")
    return ids


def checked_mask(mask: Any, shape: tuple[int, int]) -> np.ndarray | None:
    """Booleans on the host, or None where every token is real: the fast way."""
    if mask is None:
        return None
    mask = backend.to_numpy(mask)
    if mask.shape != shape:
        raise ValueError(f"attention_mask has shape {mask.shape}, the tokens {shape}: one entry a token, cached ones too")
    if mask.dtype.kind not in "biu" or not np.isin(mask, (0, 1)).all():
        raise ValueError("attention_mask holds more than 0 and 1: 1 = a real token, 0 = padding")
    mask = mask.astype(bool)
    return None if mask.all() else mask


def checked_segments(segment_ids: Any, ids: Array) -> Array:
    """One integer for each of the ids, 0 where nobody says. Which there are, the table knows that they index."""
    if segment_ids is None:
        return np.zeros(ids.shape, np.int64)
    segments = segment_ids if backend.is_array(segment_ids) else np.asarray(segment_ids)
    if segments.dtype.kind not in "iu":
        raise TypeError(f"segment_ids are {segments.dtype}: give integers, 0 for the first text and 1 for the second")
    if segments.shape != ids.shape:
        raise ValueError(f"segment_ids have shape {segments.shape}, the tokens {ids.shape}: give one for each token")
    return segments
