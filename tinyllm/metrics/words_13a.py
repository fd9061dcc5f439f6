"""The words that BLEU counts: the tokenisation "13a" of the machine translation contests."""

from __future__ import annotations

import re

ENTITIES = (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"))

SPLITS = (
    # Signs of ASCII stand for themselves, but for these: ' (don't), and . , - which the next three look at.
    (re.compile(r"([!-&(-+:-@/\[-`{-~])"), r" \1 "),
    (re.compile(r"([^0-9])([.,])"), r"\1 \2 "),     # a full stop or comma not after a digit: an end, not 3.5
    (re.compile(r"([.,])([^0-9])"), r" \1 \2"),     # nor before a digit
    (re.compile(r"([0-9])(-)"), r"\1 \2 "),         # a dash after a digit: 1990-95
)


def words_13a(text: str) -> tuple[str, ...]:
    """Words, numbers and signs of a line of text.

    BLEU depends on what counts as a word: the same translation scores points higher or lower with another tokenisation,
    and for years papers compared numbers that were none. Post fixed this one, from the contests' script mteval-v13a, so
    that BLEU means one thing. It was made for Western languages and leaves the rest of Unicode unsplit.

    Worked: "It's 3.5%, isn't it?" → It's 3.5 % , isn't it ?

    Post 2018; NIST's mteval-v13a.pl.
    """
    text = text.rstrip().replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    for entity, sign in ENTITIES:
        text = text.replace(entity, sign)
    text = f" {text} "
    for pattern, spaced in SPLITS:
        text = pattern.sub(spaced, text)
    return tuple(text.split())
