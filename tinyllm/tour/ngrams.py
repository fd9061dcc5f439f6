"""The language model to beat: an n-gram model with interpolated Kneser–Ney smoothing."""

from __future__ import annotations

import numpy as np


class NGram:
    """P(w | the n − 1 tokens before it), from counts.

        p_n(w | h) = max(c(h w) − D, 0) / c(h ·)  +  D · |{w : c(h w) > 0}| / c(h ·) · p_{n−1}(w | h without its first token)

    c counts occurrences at the highest order and, below it, distinct tokens before: how many contexts a gram completes says
    more about a new context than how often it occurs. D = n₁ / (n₁ + 2 n₂), n_r the number of grams counted r times. p_0 is
    uniform. Chen & Goodman 1998, §2.7 and §3; Kneser & Ney 1995. Order 1 is the unigram model.
    Raises ValueError for an order or a vocabulary whose grams do not fit 63 bits.
    """

    def __init__(self, tokens: np.ndarray, order: int, vocab_size: int) -> None:
        self.order, self.vocab_size = order, vocab_size
        self.bits = max(1, (vocab_size - 1).bit_length())
        if order < 1 or order * self.bits > 63:
            raise ValueError(f"order {order} with {vocab_size} tokens needs {order * self.bits} bits a gram: from 1 to 63 fit")
        self.tables = []
        for length in range(1, order + 1):
            if length == order:
                grams = self._grams(tokens, length)
            else:                                     # below the top, a gram counts once for each token it occurs after
                grams = np.unique(self._grams(tokens, length + 1)) & ((1 << length * self.bits) - 1)
            self.tables.append(_Table(*np.unique(grams, return_counts=True), self.bits))

    def _grams(self, tokens: np.ndarray, length: int) -> np.ndarray:
        """The grams of a text, one integer each: `bits` bits a token, the last token lowest."""
        tokens = np.asarray(tokens, np.int64)
        n = len(tokens) - length + 1
        packed = np.zeros(max(n, 0), np.int64)
        for i in range(length):
            packed = (packed << self.bits) | tokens[i:i + len(packed)]
        return packed

    def probabilities(self, tokens: np.ndarray) -> np.ndarray:
        """P(token | the tokens before it) for every token of a text; the first ones from what little stands before them."""
        p = np.full(len(tokens), 1.0 / self.vocab_size)
        for length, table in enumerate(self.tables, start=1):
            at = slice(length - 1, None)              # the tokens with length − 1 tokens before them
            p[at] = table.interpolate(self._grams(tokens, length), p[at])
        return p

    def bits_per_token(self, tokens: np.ndarray) -> float:
        """−mean log₂ P."""
        return float(-np.log2(self.probabilities(tokens)).mean())


class _Table:
    """The counts of one order: sorted grams, and for each context its total and its number of continuations."""

    def __init__(self, grams: np.ndarray, counts: np.ndarray, bits: int) -> None:
        self.grams, self.counts, self.bits = grams, counts, bits
        self.contexts, start, self.distinct = np.unique(grams >> bits, return_index=True, return_counts=True)
        self.totals = np.add.reduceat(counts, start) if len(counts) else counts
        once, twice = np.sum(counts == 1), np.sum(counts == 2)
        self.discount = once / (once + 2 * twice) if once and twice else 0.5

    def interpolate(self, grams: np.ndarray, lower: np.ndarray) -> np.ndarray:
        """p_n of each gram, from p_{n−1}; a context never seen says nothing, and p_{n−1} stands."""
        count = _look_up(self.grams, self.counts, grams)
        total = _look_up(self.contexts, self.totals, grams >> self.bits)
        distinct = _look_up(self.contexts, self.distinct, grams >> self.bits)
        seen = np.maximum(total, 1)
        p = (np.maximum(count - self.discount, 0.0) + self.discount * distinct * lower) / seen
        return np.where(total > 0, p, lower)


def _look_up(keys: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """values where keys (sorted) equal wanted, 0 where they don't."""
    if not len(keys):
        return np.zeros(len(wanted))
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, values[at], 0)
