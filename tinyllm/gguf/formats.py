"""The kinds of block: their numbers in the file, their sizes, and how each becomes float32."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from . import blocks, k_blocks

AT_ONCE = 1 << 16               # weights: what a step works on stays in the processor's cache


class Format(NamedTuple):
    """A kind of block: `block_size` weights in `block_bytes` bytes."""

    name: str
    block_size: int
    block_bytes: int
    unpack: Callable[[np.ndarray], np.ndarray]


FORMATS = {
    0: Format("F32", 1, 4, blocks.f32), 1: Format("F16", 1, 2, blocks.f16), 30: Format("BF16", 1, 2, blocks.bf16),
    2: Format("Q4_0", 32, 18, blocks.q4_0), 3: Format("Q4_1", 32, 20, blocks.q4_1),
    6: Format("Q5_0", 32, 22, blocks.q5_0), 7: Format("Q5_1", 32, 24, blocks.q5_1), 8: Format("Q8_0", 32, 34, blocks.q8_0),
    10: Format("Q2_K", 256, 84, k_blocks.q2_k), 11: Format("Q3_K", 256, 110, k_blocks.q3_k),
    12: Format("Q4_K", 256, 144, k_blocks.q4_k), 13: Format("Q5_K", 256, 176, k_blocks.q5_k),
    14: Format("Q6_K", 256, 210, k_blocks.q6_k),
}
"""By the number that stands in the file (ggml.h, ggml_type)."""


def dequantize(data: np.ndarray, kind: Format) -> np.ndarray:
    """The weights in a row of whole blocks: (n · block_bytes,) uint8 → (n · block_size,) float32.

    A scale that is no number gives weights that are none, without a warning: whoever computes with them sees it.
    Raises ValueError for a part of a block.
    """
    if data.ndim != 1 or data.dtype != np.uint8 or data.size % kind.block_bytes:
        raise ValueError(f"{kind.name} has blocks of {kind.block_bytes} bytes, got {data.dtype} of shape {data.shape}")
    rows = data.reshape(-1, kind.block_bytes)
    out = np.empty((len(rows), kind.block_size), np.float32)
    step = AT_ONCE // kind.block_size
    with np.errstate(invalid="ignore"):             # ∞ · 0
        for i in range(0, len(rows), step):
            out[i : i + step] = kind.unpack(np.ascontiguousarray(rows[i : i + step]))
    return out.reshape(-1)
