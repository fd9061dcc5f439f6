"""What every tokenizer shares: special tokens, checks, decoding, saving."""

from __future__ import annotations

import codecs
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from itertools import chain
from os import PathLike
from typing import Any, ClassVar

import numpy as np

from .encoding import Encoding, Span, spans_of_bytes
from .storage import write_json
from .words import WORD

SPECIAL_TOKENS = ("<pad>", "<bos>", "<eos>", "<mask>", "<cls>", "<sep>")
TextOrTexts = str | Iterable[str]


def _surrogate_or_replacement(error: UnicodeError) -> tuple[str | bytes, int]:
    """Decoding that never fails: unpaired surrogates come back as they went in, other stray bytes become U+FFFD."""
    try:
        return codecs.lookup_error("surrogatepass")(error)
    except UnicodeError:
        return codecs.lookup_error("replace")(error)


TOLERANT = "tinyllm.surrogate_or_replacement"
codecs.register_error(TOLERANT, _surrogate_or_replacement)


class Tokenizer(ABC):
    """Text → token ids → the same text.

    An id stands for a fixed piece of UTF-8. Ids count from 0: the ordinary tokens first, the special tokens last, in
    their order.

    - `vocab_size`: the number of ids.
    - `special_tokens`, `special_ids`: names and ids of the tokens that no text produces.
    - `pad_id`, `unk_id`, `bos_id`, `eos_id`, `mask_id`, `cls_id`, `sep_id`: the id of `<pad>`, …; None where it is
      not among them.

    Text that happens to contain `<mask>` is text like any other (somebody's question must not become a control sign),
    unless `encode` is told `allow_special=True`.
    """

    _pre_tokenizer: ClassVar[dict[str, Any]]
    _decoder: ClassVar[dict[str, Any]]

    def __init__(self, tokens: Sequence[str], pieces: Sequence[bytes], special_tokens: Iterable[str]) -> None:
        """`tokens` are the printable names of the ordinary tokens, `pieces` the bytes they stand for."""
        self.special_tokens = check_special_tokens(special_tokens)
        self._tokens = [*tokens, *self.special_tokens]
        self._pieces = [*pieces, *(name.encode() for name in self.special_tokens)]
        self._token_ids = {token: i for i, token in enumerate(self._tokens)}
        if len(self._token_ids) < len(self._tokens):
            twice = next(token for i, token in enumerate(self._tokens) if self._token_ids[token] != i)
            raise ValueError(f"two tokens are called {twice!r}: every token needs a name of its own")
        self.vocab_size = len(self._tokens)
        self.special_ids = tuple(range(len(tokens), self.vocab_size))
        named = dict(zip(self.special_tokens, self.special_ids, strict=True))
        self.pad_id = named.get("<pad>")
        self.unk_id = named.get("<unk>")
        self.bos_id = named.get("<bos>")
        self.eos_id = named.get("<eos>")
        self.mask_id = named.get("<mask>")
        self.cls_id = named.get("<cls>")
        self.sep_id = named.get("<sep>")

    @abstractmethod
    def _encode_plain(self, text: str) -> Iterable[int]:
        """The ids of a text without special tokens."""

    @abstractmethod
    def _model(self) -> dict[str, Any]:
        """What was learned, as the "model" entry of a tokenizer.json."""

    def encode(self, text: str, allow_special: bool = False) -> list[int]:
        """The ids of a text; `decode(encode(text)) == text`.

        allow_special: the name of a special token in the text becomes that token.

        Raises TypeError for anything but a str.
        """
        return list(self._ids(text, allow_special))

    def encode_array(self, text: str, allow_special: bool = False) -> np.ndarray:
        """The ids of a text → (T,) int32: four bytes a token, for whole corpora."""
        return np.fromiter(self._ids(text, allow_special), dtype=np.int32)

    def encode_batch(self, texts: Iterable[str], allow_special: bool = False) -> list[list[int]]:
        """The ids of each text: lists of different lengths, to be padded by whoever makes a batch of them."""
        if isinstance(texts, str):
            raise TypeError("encode_batch takes several texts, got one str: use encode, or a list with that text")
        return [self.encode(text, allow_special) for text in texts]

    def _ids(self, text: str, allow_special: bool) -> Iterable[int]:
        parts = self._parts(text, allow_special)
        return chain.from_iterable(
            [self._token_ids[part]] if place % 2 else self._encode_plain(part) for place, part in enumerate(parts)
        )

    def _parts(self, text: str, allow_special: bool) -> list[str]:
        """text, name of a special token, text, name, …, text."""
        if not isinstance(text, str):
            raise TypeError(f"a tokenizer encodes text (str), got {type(text).__name__}")
        if not allow_special or not self.special_tokens:
            return [text]
        # Where one name begins another, the longer one is meant.
        names = sorted(self.special_tokens, key=len, reverse=True)
        return re.split(f"({'|'.join(map(re.escape, names))})", text)

    def encoding(
        self, text: str, pair: str | None = None, special: bool = True, allow_special: bool = False
    ) -> Encoding:
        """The tokens of a text, or of two, with their places in it.

        special: add the tokens that frame a text. Where the tokenizer has `<cls>` and `<sep>`, as BERT's:
        `<cls> text <sep>`, with a pair `<cls> text <sep> pair <sep>`, the second text and the `<sep>` after it in
        segment 1. Else what it has of `<bos>` and `<eos>`: `<bos> text <eos>`, with a pair `<bos> text pair <eos>`.

        allow_special: as in `encode`. Raises TypeError for anything but a str.
        """
        texts = [self._located(each, allow_special) for each in ([text] if pair is None else [text, pair])]
        return self._framed(texts) if special else _joined(texts)

    def _located(self, text: str, allow_special: bool) -> Encoding:
        """The tokens of one text, unframed."""
        found = Encoding()
        start = 0
        for place, part in enumerate(self._parts(text, allow_special)):
            if place % 2:
                found.add(self._token_ids[part], part, (start, start + len(part)))
            else:
                ids = list(self._encode_plain(part))
                for token_id, (a, b) in zip(ids, self._spans(part, ids)):
                    found.add(token_id, self._tokens[token_id], (start + a, start + b))
            start += len(part)
        return found

    def _spans(self, text: str, ids: Sequence[int]) -> list[Span]:
        """The characters that each of a text's tokens stands for."""
        return spans_of_bytes(text, [len(self._pieces[i]) for i in ids])

    def _framed(self, texts: Sequence[Encoding]) -> Encoding:
        framed = Encoding()

        def sign(token_id: int | None, segment: int = 0) -> None:
            if token_id is not None:
                framed.add(token_id, self._tokens[token_id], segment=segment, special=True)

        if self.cls_id is not None and self.sep_id is not None:
            sign(self.cls_id)
            for segment, text in enumerate(texts):
                framed.extend(text, segment)
                sign(self.sep_id, segment)
        else:
            sign(self.bos_id)
            for segment, text in enumerate(texts):
                framed.extend(text, segment)
            sign(self.eos_id, len(texts) - 1)
        return framed

    def decode(self, ids: Iterable[int] | np.ndarray, skip_special: bool = False) -> str:
        """The text of a row of ids. Never fails on ids of the vocabulary: bytes that are not UTF-8 become U+FFFD.

        skip_special: leave special tokens out; otherwise they appear by name.

        Raises IndexError for an id outside the vocabulary, TypeError for ids that are not integers, ValueError for a
        batch of rows.
        """
        row = self._check_ids(ids)
        if skip_special:
            row = [i for i in row if i < self.special_ids[0]] if self.special_ids else row
        return b"".join([self._pieces[i] for i in row]).decode("utf-8", TOLERANT)

    def _check_ids(self, ids: Iterable[int] | np.ndarray) -> list[int]:
        row = np.asarray(ids if isinstance(ids, np.ndarray) else list(ids))
        if row.ndim != 1:
            raise ValueError(f"decode takes one row of ids, got shape {row.shape}: decode the rows one by one")
        if row.size == 0:
            return []
        if not np.issubdtype(row.dtype, np.integer):
            raise TypeError(f"token ids are integers, got dtype {row.dtype}")
        outside = row[(row < 0) | (row >= self.vocab_size)]
        if outside.size:
            raise IndexError(f"token id {outside[0]} is not in this vocabulary: its ids are 0 to {self.vocab_size - 1}")
        return row.tolist()

    def token_to_id(self, token: str) -> int:
        """The id of the token with this printable name. Raises KeyError where there is none."""
        if token not in self._token_ids:
            raise KeyError(f"{token!r} is no token of this vocabulary")
        return self._token_ids[token]

    def id_to_token(self, token_id: int) -> str:
        """The printable name of a token. Raises IndexError outside the vocabulary."""
        return self._tokens[self._check_ids([token_id])[0]]

    def id_to_piece(self, token_id: int) -> bytes:
        """The bytes a token stands for, perhaps half a character's. Raises IndexError outside the vocabulary."""
        return self._pieces[self._check_ids([token_id])[0]]

    def save(self, path: str | PathLike[str]) -> None:
        """Writes a `tokenizer.json` that people, `tinyllm.tokenizers.load` and Hugging Face's `tokenizers` can read.

        The file is written beside its place and moved there when complete: whoever reads it sees the old one or the
        new one.
        """
        write_json(path, self.as_json())

    def as_json(self) -> dict[str, Any]:
        """The contents of the tokenizer's file."""
        rules = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
        return {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [{"id": self._token_ids[name], "content": name, **rules} for name in self.special_tokens],
            "normalizer": None,
            "pre_tokenizer": self._pre_tokenizer,
            "post_processor": None,
            "decoder": self._decoder,
            "model": self._model(),
        }

    def __repr__(self) -> str:
        return f"{type(self).__name__}(vocab_size={self.vocab_size}, special_tokens={self.special_tokens})"


