"""From the start and end logits of a passage's windows to the text of an answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class WindowLogits:
    """What a model says of the passage tokens that one window shows.

    starts, ends (n,): how well the answer's first and last token stand there; places (n, 2): their characters in the
    passage; null: start + end logit of [CLS], where "not in this window" points.
    """

    starts: np.ndarray
    ends: np.ndarray
    places: np.ndarray
    null: float


@dataclass(frozen=True)
class Found:
    """A piece of the passage, passage[start:end], and its score, start logit + end logit."""

    text: str
    start: int
    end: int
    score: float


@dataclass(frozen=True)
class Reading:
    """The best pieces of a passage, best first, and the score of "there is no answer"."""

    found: tuple[Found, ...]
    null_score: float

    def answer(self, threshold: float | None = None) -> str:
        """The best piece's text; with a threshold the empty text where null_score − best score is above it.

        SQuAD 2.0 chooses the threshold on the validation set; SQuAD 1.1 always answers.
        """
        if not self.found or (threshold is not None and self.null_score - self.found[0].score > threshold):
            return ""
        return self.found[0].text


def merge_windows(passage: str, windows: Iterable[WindowLogits], n_best: int = 20, max_tokens: int = 30) -> Reading:
    """The n_best pieces of at most max_tokens tokens over all windows: the largest start logit + end logit.

        score(i, j) = start_i + end_j,   i ≤ j < i + max_tokens,   both in one window

    Windows overlap, so a piece may be scored several times: its best score counts. A passage is without an answer only
    if every window says so: its null score is the smallest of the windows'. Of equal scores the one that begins first.

    All pairs are looked at, as a band of shape (n, max_tokens); the published programs look at the best 20 starts and
    ends alone.

    Raises ValueError for logits that are not finite (a model that has diverged) and sizes below 1.

    Devlin et al. 2019, §4.2 and §4.3.
    """
    if n_best < 1 or max_tokens < 1:
        raise ValueError(f"n_best {n_best} and max_tokens {max_tokens}: both are at least 1")
    best: dict[tuple[int, int], float] = {}
    null_score = np.inf
    for window in windows:
        if not (np.isfinite(window.starts).all() and np.isfinite(window.ends).all() and np.isfinite(window.null)):
            raise ValueError("a window's logits are not finite: the model has diverged, train it with a smaller step")
        null_score = min(null_score, float(window.null))
        for i, j, score in _best_pairs(window, n_best, max_tokens):
            piece = int(window.places[i, 0]), int(window.places[j, 1])
            best[piece] = max(score, best.get(piece, score))
    order = sorted(best, key=lambda piece: (-best[piece], piece))[:n_best]
    return Reading(tuple(Found(passage[a:b], a, b, best[a, b]) for a, b in order), null_score)


def _best_pairs(window: WindowLogits, n_best: int, max_tokens: int) -> Iterable[tuple[int, int, float]]:
    """(first token, last token, score) of the n_best pairs of a window, and of all that score like the last of these."""
    n = len(window.starts)
    width = min(max_tokens, n)
    if n == 0:
        return []
    visible = window.places[:, 0] < window.places[:, 1]
    starts = np.where(visible, window.starts, -np.inf).astype(np.float64)
    ends = np.where(visible, window.ends, -np.inf).astype(np.float64)
    ends = np.concatenate([ends, np.full(width - 1, -np.inf)])
    band = starts[:, None] + np.lib.stride_tricks.sliding_window_view(ends, width)      # (n, width): [i, k] is i … i + k
    scores = band.ravel()
    least = np.partition(scores, -n_best)[-n_best] if scores.size > n_best else -np.inf
    chosen = np.flatnonzero((scores >= least) & (scores > -np.inf))
    return [(int(place // width), int(place // width + place % width), float(scores[place])) for place in chosen]
