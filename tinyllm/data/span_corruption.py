"""Windows of a text with spans cut out, for encoder-decoder models that write what is missing (T5's pretraining)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from tinyllm.data.batching import Batch
from tinyllm.data.windows import ShuffledStarts, check_tokens, side_by_side, take_windows

EVALUATION, CORRUPT = 7, 8      # the third number of the keys of its random numbers

# The names of T5's sentinels: a tokenizer that is to have them is trained with them among its special tokens.
SENTINELS = tuple(f"<extra_id_{i}>" for i in range(100))


class NamesTokens(Protocol):
    """The part of a tokenizer that finds an id by its name."""

    def token_to_id(self, token: str) -> int: ...


class SpanCorruption:
    """Shuffled windows of a token sequence with spans replaced by sentinels; the target spells the spans out.

        window        The old owl counts seven mice in the barn tonight
        ids           The old <0> seven mice in the <1> tonight
        targets       <0> owl counts <1> barn <2>

    A batch holds "ids" (B, S), "attention_mask" (B, S), "decoder_ids" and "targets" (B, T), as `SequencePairs`. Every window of
    `context` tokens loses the same number of tokens in the same number of spans, so S (`source_length`) and T
    (`target_length`) are fixed and nothing is padded. Only what is missing is asked for: the target is a fraction of
    the text, where a model that rewrites all of it would spend most of its time on copying.

    With end_id both sides end in it, as in T5. `frame`, where it is given, are the ids before and after a source instead: how
    the tokenizer frames a text that the model will read later. Spans are drawn anew for each batch from (seed, step).

    Raises ValueError for tokens shorter than the context, a context below 2, and fewer sentinels than spans + 1.

    Raffel et al. 2020, §3.1.4; 15% of the tokens in spans of 3 on average: §3.3.4.
    """

    def __init__(
        self,
        tokens: np.ndarray,
        context: int,
        batch_size: int,
        sentinels: Sequence[int],
        start_id: int,
        end_id: int | None = None,
        seed: int = 0,
        p: float = 0.15,
        mean_span: float = 3.0,
        frame: tuple[Sequence[int], Sequence[int]] | None = None,
    ):
        self.tokens = check_tokens(tokens, context, batch_size, shortest=context)
        self.context, self.batch_size, self.seed, self.start_id = context, batch_size, seed, start_id
        self.sentinels, self.p, self.mean_span = np.asarray(sentinels, dtype=np.int64), p, mean_span
        hidden, spans = noise_amount(context, p, mean_span)
        if len(self.sentinels) < spans + 1:
            raise ValueError(f"{len(self.sentinels)} sentinels for {spans} spans and the end: take a context below {context}")
        self.end = np.array([] if end_id is None else [end_id], dtype=np.int64)
        before, after = ((), self.end) if frame is None else frame
        self.before, self.after = (np.asarray(ids, dtype=np.int64) for ids in (before, after))
        self.source_length = len(self.before) + context - hidden + spans + len(self.after)
        self.target_length = hidden + spans + 1 + len(self.end)
        self.starts = ShuffledStarts(len(self.tokens) - context + 1, context, batch_size, seed)

    def batch(self, step: int) -> Batch:
        """The batch of this step."""
        rng = np.random.default_rng([self.seed, step, CORRUPT])
        windows = take_windows(self.tokens, self.starts.of(step), self.context)
        return self._corrupt(windows, [rng] * len(windows))

    def evaluation(self, batch_size: int | None = None) -> Iterator[Batch]:
        """Windows side by side, in order; what is left at the end is a shorter window in a batch of its own.

        A window's spans come from (seed, where it starts), whatever the batch size. A single token left over is
        left out: it would have no context.
        """
        whole = len(self.tokens) // self.context * self.context
        for starts, _ in side_by_side(whole, self.context, batch_size or self.batch_size):
            yield self._evaluation(starts, self.context)
        if len(self.tokens) - whole > 1:
            yield self._evaluation(np.array([whole]), len(self.tokens) - whole)

    def _evaluation(self, starts: np.ndarray, length: int) -> Batch:
        streams = [np.random.default_rng([self.seed, int(start), EVALUATION]) for start in starts]
        return self._corrupt(take_windows(self.tokens, starts, length), streams)

    def _corrupt(self, windows: np.ndarray, streams: Sequence[np.random.Generator]) -> Batch:
        pairs = [
            corrupt_spans(window, rng, self.sentinels, self.p, self.mean_span)
            for window, rng in zip(windows, streams, strict=True)
        ]
        ids = np.stack([np.concatenate([self.before, source, self.after]) for source, _ in pairs])
        targets = np.stack([np.append(target, self.end) for _, target in pairs])
        shown = np.insert(targets[:, :-1], 0, self.start_id, axis=1)
        return {"ids": ids, "attention_mask": np.ones(ids.shape, dtype=bool), "decoder_ids": shown, "targets": targets}


def corrupt_spans(
    ids: np.ndarray, rng: np.random.Generator, sentinels: np.ndarray, p: float = 0.15, mean_span: float = 3.0
) -> tuple[np.ndarray, np.ndarray]:
    """ids (T,) → what is left, a sentinel in place of each span, and the spans, each behind its sentinel, one more at the end.

    The spans lie apart (two side by side would be one), in one of all possible ways with equal chance, the text's ends
    included.

    Raffel et al. 2020, §3.1.4 and figure 2.
    """
    hidden, spans = noise_amount(len(ids), p, mean_span)
    lengths = parts(hidden, spans, rng)
    kept = parts(len(ids) - hidden + 2, spans + 1, rng)     # between the spans at least one token stays …
    kept[[0, -1]] -= 1                                      # … before the first and after the last perhaps none
    starts = np.cumsum(kept[:-1]) + np.cumsum(lengths) - lengths
    source, target, before = [], [], 0
    for start, length, sentinel in zip(starts, lengths, sentinels, strict=False):
        source += [ids[before:start], [sentinel]]
        target += [[sentinel], ids[start : start + length]]
        before = start + length
    return np.concatenate([*source, ids[before:]]), np.concatenate([*target, [sentinels[spans]]])


def noise_amount(length: int, p: float, mean_span: float) -> tuple[int, int]:
    """How many of `length` tokens are hidden, and in how many spans: p · length, and that over mean_span, rounded.

    At least one token is hidden and one stays; between two spans stays at least one.
    """
    if length < 2 or not 0 < p < 1 or not mean_span >= 1:
        raise ValueError(f"length {length}, p {p}, mean_span {mean_span}: at least 2, above 0 and below 1, at least 1")
    hidden = min(max(round(length * p), 1), length - 1)
    return hidden, min(max(round(hidden / mean_span), 1), hidden, length - hidden + 1)


def parts(n: int, k: int, rng: np.random.Generator) -> np.ndarray:
    """k whole numbers from 1 on that add up to n, (k,): k − 1 cuts at different ones of the n − 1 places between."""
    cuts = np.sort(rng.choice(n - 1, k - 1, replace=False)) + 1
    return np.diff(np.concatenate([[0], cuts, [n]])).astype(np.int64)


def sentinel_ids(tokenizer: NamesTokens) -> list[int]:
    """The ids of `<extra_id_0>`, `<extra_id_1>`, …, as many as the tokenizer has, in this order.

    Sentinels are found by name: T5's own vocabulary has them counting downwards.

    Raises ValueError where there is none.
    """
    found: list[int] = []
    try:
        for name in SENTINELS:
            found.append(tokenizer.token_to_id(name))
    except KeyError:
        pass
    if not found:
        raise ValueError("the tokenizer has no <extra_id_0>: train it with special_tokens=(*SPECIAL_TOKENS, *SENTINELS)")
    return found
