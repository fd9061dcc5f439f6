"""Weights in few bits: 32 in a row share a scale d, and each is a small integer q with w = d q, or w = d q + m.

A function a format: blocks (n, bytes) uint8 → weights (n, 32) float32. Scales are float16. Nibbles come as in all of GGUF: the
low halves of a run of bytes first, then the high halves.

Formats of ggml (ggml-quants.c, block_q4_0 and on).
"""

from __future__ import annotations

import numpy as np


def f32(blocks: np.ndarray) -> np.ndarray:
    """w as it is: (n, 4) → (n, 1)."""
    return blocks.view("<f4").astype(np.float32)


def f16(blocks: np.ndarray) -> np.ndarray:
    """Half precision, IEEE 754: (n, 2) → (n, 1)."""
    return blocks.view("<f2").astype(np.float32)


def bf16(blocks: np.ndarray) -> np.ndarray:
    """The upper half of a float32, its lower bits 0: (n, 2) → (n, 1)."""
    return (blocks.view("<u2").astype(np.uint32) << np.uint32(16)).view(np.float32)


def q4_0(blocks: np.ndarray) -> np.ndarray:
    """w = d (q − 8), q of 4 bits. d (2 bytes), q (16 bytes): (n, 18) → (n, 32)."""
    q = nibbles(blocks[:, 2:]).astype(np.int8) - np.int8(8)
    return half(blocks, 0) * q.astype(np.float32)


def q4_1(blocks: np.ndarray) -> np.ndarray:
    """w = d q + m, q of 4 bits. d, m (2 bytes each), q (16): (n, 20) → (n, 32)."""
    return half(blocks, 0) * nibbles(blocks[:, 4:]).astype(np.float32) + half(blocks, 2)


def q5_0(blocks: np.ndarray) -> np.ndarray:
    """w = d (q − 16), q of 5 bits. d (2), fifth bits (4), lower four (16): (n, 22) → (n, 32)."""
    q = (nibbles(blocks[:, 6:]) | _fifth(blocks[:, 2:6])).astype(np.int8) - np.int8(16)
    return half(blocks, 0) * q.astype(np.float32)


def q5_1(blocks: np.ndarray) -> np.ndarray:
    """w = d q + m, q of 5 bits. d, m (2 each), fifth bits (4), lower four (16): (n, 24) → (n, 32)."""
    q = nibbles(blocks[:, 8:]) | _fifth(blocks[:, 4:8])
    return half(blocks, 0) * q.astype(np.float32) + half(blocks, 2)


def q8_0(blocks: np.ndarray) -> np.ndarray:
    """w = d q, q of 8 bits with sign. d (2), q (32): (n, 34) → (n, 32)."""
    return half(blocks, 0) * blocks[:, 2:].view(np.int8).astype(np.float32)


def half(blocks: np.ndarray, at: int) -> np.ndarray:
    """The float16 in bytes at, at + 1 of each block: (n, bytes) → (n, 1) float32."""
    return np.ascontiguousarray(blocks[:, at : at + 2]).view("<f2").astype(np.float32)


def nibbles(data: np.ndarray) -> np.ndarray:
    """The low four bits of all bytes, then the high four: (…, m) → (…, 2m)."""
    return np.concatenate([data & np.uint8(15), data >> np.uint8(4)], axis=-1)


def _fifth(bits: np.ndarray) -> np.ndarray:
    """Bit i of a little-endian number of 32 bits, at the fifth place: (n, 4) → (n, 32)."""
    return np.unpackbits(bits, axis=-1, bitorder="little") << np.uint8(4)
