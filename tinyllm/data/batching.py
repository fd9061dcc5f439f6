"""Rows of different lengths become one rectangle; a batch becomes parts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# "ids" (B, T); where they apply "targets" (B, T), "attention_mask" (B, T) and "labels" (B,)
Batch = dict[str, np.ndarray]

IGNORED = -100      # a target that the loss does not count (PyTorch's number)


def pad_batch(
    rows: Sequence[Sequence[int] | np.ndarray], pad_id: int, max_length: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of token ids → ids (B, T) filled up with pad_id, and the mask (B, T), True = a token of the row.

    T is the longest row's length, at most max_length; a longer row loses its end. The mask, not the id, says what is
    padding: a tokenizer may use pad_id for a real token.

    Raises ValueError for no rows, an empty row (a mean over its tokens would be 0/0) and a max_length below 1, TypeError for
    what is no row of integers.
    """
    if max_length is not None and max_length < 1:
        raise ValueError(f"max_length {max_length} leaves no token: take at least 1")
    if len(rows) == 0:
        raise ValueError("a batch of no rows: give at least one")
    cut = [_ids(np.asarray(row), f"row {i}")[:max_length] for i, row in enumerate(rows)]
    lengths = np.array([len(row) for row in cut])
    if not lengths.all():
        raise ValueError(f"row {int(lengths.argmin())} has no tokens: drop it, or give its text a start token")
    mask = np.arange(lengths.max()) < lengths[:, None]              # (B, T)
    ids = np.full(mask.shape, pad_id, dtype=np.int64)               # (B, T)
    ids[mask] = np.concatenate(cut)
    return ids, mask


def pad_targets(rows: Sequence[Sequence[int] | np.ndarray], length: int) -> np.ndarray:
    """Rows of targets → (B, length), cut there, filled up with -100: what no loss counts."""
    targets = np.full((len(rows), length), IGNORED, dtype=np.int64)
    for i, row in enumerate(rows):
        targets[i, : len(row)] = row[:length]
    return targets


def check_rows(
    rows: Sequence[Sequence[int] | np.ndarray], batch_size: int, max_length: int, what: str = "row"
) -> list[np.ndarray]:
    """Rows of token ids as arrays, once there are some, none is empty, and the sizes of the batches make sense."""
    if batch_size < 1 or max_length < 1:
        raise ValueError(f"batch_size {batch_size} and max_length {max_length}: both are at least 1")
    arrays = [np.asarray(row) for row in rows]
    if not arrays:
        raise ValueError(f"no {what}s: give at least one")
    for i, row in enumerate(arrays):
        if len(_ids(row, f"{what} {i}")) == 0:
            raise ValueError(f"{what} {i} has no tokens: drop it, or give its text a start token")
    return arrays


def _ids(row: np.ndarray, name: str) -> np.ndarray:
    if row.ndim != 1 or (row.size and not np.issubdtype(row.dtype, np.integer)):
        raise TypeError(f"{name} has shape {row.shape} and type {row.dtype}: give token ids, shape (T,)")
    return row


def split_batch(batch: Batch, n: int) -> list[Batch]:
    """n contiguous parts of a batch along its rows, as equal as they can be, larger ones first.

    Fewer rows than n give fewer parts: none is empty. Parts are views. The loss of the batch is the mean of the
    parts' losses weighted by what each counted.
    """
    if n < 1:
        raise ValueError(f"{n} parts: take at least 1")
    rows = {key: len(array) for key, array in batch.items()}
    if len(set(rows.values())) != 1 or 0 in rows.values():
        raise ValueError(f"the arrays of a batch need one and the same number of rows, at least 1: got {rows}")
    n = min(n, next(iter(rows.values())))
    parts = {key: np.array_split(array, n) for key, array in batch.items()}
    return [{key: arrays[i] for key, arrays in parts.items()} for i in range(n)]
