"""What a reader takes for one character: a letter with its accents, a flag of two letters, a family of emoji.

Unicode Standard Annex 29, as one regular expression. The standard library lacks the property it is written in, which
is put together here from general categories and the exceptions that the annex lists.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from .unicode import Ranges, all_but, of_category

# Of the spacing marks (Mc), these stand alone; two Thai and Lao vowels (Lo) do not.
_ALONE = (
    "\u102b\u102c\u1038\u1062-\u1064\u1067-\u106d\u1083\u1087-\u108c\u108f\u109a-\u109c\u1a61\u1a63\u1a64"
    "\uaa7b\uaa7d\U00011720\U00011721"
)
_ATTACHED = "\u0e33\u0eb3\u200c\u200d\uff9e\uff9f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f"
_BEFORE = "\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u0d4e\U000110bd\U000110cd\U000111c2\U000111c3\U0001193f\U00011941"
_PICTURES = (
    "\xa9\xae\u203c\u2049\u2122\u2139\u2194-\u2199\u21a9\u21aa\u231a\u231b\u2328\u2388\u23cf\u23e9-\u23f3\u23f8-\u23fa"
    "\u24c2\u25aa\u25ab\u25b6\u25c0\u25fb-\u25fe\u2600-\u2605\u2607-\u2612\u2614-\u2685\u2690-\u2705\u2708-\u2712\u2714"
    "\u2716\u271d\u2721\u2728\u2733\u2734\u2744\u2747\u274c\u274e\u2753-\u2755\u2757\u2763-\u2767\u2795-\u2797\u27a1"
    "\u27b0\u27bf\u2934\u2935\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55\u3030\u303d\u3297\u3299\U0001f000-\U0001f0ff"
    "\U0001f10d-\U0001f10f\U0001f12f\U0001f16c-\U0001f171\U0001f17e\U0001f17f\U0001f18e\U0001f191-\U0001f19a"
    "\U0001f1ad-\U0001f1e5\U0001f201-\U0001f20f\U0001f21a\U0001f22f\U0001f232-\U0001f23a\U0001f23c-\U0001f23f"
    "\U0001f249-\U0001f3fa\U0001f400-\U0001f53d\U0001f546-\U0001f64f\U0001f680-\U0001f6ff\U0001f774-\U0001f77f"
    "\U0001f7d5-\U0001f7ff\U0001f80c-\U0001f80f\U0001f848-\U0001f84f\U0001f85a-\U0001f85f\U0001f888-\U0001f88f"
    "\U0001f8ae-\U0001f8ff\U0001f90c-\U0001f93a\U0001f93c-\U0001f945\U0001f947-\U0001faff\U0001fc00-\U0001fffd"
)


def graphemes(text: str) -> Iterable[str]:
    """The text in pieces that are one character each to a reader: "né\\r\\n" with an accent of its own → n, é, \\r\\n."""
    if text.isascii():
        return re.findall(r"\r\n|[\s\S]", text)
    return _grapheme().findall(text)


@cache
def _grapheme() -> re.Pattern[str]:
    marks = _without(of_category("M"), _ALONE)
    attached = f"[{_spelt(marks)}{_ATTACHED}]"
    control = f"[{_spelt(_without(of_category(('Cc', 'Cf', 'Zl', 'Zp')), _ATTACHED + _BEFORE))}]"
    lead, vowel, tail = "[\u1100-\u115f\ua960-\ua97c]", "[\u1160-\u11a7\ud7b0-\ud7c6]", "[\u11a8-\u11ff\ud7cb-\ud7fb]"
    whole = "|".join(chr(code) for code in range(0xAC00, 0xD7A4, 28))       # Hangul syllables without a tail
    hangul = f"{lead}*(?:[{whole.replace('|', '')}]{vowel}*|[\uac00-\ud7a3]|{vowel}+){tail}*|{lead}+|{tail}+"
    flag = "[\U0001f1e6-\U0001f1ff]{2}"
    picture = f"[{_PICTURES}](?:{attached}*\u200d[{_PICTURES}])*"
    # The order of the alternatives matters: what can go on as Hangul, flag or picture does.
    return re.compile(f"\r\n|{control}|[{_BEFORE}]*(?:{hangul}|{flag}|{picture}|(?!{control})[\\s\\S]){attached}*|[\\s\\S]")


def _without(ranges: Ranges, characters: str) -> Ranges:
    """The ranges without the characters, which are written as in a class of `re`."""
    taken = [
        (ord(found[0][0]), ord(found[0][-1])) for found in re.finditer(r"[\s\S]-[\s\S]|[\s\S]", characters)
    ]
    return all_but([*all_but(ranges), *taken])


def _spelt(ranges: Ranges) -> str:
    return "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in ranges)
