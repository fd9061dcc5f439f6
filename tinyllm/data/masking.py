"""Windows of a long text with hidden tokens, for models that read both ways."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np

from tinyllm.data.batching import IGNORED, Batch
from tinyllm.data.windows import ShuffledStarts, check_tokens, side_by_side, take_windows

EVALUATION = 1      # the third number of the key keeps evaluation's masks apart from those of any training step


class MaskedWindows:
    """Shuffled windows in which some tokens are hidden, and the hidden ones as targets: fill in the blanks.

    tokens (N,) integers below vocab_size; a batch holds "ids" and "targets", both (batch_size, context), targets -100
    where nothing was hidden. Masks are dynamic: drawn anew for each batch from (seed, step), as RoBERTa does, so that
    a window met twice asks for different words. special_ids (and mask_id) are never hidden and never stand in for a
    word.

    Raises ValueError for tokens shorter than the context or outside the vocabulary, p outside (0, 1], and a
    vocabulary of special tokens alone.

    Devlin et al. 2019, §3.1; Liu et al. 2019, §4.1; formula F12.
    """

    def __init__(
        self,
        tokens: np.ndarray,
        context: int,
        batch_size: int,
        seed: int,
        mask_id: int,
        vocab_size: int,
        p: float = 0.15,
        special_ids: Collection[int] = (),
    ):
        self.tokens = check_tokens(tokens, context, batch_size, shortest=context)
        self.context, self.batch_size, self.seed = context, batch_size, seed
        self.starts = ShuffledStarts(len(self.tokens) - context + 1, context, batch_size, seed)
        self.mask_id, self.p = mask_id, p
        lowest, highest = int(self.tokens.min()), int(self.tokens.max())
        if lowest < 0 or highest >= vocab_size:
            wrong = lowest if lowest < 0 else highest
            raise ValueError(f"token id {wrong} is outside the vocabulary of {vocab_size}: use the tokenizer's size")
        self.ordinary = ordinary_ids(vocab_size, mask_id, special_ids)
        if not 0 < p <= 1:
            raise ValueError(f"p {p}: the share of hidden tokens lies above 0 and not above 1")

    def batch(self, step: int) -> Batch:
        """The batch of this step."""
        rng = np.random.default_rng([self.seed, step])
        windows = take_windows(self.tokens, self.starts.of(step), self.context)
        ids, targets = mask_tokens(windows, rng, self.mask_id, self.ordinary, self.p)
        return {"ids": ids, "targets": targets}

    def evaluation(self, batch_size: int | None = None) -> Iterator[Batch]:
        """Windows side by side, in order: every token stands exactly once where it can be hidden.

        The last window reaches back to be full and hides only what is new in it. A window's mask comes from (seed,
        where it starts), so it is the same at every evaluation and for every batch_size.
        """
        for starts, fresh in side_by_side(len(self.tokens), self.context, batch_size or self.batch_size):
            rows = []
            windows = take_windows(self.tokens, starts, self.context)
            for start, window, candidates in zip(starts, windows, fresh, strict=True):
                rng = np.random.default_rng([self.seed, int(start), EVALUATION])
                rows.append(mask_tokens(window, rng, self.mask_id, self.ordinary, self.p, candidates))
            yield {"ids": np.stack([ids for ids, _ in rows]), "targets": np.stack([targets for _, targets in rows])}


def mask_tokens(
    ids: np.ndarray,
    rng: np.random.Generator,
    mask_id: int,
    ordinary: np.ndarray,
    p: float = 0.15,
    candidates: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Hide each token with probability p, at least one a row: 80% of them become mask_id, 10% a random token, 10% stay.

    ids (..., T); ordinary (V,) bool: which tokens may be hidden and may be drawn; candidates (..., T) bool: places
    that may be hidden (default all) → new ids (..., T) and targets (..., T): the original where hidden, -100
    elsewhere.

    Why not always mask_id: it never occurs in the texts a model is used on. A token that may be wrong or right keeps
    the model from trusting what it sees at a place, so that every place must be represented by its context too.

    Devlin et al. 2019, §3.1 and appendix A.1; formula F12.
    """
    maskable = ordinary[ids] if candidates is None else ordinary[ids] & candidates
    draw = np.where(maskable, rng.random(ids.shape), 2.0)
    # The smallest draw is hidden even above p: a row without a target would train nothing.
    hidden = maskable & ((draw < p) | (draw == draw.min(axis=-1, keepdims=True)))
    fate = rng.random(ids.shape)
    words = rng.choice(np.flatnonzero(ordinary), size=ids.shape)
    shown = np.where(fate < 0.8, mask_id, np.where(fate < 0.9, words, ids))
    return np.where(hidden, shown, ids), np.where(hidden, ids, IGNORED)


def ordinary_ids(vocab_size: int, mask_id: int, special_ids: Collection[int]) -> np.ndarray:
    """(vocab_size,) bool: False for mask_id and special_ids."""
    special = sorted({mask_id, *special_ids})
    if special[0] < 0 or special[-1] >= vocab_size:
        wrong = special[0] if special[0] < 0 else special[-1]
        raise ValueError(f"special id {wrong} is outside the vocabulary of {vocab_size}: use the tokenizer's own ids")
    ordinary = np.ones(vocab_size, dtype=bool)
    ordinary[special] = False
    if not ordinary.any():
        raise ValueError(f"all {vocab_size} tokens of the vocabulary are special: nothing could be hidden")
    return ordinary
