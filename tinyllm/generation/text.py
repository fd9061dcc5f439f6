"""A language model writes text: a tokenizer before and after `generate`."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from .generate import Sampling, steps
from .next_logits import NextLogits, has_source, next_logits
from .stops import StopFilter


class TextTokenizer(Protocol):
    """What is asked of a tokenizer here; those of `tinyllm.tokenizers` have it."""

    bos_id: int | None
    eos_id: int | None
    special_ids: tuple[int, ...]

    def encode(self, text: str) -> list[int]: ...

    def encoding(self, text: str) -> Any: ...

    def id_to_piece(self, token_id: int) -> bytes: ...


def generate_text(
    model: Any,
    tokenizer: TextTokenizer,
    prompt: str,
    max_new_tokens: int = 100,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    repetition_penalty: float = 1.0,
    greedy: bool = False,
    stop: Sequence[str] = (),
    n_samples: int = 1,
    seed: int | None = None,
    use_cache: bool = True,
) -> list[str]:
    """The texts of n_samples continuations of a prompt (the prompt not repeated), computed together; of an
    encoder-decoder, what it writes about the prompt as its source, framed as the tokenizer's `encoding` frames a text.

    A text ends before the first of the `stop` strings, wherever its tokens are cut, at the tokenizer's end token, or
    after max_new_tokens. An empty prompt is the tokenizer's start token.

    Raises ValueError for an empty prompt where there is no start token, and as `generate`.
    """
    how = Sampling(temperature, top_k, top_p, repetition_penalty, greedy)
    rows = [_Row(tokenizer, stop) for _ in range(n_samples)]
    texts = [""] * n_samples
    for tokens in steps(_reader(model, tokenizer, prompt, use_cache), max_new_tokens, how, n_samples, seed):
        for i, (row, token) in enumerate(zip(rows, tokens, strict=True)):
            texts[i] += row.push(token)
        if all(row.ended for row in rows):
            break
    return [text + row.finish() for text, row in zip(texts, rows, strict=True)]


def stream_text(
    model: Any,
    tokenizer: TextTokenizer,
    prompt: str,
    max_new_tokens: int = 100,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    repetition_penalty: float = 1.0,
    greedy: bool = False,
    stop: Sequence[str] = (),
    seed: int | None = None,
    use_cache: bool = True,
) -> Iterator[str]:
    """The first text of `generate_text` in pieces, each as soon as it is certain: whole characters, no part of a
    stop."""
    how = Sampling(temperature, top_k, top_p, repetition_penalty, greedy)
    row = _Row(tokenizer, stop)
    tokens = steps(_reader(model, tokenizer, prompt, use_cache), max_new_tokens, how, 1, seed)

    def pieces() -> Iterator[str]:
        for (token,) in tokens:
            if piece := row.push(token):
                yield piece
            if row.ended:
                break
        if piece := row.finish():
            yield piece

    return pieces()


def prompt_ids(model: Any, tokenizer: TextTokenizer, prompt: str) -> list[int]:
    """The ids in which a model is given a prompt. A causal model gets the text as it stands, so that it can go on, or the
    start token for an empty one; an encoder-decoder gets its source framed, as the tokenizer's `encoding` frames a text.

    Raises ValueError for an empty prompt where there is no start token.
    """
    if has_source(model):
        return list(tokenizer.encoding(prompt).ids)
    ids = tokenizer.encode(prompt)
    if not ids and tokenizer.bos_id is None:
        raise ValueError("the prompt is empty and this tokenizer has no start token <bos>: give at least one character")
    return ids or [tokenizer.bos_id]  # type: ignore[list-item]


def _reader(model: Any, tokenizer: TextTokenizer, prompt: str, use_cache: bool) -> NextLogits:
    return next_logits(model, prompt_ids(model, tokenizer, prompt), use_cache)


class _Row:
    """One continuation: ids in, text out."""

    def __init__(self, tokenizer: TextTokenizer, stop: Sequence[str]) -> None:
        self.tokenizer = tokenizer
        if isinstance(stop, str):
            raise TypeError(f"stop={stop!r} is one string, not several: write stop=[{stop!r}]")
        self.filter = StopFilter([text.encode() for text in stop], b"")
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.ended = False

    def push(self, token: int) -> str:
        if self.ended or token == self.tokenizer.eos_id:
            self.ended = True
            return ""
        if token in self.tokenizer.special_ids:         # control signs are not text
            return ""
        piece = self.filter.push(self.tokenizer.id_to_piece(token))
        self.ended = self.filter.stopped
        return self.decoder.decode(piece)

    def finish(self) -> str:
        return self.decoder.decode(self.filter.finish(), final=True)
