"""Attention on a GPU (attention.cu): blocks of queries walk along tiles of keys, and memory grows with the length, not with its
square. What the kernels leave to the array code: a score bias, widths over 128, and more than two leading axes.

Source: Milakov & Gimelshein 2018, algorithm 3 (the online softmax); Dao et al. 2022, algorithms 1 and 4 (FlashAttention).
"""

from __future__ import annotations

import numpy as np

from ..attention import _scale, attention
from .kernels import launch, packed

ROWS = 32
"""Queries (or keys, on the way back) of a block, as in attention.cu."""
WIDTHS = (32, 64, 128)


@attention.cuda
def attention(q, k, v, mask=None, causal=False, score_bias=None, scale=None):
    lead, (n_queries, width), (n_keys, v_width) = q.shape[:-2], q.shape[-2:], v.shape[-2:]
    if score_bias is not None or len(lead) > 2 or max(width, v_width) > WIDTHS[-1]:
        return NotImplemented
    constants = {"WIDTH": next(w for w in WIDTHS if w >= max(width, v_width))}
    four = (1,) * (2 - len(lead)) + lead                                            # (B, H)
    q_, k_, v_ = (_heads_inside(x.reshape(four + x.shape[-2:])) for x in (q, k, v))
    seen = q_ if mask is None else np.broadcast_to(mask, (*four, n_queries, n_keys))
    strides = (0, 0, 0, 0) if mask is None else seen.strides                        # a boolean is a byte
    options = (_scale(q, scale), four[1], n_queries, n_keys, width, v_width, int(causal), int(mask is not None), *strides)
    out = _empty(q_, (*four, n_queries, v_width))
    tops, sums, g_dot_out = np.empty_like(q_, shape=(3, *four, n_queries), order="C")

    def run(name, length, *arrays):
        blocks = (four[0] * four[1], -(-length // ROWS))
        launch("attention", f"attention_{name}", blocks, q_, *arrays, *options, **constants)

    run("forward", n_queries, q_, k_, v_, seen, out, tops, sums)

    def vjp(g):
        g = _heads_inside(g.reshape(out.shape))
        gq, gk, gv = (_empty(q_, x.shape) for x in (q_, k_, v_))
        run("backward_queries", n_queries, g, q_, k_, v_, seen, out, tops, sums, g_dot_out, gq)
        run("backward_keys", n_keys, g, q_, k_, v_, seen, tops, sums, g_dot_out, gk, gv)
        return gq.reshape(q.shape), gk.reshape(k.shape), gv.reshape(v.shape)

    return out.reshape(*lead, n_queries, v_width), vjp


def _heads_inside(x):
    """(B, H, T, D), in memory (B, T, H, D): no copy where the heads were cut out of tokens, as models do."""
    return np.swapaxes(packed(np.swapaxes(x, 1, 2)), 1, 2)


def _empty(like, shape):
    b, h, length, width = shape
    return np.swapaxes(np.empty_like(like, shape=(b, length, h, width), order="C"), 1, 2)
