"""What this package asks of a tokenizer that it is given: tokens that know where in the text they stand."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class LocatedTokens(Protocol):
    """ids, and for each the (start, end) of its characters: text[start:end]."""

    @property
    def ids(self) -> list[int]: ...
    @property
    def offsets(self) -> list[tuple[int, int]]: ...


class LocatingTokenizer(Protocol):
    """Any of `tinyllm.tokenizers`."""

    @property
    def pad_id(self) -> int | None: ...
    @property
    def cls_id(self) -> int | None: ...
    @property
    def sep_id(self) -> int | None: ...
    def encoding(self, text: str, pair: str | None = None, special: bool = True) -> LocatedTokens: ...


def locate(tokenizer: LocatingTokenizer, text: str) -> tuple[np.ndarray, np.ndarray]:
    """The tokens of a text without any that frame it → ids (T,) and what can be seen of their characters (T, 2).

    A byte-level token brings along the space before its word: white space at a token's ends is taken off its place,
    so that a place is exactly what a reader would mark. A token of white space alone gets an empty place.
    """
    found = tokenizer.encoding(text, special=False)
    places = []
    for start, end in found.offsets:
        piece = text[start:end]
        begin = start + len(piece) - len(piece.lstrip())
        places.append((begin, begin + len(piece.strip())))
    return np.array(found.ids, dtype=np.int64), np.array(places, dtype=np.int64).reshape(-1, 2)
