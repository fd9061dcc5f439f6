"""Two pieces of text in a row, words hidden: BERT's two tasks, fill in the blanks and say whether B follows A."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import numpy as np

from tinyllm.data.batching import IGNORED, Batch
from tinyllm.data.masking import mask_tokens, ordinary_ids
from tinyllm.data.order import ShuffledRows, slices

FOLLOWS, RANDOM = 0, 1          # the labels
SHORT = 0.1                     # share of chunks that are cut short, so that short texts are met too
CHUNKS, DRAW, MASK, EVALUATION = 9, 10, 11, 12      # the third number of the keys of its random numbers


class SentencePairs:
    """Documents → [CLS] A [SEP] B [SEP] with hidden tokens, where B is what follows A, or comes from another document.

    documents: each a list of segments (sentences, lines), each a list of token ids. A batch holds "ids", "attention_mask",
    "segment_ids" (0 for [CLS] A [SEP], 1 for B [SEP]), "targets" (B, T) and "labels" (B,): 0 follows, 1 does not.

    A document is cut into chunks of whole segments, as many as fill max_length; a tenth of the chunks is shorter.
    Each epoch cuts each chunk anew at a random segment: the first part is A, the second follows. Half of the rows
    keep it; the others get the second part of a chunk of another document, so that B alone tells nothing: both halves
    draw it from the same texts. (BERT starts B at a random segment and fills it up, which for short documents makes
    the wrong ones longer.) B is as long as the shorter of the two candidates, so that lengths tell nothing either.
    What is too long loses tokens at its ends, see `trim`; masks are `mask_tokens`'.

    A document of one segment has nothing that follows: it is left out and counted in `left_out`.

    Raises ValueError for fewer than two documents of two segments, a max_length below 5, ids outside the vocabulary.

    Devlin et al. 2019, §3.1 and appendix A.2; formulas F12, F13.
    """

    def __init__(
        self,
        documents: Sequence[Sequence[Sequence[int] | np.ndarray]],
        batch_size: int,
        max_length: int,
        cls_id: int,
        sep_id: int,
        mask_id: int,
        pad_id: int,
        vocab_size: int,
        seed: int = 0,
        p: float = 0.15,
        special_ids: Collection[int] = (),
    ):
        if batch_size < 1 or max_length < 5:
            raise ValueError(f"batch_size {batch_size} and max_length {max_length}: at least 1, and 5: [CLS] a [SEP] b [SEP]")
        if not 0 < p <= 1:
            raise ValueError(f"p {p}: the share of hidden tokens lies above 0 and not above 1")
        self.batch_size, self.room, self.seed, self.p = batch_size, max_length - 3, seed, p
        self.cls_id, self.sep_id, self.mask_id, self.pad_id = cls_id, sep_id, mask_id, pad_id
        self.ordinary = ordinary_ids(vocab_size, mask_id, [cls_id, sep_id, pad_id, *special_ids])
        filled = [[segment for segment in document if len(segment)] for document in documents]
        kept = [document for document in filled if len(document) > 1]
        self.left_out = len(documents) - len(kept)
        if len(kept) < 2:
            raise ValueError(f"{len(kept)} documents of two segments or more: give at least two, one to be another's wrong end")
        segments = [np.asarray(segment) for document in kept for segment in document]
        self.tokens = np.concatenate(segments)
        if not np.issubdtype(self.tokens.dtype, np.integer):
            raise TypeError(f"segments of type {self.tokens.dtype}: give token ids")
        if self.tokens.min() < 0 or self.tokens.max() >= vocab_size:
            wrong = self.tokens.min() if self.tokens.min() < 0 else self.tokens.max()
            raise ValueError(f"token id {wrong} is outside the vocabulary of {vocab_size}: use the tokenizer's size")
        self.edges = np.concatenate([[0], np.cumsum([len(segment) for segment in segments])])   # where segments begin
        rng = np.random.default_rng([seed, 0, CHUNKS])
        self.chunks = np.array(list(_chunks([len(document) for document in kept], self.edges, self.room, rng)))
        self.order = ShuffledRows(len(self.chunks), batch_size, seed)
        self._last: tuple[int, np.ndarray] = (-1, np.zeros(0, np.int64))    # the epoch whose rows were drawn last

    @property
    def steps_per_epoch(self) -> int:
        return self.order.steps_per_epoch

    def batch(self, step: int) -> Batch:
        """The batch of this step."""
        epoch = step // self.steps_per_epoch
        known, drawn = self._last
        if known != epoch:
            drawn = self._draw(np.random.default_rng([self.seed, epoch, DRAW]))
            self._last = epoch, drawn
        rng = np.random.default_rng([self.seed, step, MASK])
        rows = drawn[self.order.of(step)]
        return self._gather(rows, [rng] * len(rows))

    def evaluation(self, batch_size: int | None = None) -> Iterator[Batch]:
        """Every chunk once, in order; cuts, labels and masks are the same each time, whatever the batch size."""
        drawn = self._draw(np.random.default_rng([self.seed, 0, EVALUATION]))
        for part in slices(len(drawn), batch_size or self.batch_size):
            streams = [np.random.default_rng([self.seed, i + 1, EVALUATION]) for i in range(part.start, part.stop)]
            yield self._gather(drawn[part], streams)

    def _draw(self, rng: np.random.Generator) -> np.ndarray:
        """An epoch's rows (n, 5): where A begins and ends, where B does, the label."""
        n = len(self.chunks)
        first, last, document = self.chunks.T
        cut = rng.integers(first + 1, last)             # the segment that B begins with
        labels = rng.permutation(n) % 2                 # half and half
        # A chunk of another document: count on from the end of one's own, around the corner.
        begin, end = np.searchsorted(document, document, "left"), np.searchsorted(document, document, "right")
        other = (end + rng.integers(n - (end - begin))) % n
        source = np.where(labels == RANDOM, other, np.arange(n))
        lengths = self.edges[last] - self.edges[cut]
        length = np.minimum(lengths, lengths[other])    # whatever the label: else A and B together fill the row when B follows
        a, a_end, b = self.edges[[first, cut, cut[source]]]
        return np.stack([a, a_end, b, b + length, labels], axis=1)

    def _gather(self, rows: np.ndarray, streams: Sequence[np.random.Generator]) -> Batch:
        pairs = []
        for (a, a_end, b, b_end, _), rng in zip(rows, streams, strict=True):
            pairs.append(trim(self.tokens[a:a_end], self.tokens[b:b_end], self.room, rng))
        firsts, lengths = (np.array([[len(a), len(a) + len(b)] for a, b in pairs]) + [2, 3]).T[:, :, None]
        places = np.arange(lengths.max())
        mask = places < lengths                                                             # (B, T)
        ids = np.full(mask.shape, self.pad_id, dtype=np.int64)
        ids[mask] = np.concatenate([[self.cls_id, *a, self.sep_id, *b, self.sep_id] for a, b in pairs])
        shown, targets = ids.copy(), np.full_like(ids, IGNORED)
        for i, rng in enumerate(streams):
            inside = slice(0, int(lengths[i, 0]))       # no draw depends on how far a batch is padded
            shown[i, inside], targets[i, inside] = mask_tokens(ids[i, inside], rng, self.mask_id, self.ordinary, self.p)
        segments = (mask & (places >= firsts)).astype(np.int64)
        return {"ids": shown, "attention_mask": mask, "segment_ids": segments, "targets": targets, "labels": rows[:, 4]}


def trim(a: np.ndarray, b: np.ndarray, room: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """a and b cut to `room` tokens together: one by one the longer loses a token (b where they are equal), at a random end.

    Devlin et al. 2019, the published program's truncate_seq_pair, whose loop ends at these lengths.
    """
    of_b = min(len(b), max(room // 2, room - len(a)))
    of_a = min(len(a), room - of_b)
    skip_a, skip_b = rng.binomial(len(a) - of_a, 0.5), rng.binomial(len(b) - of_b, 0.5)
    return a[skip_a : skip_a + of_a], b[skip_b : skip_b + of_b]


def _chunks(
    sizes: Sequence[int], edges: np.ndarray, room: int, rng: np.random.Generator
) -> Iterator[tuple[int, int, int]]:
    """(first segment, segment after the last, document): two segments or more, until they fill `room` or are at the end."""
    end = 0
    for document, size in enumerate(sizes):
        start, end = end, end + size
        while start < end:
            target = int(rng.integers(2, room + 1)) if rng.random() < SHORT else room
            stop = start + 2
            while stop < end and edges[stop] - edges[start] < target:
                stop += 1
            if end - stop == 1:         # a single segment left over would have nothing to follow it
                stop = end
            yield start, stop, document
            start = stop