def _joined(texts: Iterable[Encoding]) -> Encoding:
    joined = Encoding()
    for segment, text in enumerate(texts):
        joined.extend(text, segment)
    return joined


def check_special_tokens(names: Iterable[str]) -> tuple[str, ...]:
    """The names as a tuple. A name must be several words ("<", "pad", ">"): then no learned token can be called so."""
    if isinstance(names, str):
        raise TypeError(f"special_tokens is a list of names, got the str {names!r}: write ({names!r},)")
    names = tuple(names)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"the name of a special token is a str, got {name!r}")
        if len(WORD.findall(name)) < 2:
            raise ValueError(f"special token {name!r} could be ordinary text: mix letters and signs, as '<mask>' does")
        if any("\ud800" <= character <= "\udfff" for character in name):
            raise ValueError(f"special token {name!r} has an unpaired surrogate: pick a name that a file can hold")
    if len(set(names)) < len(names):
        raise ValueError(f"special tokens {names} repeat a name: list each one once")
    return names


def check_vocab_size(vocab_size: int) -> None:
    """Raise TypeError unless it is a whole number."""
    if not isinstance(vocab_size, int | np.integer) or isinstance(vocab_size, bool):
        raise TypeError(f"vocab_size is {vocab_size!r}: give a whole number of tokens")


def as_texts(texts: TextOrTexts) -> Iterable[str]:
    """One text or many as many, each checked to be a str."""
    for text in [texts] if isinstance(texts, str) else texts:
        if not isinstance(text, str):
            raise TypeError(f"a tokenizer learns from text (str), got {type(text).__name__}")
        yield text
