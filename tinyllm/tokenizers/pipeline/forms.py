"""Unicode's four normal forms, with the place each character came from.

"é" may be one character or two (e and a combining accent). NFD takes all characters apart, NFC puts them together;
NFKD and NFKC besides replace look-alikes by what they mean ("ﬁ" by "fi", "²" by "2"). The standard library's
`unicodedata.normalize` gives the text; which character came from which it does not say, so the algorithm of Unicode
Standard Annex 15 is done here in steps, on the parts of a text that are not in the form already.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Literal

from .aligned import Aligned

Form = Literal["NFC", "NFD", "NFKC", "NFKD"]
Change = tuple[str, int]        # as in `Aligned.edited`

# ASCII characters are in every form, and only the last one before a mark can melt with it.
_MAY_CHANGE = re.compile(r"[\x00-\x7f]?[^\x00-\x7f]+")


def to_form(piece: Aligned, form: Form) -> Aligned:
    """The text in one of the normal forms."""
    text = piece.text
    if unicodedata.is_normalized(form, text):
        return piece

    def changes() -> Iterator[Change]:
        done = 0
        for found in _MAY_CHANGE.finditer(text):
            yield from ((character, 0) for character in text[done : found.start()])
            decomposed = _decompose(found[0], "NFKD" if "K" in form else "NFD")
            yield from _compose(decomposed) if form.endswith("C") else decomposed
            done = found.end()
        yield from ((character, 0) for character in text[done:])

    return piece.edited(changes())


def _decompose(text: str, form: Form) -> Iterator[Change]:
    """Every character taken apart; marks on one letter in the order of their classes."""
    marks: list[Change] = []
    for character in text:
        for i, part in enumerate(unicodedata.normalize(form, character)):
            if not unicodedata.combining(part):
                yield from sorted(marks, key=lambda mark: unicodedata.combining(mark[0]))
                marks = []
                yield part, int(i > 0)
            else:
                marks.append((part, int(i > 0)))
    yield from sorted(marks, key=lambda mark: unicodedata.combining(mark[0]))


def _compose(changes: Iterable[Change]) -> Iterator[Change]:
    """Each letter (class 0) melts with the marks after it, where there is a character for both and nothing blocks.

    A mark is blocked by one of its own class, or of a higher one, that stays before it. Each mark that melts takes one
    place off: the letter then stands in the place of the letter alone.
    """
    letter: Change | None = None
    kept: list[Change] = []         # marks after the letter that did not melt
    for character, change in changes:
        of_class = unicodedata.combining(character)
        if letter is None:
            if of_class:
                yield character, change
            else:
                letter = character, change
            continue
        blocked = bool(kept) and unicodedata.combining(kept[-1][0]) >= of_class
        both = "" if blocked else _together(letter[0], character)
        if both:
            letter = both, letter[1] + change - 1
        elif of_class:
            kept.append((character, change))
        else:
            yield letter
            yield from kept
            letter, kept = (character, change), []
    if letter is not None:
        yield letter
    yield from kept


@lru_cache(maxsize=4096)
def _together(letter: str, mark: str) -> str:
    """The one character for both, or nothing."""
    both = unicodedata.normalize("NFC", letter + mark)
    return both if len(both) == 1 else ""
