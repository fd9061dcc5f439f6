"""Tokens that are looked for in the text before anything else happens to it: "[MASK]", "<|im_start|>"."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from .aligned import Aligned
from .entries import Entry
from .models import LARGEST_ID, check_lengths
from .normalizers import Normalizer
from .patterns import Pattern
from .pre_tokenizers import WORD
from .unicode import WHITE_SPACE

MOST_TOKENS = 1 << 16
Found = tuple[Aligned, int | None]      # a stretch of text, and the id of the added token that it is, if it is one


@dataclass(frozen=True)
class AddedToken:
    """A token with rules of its own.

    - `single_word`: not within a word. `lstrip`, `rstrip`: takes the white space before it, after it.
    - `normalized`: looked for in the normalised text. `special`: a control sign, left out of decoded text if asked.
    """

    id: int
    content: str
    single_word: bool = False
    lstrip: bool = False
    rstrip: bool = False
    normalized: bool = False
    special: bool = True


class AddedTokens:
    """Finds the added tokens in a text, and normalises what is between them."""

    def __init__(self, tokens: Iterable[AddedToken], normalizer: Normalizer | None) -> None:
        self.tokens = list(tokens)
        self.by_id = {token.id: token for token in self.tokens}
        self._normalizer = normalizer
        self.decoded_as = {token.id: token.content for token in self.tokens}
        if normalizer is not None:
            self.decoded_as |= {t.id: normalizer(Aligned(t.content)).text for t in self.tokens if t.normalized}
        self._plain = _Finder({t.content: t for t in self.tokens if not t.normalized})
        self._normalized = _Finder({self.decoded_as[t.id]: t for t in self.tokens if t.normalized})

    def split(self, text: str, allow_special: bool) -> list[Found]:
        """The text in its order, as added tokens and normalised stretches between them, none of them empty."""
        found: list[Found] = []
        for piece, token_id in self._plain.split(Aligned(text), allow_special):
            if token_id is not None:
                found.append((piece, token_id))
                continue
            if self._normalizer is not None:
                piece = self._normalizer(piece)
            found += self._normalized.split(piece, allow_special)
        return found


class _Finder:
    def __init__(self, tokens: dict[str, AddedToken]) -> None:
        self._tokens = tokens
        self._any = _one_of(tokens)
        self._ordinary = _one_of(name for name, token in tokens.items() if not token.special)

    def split(self, piece: Aligned, allow_special: bool) -> list[Found]:
        text, done = piece.text, 0
        found: list[Found] = []
        for match in (self._any if allow_special else self._ordinary).finditer(text):
            token = self._tokens[match[0]]
            start, end = match.span()
            if token.single_word and (_is_word(text[start - 1 : start]) or _is_word(text[end : end + 1])):
                continue
            while token.lstrip and start > done and text[start - 1] in WHITE_SPACE:
                start -= 1
            while token.rstrip and end < len(text) and text[end] in WHITE_SPACE:
                end += 1
            start = max(start, done)
            if done < start:
                found.append((piece.cut(done, start), None))
            if start < end:
                found.append((piece.cut(start, end), token.id))
            done = max(end, done)
        if done < len(text):
            found.append((piece.cut(done, len(text)), None))
        return found


def _one_of(names: Iterable[str]) -> re.Pattern[str]:
    """The leftmost, and of those that begin there the longest."""
    names = sorted(filter(None, names), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, names)) if names else r"(?!)")


_WORD = Pattern(f"[{WORD}]")


def _is_word(character: str) -> bool:
    return any(True for _ in _WORD.matches(character))


def read_added_tokens(entries: list[Entry], vocab: dict[str, int]) -> list[AddedToken]:
    """The entries of "added_tokens". A token of the model keeps its id there; the others count on from the model's."""
    if len(entries) > MOST_TOKENS:
        raise ValueError(f'"added_tokens" are {len(entries)}: at most {MOST_TOKENS} are taken')
    tokens, taken = [], dict(vocab)
    for entry in entries:
        token = AddedToken(
            entry.number("id"),
            entry.text("content"),
            entry.flag("single_word", False),
            entry.flag("lstrip", False),
            entry.flag("rstrip", False),
            entry.flag("normalized", True),
            entry.flag("special", False),
        )
        if not token.content:
            raise ValueError(f'"{entry.place}.content" is empty: a token is at least one character')
        if token.id >= LARGEST_ID or taken.setdefault(token.content, token.id) != token.id:
            raise ValueError(
                f'"{entry.place}" gives {token.content[:40]!r} the id {token.id}, '
                f"elsewhere it has {taken[token.content]}; ids are below {LARGEST_ID}"
            )
        tokens.append(token)
    check_lengths((token.content for token in tokens), "added_tokens")
    return tokens
