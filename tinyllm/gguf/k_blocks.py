"""The K formats: 256 weights to a block, in groups of 16 or 32, each with a scale of 4 to 8 bits under one float16.

So a weight costs its bits and a fraction of one more, where a float16 for every 32 would cost half a bit each. A function a
format: blocks (n, bytes) uint8 → weights (n, 256) float32. Bits beyond the fourth stand apart, one plane for each: bits 2j and
2j + 1 of a byte, or bit j, belong to the j-th run of 32 weights.

Formats of ggml (ggml-quants.c, block_q2_K and on).
"""

from __future__ import annotations

import numpy as np

from .blocks import half, nibbles

PAIRS = np.array([0, 2, 4, 6], np.uint8)[:, None]               # shifts: four numbers of two bits in a byte
BITS = np.arange(8, dtype=np.uint8)[:, None]


def q2_k(blocks: np.ndarray) -> np.ndarray:
    """w = (d s) q − (dmin m), q of 2 bits; s and m of 4 bits, the low and high half of a byte, for every 16.

    s and m (16 bytes), q (64), d, dmin (2 each): (n, 84) → (n, 256).
    """
    scales = blocks[:, :16]
    d = half(blocks, 80) * (scales & np.uint8(15)).astype(np.float32)                   # (n, 16)
    m = half(blocks, 82) * (scales >> np.uint8(4)).astype(np.float32)
    q = _pairs(blocks[:, 16:80]).reshape(-1, 16, 16).astype(np.float32)
    return (d[..., None] * q - m[..., None]).reshape(-1, 256)


def q3_k(blocks: np.ndarray) -> np.ndarray:
    """w = d (s − 32) q, q = two bits − 4 where the third bit is 0; s of 6 bits for every 16.

    Third bits (32 bytes), q (64), s (12), d (2): (n, 110) → (n, 256). The low four bits of the 16 s fill 8 bytes, their high
    two another 4.
    """
    low = nibbles(blocks[:, 96:104])                                                    # (n, 16)
    high = (blocks[:, None, 104:108] >> PAIRS & np.uint8(3)).reshape(-1, 16)
    s = (low | high << np.uint8(4)).astype(np.int8) - np.int8(32)
    d = half(blocks, 108) * s.astype(np.float32)
    third = (blocks[:, None, :32] >> BITS & np.uint8(1)).reshape(-1, 256)
    q = _pairs(blocks[:, 32:96]).astype(np.int8) - np.int8(4) * (third ^ np.uint8(1)).astype(np.int8)
    return (d[..., None] * q.reshape(-1, 16, 16).astype(np.float32)).reshape(-1, 256)


def q4_k(blocks: np.ndarray) -> np.ndarray:
    """w = (d s) q − (dmin m), q of 4 bits; s and m of 6 bits for every 32.

    d, dmin (2 each), s and m (12), q (128): (n, 144) → (n, 256).
    """
    return _scaled(blocks, nibbles(blocks[:, 16:].reshape(-1, 4, 32)).reshape(-1, 8, 32))


def q5_k(blocks: np.ndarray) -> np.ndarray:
    """w = (d s) q − (dmin m), q of 5 bits; s and m as in `q4_k`.

    d, dmin (2 each), s and m (12), fifth bits (32), lower four (128): (n, 176) → (n, 256).
    """
    low = nibbles(blocks[:, 48:].reshape(-1, 4, 32)).reshape(-1, 8, 32)
    fifth = blocks[:, None, 16:48] >> BITS & np.uint8(1)                                # (n, 8, 32)
    return _scaled(blocks, low | fifth << np.uint8(4))


def q6_k(blocks: np.ndarray) -> np.ndarray:
    """w = (d s) (q − 32), q of 6 bits; s of 8 bits with sign for every 16.

    Lower four bits (128 bytes), upper two (64), s (16), d (2): (n, 210) → (n, 256).
    """
    low = nibbles(blocks[:, :128].reshape(-1, 2, 64)).reshape(-1, 256)
    q = (low | _pairs(blocks[:, 128:192]) << np.uint8(4)).astype(np.int8) - np.int8(32)
    d = half(blocks, 208) * blocks[:, 192:208].view(np.int8).astype(np.float32)         # (n, 16)
    return (d[..., None] * q.reshape(-1, 16, 16).astype(np.float32)).reshape(-1, 256)


def _pairs(data: np.ndarray) -> np.ndarray:
    """Two bits each, four to a byte; the lowest of 32 bytes first: (n, 64) → (n, 256)."""
    return (data.reshape(-1, 2, 1, 32) >> PAIRS & np.uint8(3)).reshape(-1, 256)


def _scaled(blocks: np.ndarray, q: np.ndarray) -> np.ndarray:
    """(d s) q − (dmin m) for q (n, 8, 32). The first four s and m are the low six bits of bytes 0–3 and 4–7; the last four have
    their low bits in the halves of bytes 8–11, their high two above the first four.
    """
    first, second, third = (blocks[:, at : at + 4] for at in (4, 8, 12))
    low, high, top = np.uint8(15), np.uint8(48), np.uint8(63)
    s = np.concatenate([first & top, third & low | first >> np.uint8(2) & high], axis=1)                # (n, 8)
    m = np.concatenate([second & top, third >> np.uint8(4) | second >> np.uint8(2) & high], axis=1)
    d = half(blocks, 0) * s.astype(np.float32)
    dm = half(blocks, 2) * m.astype(np.float32)
    return (d[..., None] * q.astype(np.float32) - dm[..., None]).reshape(-1, 256)
