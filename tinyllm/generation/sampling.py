"""From logits to a token. Pure functions on arrays (…, V); what is excluded becomes −∞.

They compose: `draw(top_p(top_k(temperature(logits, 0.8), 40), 0.95), u)`. A model that is certain of nothing rewards caution
and a model that is cautious becomes dull: temperature, top-k and top-p are three ways to cut the long tail of improbable
tokens, whose sum is large although each is small.
"""

from __future__ import annotations

import numpy as np


def greedy(logits: np.ndarray) -> np.ndarray:
    """argmaxᵢ zᵢ: (…, V) → (…). The first of equals. What temperature → 0 leads to. Raises FloatingPointError as `draw`."""
    _highest(logits)
    return np.argmax(logits, axis=-1)


def temperature(logits: np.ndarray, t: float) -> np.ndarray:
    """zᵢ / t, so that pᵢ ∝ exp(zᵢ / t).

    t < 1 sharpens, t > 1 flattens; t → 0 is greedy, t → ∞ uniform. Raises ValueError unless t is positive and finite.
    Ackley, Hinton, Sejnowski 1985, §2.
    """
    if not 0 < t < float("inf"):
        raise ValueError(f"temperature {t}: take a positive number, or greedy=True for the limit 0")
    return logits / float(t)


def top_k(logits: np.ndarray, k: int) -> np.ndarray:
    """zᵢ for the k largest, −∞ for the rest. Of equals just so many stay that k are kept; k ≥ V keeps all.

    Raises ValueError for k < 1. Fan et al. 2018, §5.4.
    """
    if k < 1:
        raise ValueError(f"top_k {k}: keep at least 1 token, or None for all")
    V = logits.shape[-1]
    if k >= V:
        return logits
    rest = np.argpartition(logits, V - k, axis=-1)[..., : V - k]            # (…, V - k)
    out = logits.copy()
    np.put_along_axis(out, rest, -np.inf, axis=-1)
    return out


def top_p(logits: np.ndarray, p: float) -> np.ndarray:
    """zᵢ on the smallest set S of tokens, likeliest first, with Σ_{i∈S} softmax(z)ᵢ ≥ p; −∞ elsewhere.

    Where the model is sure S is a single token, where it is not S is wide: top-k with a k that fits the place. p = 1
    keeps all. Raises ValueError for p outside (0, 1]. Holtzman et al. 2020, §3.1 (nucleus sampling).
    """
    if not 0 < p <= 1:
        raise ValueError(f"top_p {p}: a probability above 0, at most 1")
    if p == 1:
        return logits
    ordered = np.sort(logits, axis=-1)[..., ::-1]                           # (…, V): values alone, far cheaper than places
    probability = _softmax(ordered)
    before = np.cumsum(probability, axis=-1)
    before -= probability                                                   # what likelier tokens add up to
    n = np.maximum((before < p).sum(axis=-1, keepdims=True), 1)             # the likeliest stays, whatever rounding says
    least = np.take_along_axis(ordered, n - 1, axis=-1)                     # (…, 1): the last that stays
    kept = logits >= least
    if (kept.sum(axis=-1, keepdims=True) > n).any():                        # of equals the first stay
        equal, above = logits == least, logits > least
        kept = above | equal & (np.cumsum(equal, axis=-1) <= n - above.sum(axis=-1, keepdims=True))
    return np.where(kept, logits, -np.inf)


def repetition_penalty(logits: np.ndarray, seen: np.ndarray, penalty: float) -> np.ndarray:
    """For every token i in `seen`: zᵢ / θ where zᵢ > 0, zᵢ · θ where zᵢ < 0, θ = penalty. logits (…, V), seen (…, T)
    ids.

    Lowers what stands in the text already, however often. Logits have no natural zero, so this is a rule of thumb; 1
    changes nothing. Raises ValueError unless the penalty is positive and finite. Keskar et al. 2019, §4.1 (who divide
    only; a negative logit would rise).
    """
    if not 0 < penalty < float("inf"):
        raise ValueError(f"repetition_penalty {penalty}: a positive number, 1 for none")
    z = np.take_along_axis(logits, seen, axis=-1)                           # (…, T)
    out = logits.copy()
    np.put_along_axis(out, seen, np.where(z > 0, z / float(penalty), z * float(penalty)), axis=-1)
    return out


def draw(logits: np.ndarray, u: np.ndarray | float) -> np.ndarray:
    """A token of probability softmax(z), for u uniform in [0, 1): the first i with Σ_{j≤i} softmax(z)ⱼ > u. (…, V),
    (…) → (…).

    Inverts the distribution function, so the same u and the same logits give the same token: all chance is in u.
    Raises FloatingPointError for logits with NaN or +∞ or without any finite entry.
    """
    probability = _softmax(logits)                                          # (…, V)
    cumulative = np.cumsum(probability, axis=-1, out=probability)
    total = cumulative[..., -1:]
    if not (total > 0).all():
        raise FloatingPointError("the logits hold NaN or infinity: the model's weights are broken, or every token is excluded")
    return (cumulative <= np.asarray(u)[..., None] * total).sum(axis=-1)


def log_probabilities(logits: np.ndarray) -> np.ndarray:
    """log softmax(z): (…, V) → (…, V) float64, none above 0. Raises FloatingPointError as `draw`."""
    shifted = (logits - _highest(logits)).astype(np.float64)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def _softmax(logits: np.ndarray) -> np.ndarray:
    """In float64: a cumulative sum over 50,000 float32 probabilities is off by more than most of them. In place: of such a
    size, a fresh array costs as much as what is computed in it."""
    e = (logits - _highest(logits)).astype(np.float64)
    np.exp(e, out=e)
    e /= e.sum(axis=-1, keepdims=True)
    return e


def _highest(logits: np.ndarray) -> np.ndarray:
    highest = logits.max(axis=-1, keepdims=True)
    if not np.isfinite(highest).all():
        raise FloatingPointError("the logits hold NaN or infinity: the model's weights are broken, or every token is excluded")
    return highest
