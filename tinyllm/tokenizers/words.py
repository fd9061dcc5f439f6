"""Cutting text into words, between which no merge is ever learned."""

from __future__ import annotations

import re
from collections.abc import Iterator

LONGEST_RUN = 64

# GPT-2's rule in the standard library's syntax. \w is letters, numbers and "_": taking \d and "_" away leaves the
# letters (and the few numbers that are not decimal digits, such as "²"). The length limit keeps the work for one word
# small, whatever the text holds.
_RUN = f"{{1,{LONGEST_RUN}}}"
WORD = re.compile(
    r"'(?:[sdmt]|ll|re|ve)"  # the endings of English contractions
    rf"| ?[^\W\d_]{_RUN}"  # letters, with the space before them
    rf"| ?\d{_RUN}"  # digits
    rf"| ?(?:[^\s\w]|_){_RUN}"  # everything else that can be seen
    rf"|\s{_RUN}(?!\S)"  # white space, except the last one before a word, which joins that word
    rf"|\s{_RUN}"
)

# The same rule where \w and \s mean something else: for tools that read our files. \x1c to \x1f are white space to
# Python only.
WORD_IN_UNICODE_CLASSES = (
    r"'(?:[sdmt]|ll|re|ve)"
    rf"| ?[\p{{L}}\p{{Nl}}\p{{No}}]{_RUN}"
    rf"| ?\p{{Nd}}{_RUN}"
    rf"| ?[^\s\x1c-\x1f\p{{L}}\p{{N}}]{_RUN}"
    rf"|[\s\x1c-\x1f]{_RUN}(?![^\s\x1c-\x1f])"
    rf"|[\s\x1c-\x1f]{_RUN}"
)

_SAFE_CUT = re.compile(r"(?<=\S)\s")


def split_words(text: str, chunk: int = 1 << 20) -> Iterator[str]:
    """The words of a text, in order: `"".join(split_words(text)) == text`.

    "I don't know 42 things!" → "I", " don", "'t", " know", " 42", " things", "!"

    Without the cut, "dog." "dog!" and "dog?" would each become a token of their own. A space belongs to the word
    after it, so that a sentence needs no token for spaces.

    Long texts are cut into pieces of about `chunk` characters first, so that the list of words stays small. No word
    has white space after anything else, so the place before the first white space after a word always lies between
    two words.

    Radford et al. 2019, §2.2 (the rule); their pattern uses Unicode classes that the standard library's `re` lacks.
    """
    start = 0
    while start < len(text):
        cut = _SAFE_CUT.search(text, start + chunk)
        stop = cut.start() if cut else len(text)
        yield from WORD.findall(text, start, stop)
        start = stop
