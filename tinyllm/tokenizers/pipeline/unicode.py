"""Classes of characters, from the standard library's Unicode tables."""

from __future__ import annotations

import unicodedata
from functools import cache
from itertools import groupby

# The Unicode property White_Space. Python's str.isspace takes U+001C to U+001F for white space too.
WHITE_SPACE = frozenset("\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B))))
ASCII_PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
LAST, LAST_ASCII = 0x10FFFF, 0x7F

Ranges = list[tuple[int, int]]

# Circled and squared letters count as alphabetic although they are symbols (property Other_Alphabetic).
_LETTER_LIKE: Ranges = [(0x24B6, 0x24E9), (0x1F130, 0x1F149), (0x1F150, 0x1F169), (0x1F170, 0x1F189)]


@cache
def _categories(last: int) -> list[tuple[str, int, int]]:
    """Runs of one general category: ("Lu", 65, 90), …"""
    runs, first = [], 0
    for category, characters in groupby(map(unicodedata.category, map(chr, range(last + 1)))):
        length = sum(1 for _ in characters)
        runs.append((category, first, first + length - 1))
        first += length
    return runs


def of_category(names: str | tuple[str, ...], last: int = LAST) -> Ranges:
    """The code points whose general category begins with one of the names: "L" letters, "Nd" decimal digits, …"""
    return joined((first, stop) for category, first, stop in _categories(last) if category.startswith(names))


def white_space(last: int = LAST) -> Ranges:
    """The code points of \\s."""
    return joined((ord(c), ord(c)) for c in WHITE_SPACE if ord(c) <= last)


def word(last: int = LAST) -> Ranges:
    """The code points of \\w: letters, marks, decimal digits, letter numbers, connectors such as "_"."""
    return joined([*of_category(("L", "M", "Nd", "Nl", "Pc"), last), *(r for r in _LETTER_LIKE if r[1] <= last)])


def joined(ranges: object) -> Ranges:
    """Sorted, with neighbours and overlaps made one."""
    result: Ranges = []
    for first, stop in sorted(ranges):          # type: ignore[call-overload]
        if result and first <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(stop, result[-1][1]))
        else:
            result.append((first, stop))
    return result


def all_but(ranges: Ranges, last: int = LAST) -> Ranges:
    """The code points in none of the ranges."""
    result, free = [], 0
    for first, stop in joined(ranges):
        if free < first:
            result.append((free, first - 1))
        free = stop + 1
    return [*result, (free, last)] if free <= last else result
