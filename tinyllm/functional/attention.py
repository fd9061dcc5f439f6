"""Attention: every token looks at the others and takes a weighted mean of what they offer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .checks import check_broadcasts, check_kind
from .formula import formula
from .fusing import ones
from .softmax import softmax


def attention_weights(
    q: Any, k: Any, mask: Any = None, causal: bool = False, score_bias: Any = None, scale: float | None = None
) -> Any:
    """softmax(q kᵀ / √d): how much each query looks at each key, for pictures and for `attention`.

    q (..., Tq, D), k (..., Tk, D) → (..., Tq, Tk); every row sums to 1, or to 0 where nothing may be seen.

    The other arguments and errors as for `attention`. Source: formulas F1 and F2.
    """
    _check(q, k, None, mask, causal, score_bias, scale)
    scores = q @ np.swapaxes(k, -1, -2) * _scale(q, scale)                          # (..., Tq, Tk)
    if score_bias is not None:
        scores = scores + score_bias
        mask = _and(mask, score_bias > -math.inf)
    if causal:
        n_queries, n_keys = scores.shape[-2:]
        past = np.tril(np.ones_like(scores, shape=(n_queries, n_keys), dtype=bool), n_keys - n_queries)
        mask = _and(mask, past)
    return softmax(scores, where=mask)


@formula
def attention(
    q: Any, k: Any, v: Any, mask: Any = None, causal: bool = False, score_bias: Any = None, scale: float | None = None
) -> Any:
    """Scaled dot-product attention, softmax(q kᵀ / √d) v.

    q (B, H, Tq, D), k (B, H, Tk, D), v (B, H, Tk, Dv) → (B, H, Tq, Dv), any leading axes in place of (B, H), the same for all
    three. `mask` is boolean and broadcasts to (B, H, Tq, Tk), True = may look. `causal` lets query i see keys up to
    Tk − Tq + i: the queries are the last Tq positions, which is right with a cache as well. Both may be given.
    `score_bias` broadcasts to (B, H, Tq, Tk) and is added to the scores: positions that speak as distances (relative, ALiBi);
    −∞ hides, as the mask does.
    `scale` takes the place of 1/√d; T5 has 1.

    Gradient. With S = q kᵀ/√d, P = softmax(S) and O = P v: ∂L/∂v = Pᵀ g and ∂L/∂P = g vᵀ; through the softmax,
    ∂L/∂S = P (∂L/∂P − Σ_j P_j ∂L/∂P_j), where the sum is Σ_j P_j (g · v_j) = g · O, so it needs no row of P;
    and ∂L/∂q = ∂L/∂S k/√d, ∂L/∂k = ∂L/∂Sᵀ q/√d. A bias is added to S, so its gradient is ∂L/∂S, summed where it was broadcast.

    A dot product of D independent unit-variance terms has variance D: dividing by √D keeps the softmax off its flat ends,
    where its gradient vanishes. A row that may look nowhere returns zeros, not NaN.

    Raises ValueError for shapes that do not fit, or a mask or bias that does not broadcast; TypeError for a mask that is not
    boolean or a bias that is no float. Source: Vaswani et al. 2017, §3.2.1; formula F1.
    """
    return attention_weights(q, k, mask, causal, score_bias, scale) @ v             # (B, H, Tq, Dv)


@attention.check
def _check(q, k, v, mask=None, causal=False, score_bias=None, scale=None):
    for name, x in (("q", q), ("k", k), ("v", v)):
        if x is not None and (x.ndim < 2 or x.shape[:-2] != q.shape[:-2]):
            raise ValueError(f"attention: q {q.shape} and {name} {x.shape}: batch and heads must be equal, repeat grouped ones")
    if k.shape[-1] != q.shape[-1]:
        raise ValueError(f"attention: q {q.shape} and k {k.shape}: queries and keys must be equally wide")
    if not q.shape[-1] or not k.shape[-2]:
        raise ValueError(f"attention: q {q.shape} and k {k.shape}: there must be a key to look at, and it must have a width")
    if v is not None and v.shape[-2] != k.shape[-2]:
        raise ValueError(f"attention: k {k.shape} and v {v.shape}: each key needs one value")
    if mask is not None:
        check_kind("mask", mask, "b", "booleans, True = may look")
        check_broadcasts("mask", mask.shape, (*q.shape[:-1], k.shape[-2]))
    if score_bias is not None:
        check_kind("score_bias", score_bias, "f", "floats, added to the scores")
        check_broadcasts("score_bias", score_bias.shape, (*q.shape[:-1], k.shape[-2]))


def _and(mask, seen):
    return seen if mask is None else mask & seen


def _scale(q, scale):
    return 1.0 / math.sqrt(q.shape[-1]) if scale is None else float(scale)


BLOCK = 64                                              # queries at a time; a GPU takes all of them
KEPT = 1024                                             # keys up to which E waits for the backward pass


@attention.fused
def attention(q, k, v, mask=None, causal=False, score_bias=None, scale=None):
    """Forward, for a block of queries: E = exp(S − max S), ℓ = Σ E, O = E v / ℓ.

    Backward, with P = E/ℓ and g' = g/ℓ: ∂L/∂v = Eᵀ g', and ∂L/∂S = P (g vᵀ − g · O) = E (g' vᵀ − g' · O).

    Three measures make it fast. Queries come in blocks, and a causal block stops at the last key it may see: half of the
    products go, and what is left stays in the cache. Scores are stored keys × queries, so that the maximum and the sum run down
    columns, many queries side by side. And E is kept as it is, not divided by ℓ: dividing Tq × Dv outputs costs less than
    Tq × Tk weights. A query that sees nothing has ℓ = ∞, hence no output and no gradient.

    Over more than KEPT keys, E is not kept at all: backward computes each block's once more from the scores and their maxima,
    a fifth product, so memory grows with Tq + Tk and not with Tq × Tk (Rabe & Staats 2021, §3; Dao et al. 2022, §3.1).
    """
    n_queries, n_keys = q.shape[-2], k.shape[-2]
    behind = n_keys - n_queries                                                     # keys before the first query
    first = min(max(0, -behind), n_queries) if causal else 0                        # the first query that sees a key
    kept = n_keys <= KEPT
    block = BLOCK if isinstance(q, np.ndarray) else max(1, n_queries)
    scale = _scale(q, scale)
    q = q * scale
    hidden = None if mask is None else _hidden(mask, q)
    bias = None if score_bias is None else _t(_two_axes(score_bias))                # (..., keys, queries)
    may_see_nothing = hidden is not None or bias is not None                        # then such queries are looked for
    out = _heads_inside(q, v.shape[-1])                                             # (B, H, Tq, Dv)
    sums = np.empty_like(q, shape=q.shape[:-1])                                     # (B, H, Tq): ℓ
    out[..., :first, :] = 0.0
    sums[..., :first] = math.inf
    blocks = []

    def scores(rows, seen):
        e = k[..., :seen, :] @ _t(q[..., rows, :])                                  # (B, H, keys, queries)
        if bias is not None:
            e += _part(bias, seen, rows)
        if hidden is not None:
            e += _part(hidden, seen, rows)
        if causal:
            e[..., behind + rows.start :, :] += _future(rows.stop - rows.start, e)
        return e

    for start in range(first, n_queries, block):
        rows = slice(start, min(start + block, n_queries))
        seen = behind + rows.stop if causal else n_keys
        e = scores(rows, seen)
        top = np.max(e, axis=-2, keepdims=True)                                     # (B, H, 1, queries)
        if may_see_nothing:
            np.copyto(top, 0.0, where=top == -math.inf)                             # sees nothing: E is 0
        e -= top
        np.exp(e, out=e)
        total = ones(seen, e) @ e                                                   # (B, H, queries)
        if may_see_nothing:
            np.copyto(total, math.inf, where=total == 0.0)
        sums[..., rows] = total
        np.matmul(_t(e), v[..., :seen, :], out=out[..., rows, :])
        blocks.append((rows, seen, top, e if kept else None))
    out /= sums[..., None]

    def vjp(g):
        g = g / sums[..., None]                                                     # (B, H, Tq, Dv): g'
        g_dot_o = np.einsum("...d,...d->...", g, out)[..., None, :]                 # (B, H, 1, Tq)
        gq, gk, gv = (_heads_inside(x, x.shape[-1]) for x in (q, k, v))
        g_bias = None if bias is None else np.zeros_like(bias)
        gq[..., :first, :] = 0.0
        if not blocks:
            gk[...] = gv[...] = 0.0
        for rows, seen, top, e in reversed(blocks):
            if e is None:
                e = scores(rows, seen)
                e -= top
                np.exp(e, out=e)
            gs = v[..., :seen, :] @ _t(g[..., rows, :])                             # (B, H, keys, queries)
            gs -= g_dot_o[..., rows]
            gs *= e
            if g_bias is not None:
                part = _part(g_bias, seen, rows)
                part += _summed(gs, part.shape)
            np.matmul(_t(gs), k[..., :seen, :], out=gq[..., rows, :])
            if rows.stop == n_queries:                                              # the last block sees every key
                np.matmul(gs, q[..., rows, :], out=gk)
                np.matmul(e, g[..., rows, :], out=gv)
            else:
                gk[..., :seen, :] += gs @ q[..., rows, :]
                gv[..., :seen, :] += e @ g[..., rows, :]
        gq *= scale
        return gq, gk, gv, None, None, None if g_bias is None else _t(g_bias).reshape(score_bias.shape)

    return out, vjp


def _t(x):
    return np.swapaxes(x, -1, -2)


def _hidden(mask, like):
    """What is added to a score: 0 where the mask lets look, −∞ elsewhere, below every score. (..., keys, queries), each axis
    whole or 1."""
    zero = np.zeros_like(like, shape=())
    return np.where(_t(_two_axes(mask)), zero, zero - math.inf)


def _two_axes(x):
    return x.reshape((1,) * (2 - x.ndim) + x.shape)


def _part(x, seen, rows):
    """The keys seen and the queries of a block: a view of (..., keys, queries), whose axes may be 1 for all."""
    return x[..., :seen, rows if x.shape[-1] > 1 else slice(None)]


def _summed(x, shape):
    """Over the axes in which an array of this shape was broadcast to x."""
    extra = x.ndim - len(shape)
    axes = (*range(extra), *(extra + i for i, n in enumerate(shape) if n != x.shape[extra + i]))
    return x.sum(axis=axes).reshape(shape) if axes else x


def _future(n, like):
    """(keys, queries) of the last n keys and n queries: −∞ where the key stands behind the query, else 0."""
    return _hidden(np.tri(n, n, dtype=bool, like=like), like)


def _heads_inside(x, width):
    """An empty (..., H, T, width), in memory (..., T, H, width): bringing the heads together again then copies nothing."""
    if x.ndim == 2:
        return np.empty_like(x, shape=(x.shape[0], width))
    *lead, n_heads, length, _ = x.shape
    return np.swapaxes(np.empty_like(x, order="C", shape=(*lead, length, n_heads, width)), -2, -3)
