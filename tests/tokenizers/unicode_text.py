"""Texts to draw whose characters every Unicode table knows the same things about.

Python, Hugging Face's `tokenizers` and the crates it is built from each carry Unicode tables of another age (theirs
begin with version 8). Characters assigned in 3.2 whose category has not changed since, and the emoji of 6.1, are the
same to all of them. A character assigned later may be a letter to one and nothing to another: there equality cannot
be asked for.
"""

from __future__ import annotations

import unicodedata

from hypothesis import strategies as st

OLD = unicodedata.ucd_3_2_0
# Categories that one of the crates changed with a later version than the others.
MOVED = "\u166d\u1734\u1715\u1cf2\u1cf3\u1885\u1886\u061d"


def is_known(character: str) -> bool:
    category = OLD.category(character)
    return category not in ("Cn", "Cs") and category == unicodedata.category(character) and character not in MOVED


KNOWN = [c for c in map(chr, range(0x30000)) if is_known(c)] + [chr(c) for c in range(0x1F600, 0x1F641)]
# What normalisation, cutting and trimming turn on, drawn often.
TELLING = (
    " \t\n\r\x0b\x1c\x85\xa0\u1680\u2003\u2028\u200b\u200d\u3000\ufeff\ufffd\0\x01▁Ġ"
    "aàáâÅÅéẹ́ñßİıΣςſKﬁ²½Ⅷ①\u0300\u0301\u0323\u0327\u0308\u0345\u20dd\u0903\u093e\u0344"
    "한글\u1112\u1161\u11ab\u1100\uac00語東がｶﾞ😀👍🏽🇫🇷㎏ŉ0１٣.,!?'’-_#<>[]()/\\"
)
CHARACTERS = st.sampled_from(TELLING) | st.sampled_from(KNOWN)
ENGLISH = st.sampled_from(
    ["the", " fox", " doesn't", "  ", " 12,345", "'ll", "we've", "\n\n", "unhappy", "NAÏVE", "<b>", "x1", "e\u0301", "tokens"]
)


def texts(*names: str) -> st.SearchStrategy[str]:
    """Characters, words and the given names (of special tokens) in any order."""
    pieces = CHARACTERS | ENGLISH
    if names:
        pieces |= st.sampled_from(names)
    return st.lists(pieces, max_size=24).map("".join)
