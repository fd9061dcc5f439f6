r"""Regular expressions of tokenizer files, in the syntax of the standard library's `re`.

The files are written for Oniguruma and use Unicode classes that `re` lacks: `\p{L}` (letters), `\p{N}` (numbers),
and `\s`, `\w`, `\d` as Unicode defines them. Here a pattern is read once and written anew with each class spelled out
as ranges of characters. Text that is all ASCII gets a pattern of its own whose classes are short and fast.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache

from . import unicode
from .entries import LONGEST_STRING

Part = tuple[int, int, bool]        # start, end, whether the pattern matched there


class Pattern:
    """A pattern that cuts text. `source` is in Oniguruma's syntax; raises ValueError for what is not translated."""

    def __init__(self, source: str) -> None:
        self.source = source
        self._ascii = _compiled(source, unicode.LAST_ASCII)

    def matches(self, text: str) -> Iterator[tuple[int, int]]:
        """(start, end) of each match, from left to right; no empty match right behind another match."""
        pattern = self._ascii if text.isascii() else _compiled(self.source, unicode.LAST)
        last = -1
        for found in pattern.finditer(text):
            start, end = found.span()
            if start < end or start != last:
                yield start, end
            last = end

    def parts(self, text: str) -> list[Part]:
        """The whole text as matches and what lies between them."""
        parts, done = [], 0
        for start, end in self.matches(text):
            if done < start:
                parts.append((done, start, False))
            parts.append((start, end, True))
            done = end
        if done < len(text):
            parts.append((done, len(text), False))
        return parts


def literal(text: str) -> str:
    """The pattern that matches this text and nothing else."""
    return re.sub(r"[^\w\s]", r"\\\g<0>", text)


@lru_cache(maxsize=256)
def _compiled(source: str, last: int) -> re.Pattern[str]:
    if len(source) > LONGEST_STRING:
        raise ValueError(f"a pattern of {len(source)} characters: at most {LONGEST_STRING} make sense")
    try:
        return re.compile(_Translation(source, last).translated())
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"the pattern {source[:80]!r} is not one that `re` can match: {error}") from error


_CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v", "a": "\a", "e": "\x1b"}
_SETS: dict[str, Callable[[int], unicode.Ranges]] = {
    "s": unicode.white_space,
    "d": lambda last: unicode.of_category("Nd", last),
    "w": unicode.word,
    "h": lambda last: [(0x30, 0x39), (0x41, 0x46), (0x61, 0x66)],
}
_CATEGORY = re.compile(r"\{(\^?)([CLMNPSZ][a-z]?)\}")
_HEX = re.compile(r"x([0-9a-fA-F]{1,2})|x\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})")
_REPEAT = re.compile(r"[*+?]|\{(\d*)(,?)(\d*)\}")
_GROUP = re.compile(r"\((?:\?(?:[:=!>]|<[=!]|i:))?")


class _Translation:
    """Reads a pattern from left to right and writes it anew.

    A group that repeats must not itself hold alternatives or repeats: on `(a+)+b` a search takes time exponential in
    the text's length, and whoever made the file would decide how long the reader waits.
    """

    def __init__(self, source: str, last: int) -> None:
        self.source, self.last, self.at = source, last, 0
        self.varies = [False]       # for each open group: does it hold alternatives or repeats?

    def translated(self) -> str:
        return self._flags() + "".join(self._tokens())

    def _flags(self) -> str:
        if self.source.startswith("(?i)"):
            self.at = 4
            return "(?i)"
        return ""

    def _tokens(self) -> Iterator[str]:
        while self.at < len(self.source):
            character = self.source[self.at]
            if character == "(":
                yield self._open()
                continue
            self.at += 1
            if character == ")":
                yield ")" + self._repeat(self._close())
            elif character == "|":
                self.varies[-1] = True
                yield "|"
            elif character in "^$":
                yield f"(?m:{character})"
            elif character == "[":
                yield self._class() + self._repeat()
            elif character == "\\":
                yield self._escape() + self._repeat()
            elif character == ".":
                yield "." + self._repeat()
            elif character in "*+?":
                raise self._refused(f"{character} with nothing before it")
            else:
                yield re.escape(character) + self._repeat()
        if len(self.varies) > 1:
            raise self._refused("a group that does not end")

    def _open(self) -> str:
        found = _GROUP.match(self.source, self.at)
        assert found
        self.at = found.end()
        if self.source.startswith("?", self.at):
            raise self._refused(f"the group (?{self.source[self.at + 1 : self.at + 2]}")
        self.varies.append(False)
        return "(?:" if found[0] == "(" else found[0]      # what a group caught, nobody asks

    def _close(self) -> bool:
        if len(self.varies) == 1:
            raise self._refused("a ) without its (")
        inner = self.varies.pop()
        self.varies[-1] |= inner
        return inner

    def _repeat(self, varies: bool = False) -> str:
        """The quantifier that stands here, if any."""
        found = _REPEAT.match(self.source, self.at)
        if not found or found[0] in ("{}", "{,}"):
            return ""
        self.at = found.end()
        text = found[0]
        counted = text.startswith("{")
        most = int(found[3] or found[1]) if counted and (found[3] or not found[2]) else None
        if counted:
            text = f"{{{found[1] or 0}{found[2]}{found[3]}}}"
        if varies and text != "?" and most != 1:
            raise self._refused("a repeated group that holds alternatives or repeats, which can take for ever to match,")
        self.varies[-1] = True
        suffix = self.source[self.at : self.at + 1]
        if suffix == "?" or (suffix == "+" and not counted):
            self.at += 1
            return text + suffix
        if suffix and suffix in "*+":
            raise self._refused("a quantifier of a quantifier")
        return text

    def _escape(self) -> str:
        character = self.source[self.at : self.at + 1]
        if character in ("b", "B"):
            self.at += 1
            word = _class_of(self._word())
            return rf"(?:(?<={word})(?!{word})|(?<!{word})(?={word}))" if character == "b" else (
                rf"(?:(?<={word})(?={word})|(?<!{word})(?!{word}))")
        if character in ("A", "z", "Z"):
            self.at += 1
            return {"A": r"\A", "z": r"\Z", "Z": r"(?=\n?\Z)"}[character]
        if character in ("w", "W"):
            self.at += 1
            return _class_of(self._word() if character == "w" else unicode.all_but(self._word(), self.last))
        members = self._member()
        return re.escape(chr(members[0][0])) if _is_one(members) else _class_of(members)

    def _word(self) -> unicode.Ranges:
        """\\w outside a class. There Oniguruma takes the superscripts and fractions of Latin-1 for word characters too."""
        latin = [(0xB2, 0xB3), (0xB9, 0xB9), (0xBC, 0xBE)] if self.last > 0xFF else []
        return unicode.joined([*unicode.word(self.last), *latin])

    def _member(self) -> unicode.Ranges:
        """What the escape that stands here matches, as ranges."""
        character = self.source[self.at : self.at + 1]
        if character in ("p", "P"):
            found = _CATEGORY.match(self.source, self.at + 1)
            if not found:
                raise self._refused(f"the class {self.source[self.at - 1 : self.at + 20]!r} (general categories are)")
            self.at = found.end()
            ranges = unicode.of_category(found[2], self.last)
            return ranges if (character == "p") == (not found[1]) else unicode.all_but(ranges, self.last)
        if found := _HEX.match(self.source, self.at):
            self.at = found.end()
            code = int(found[1] or found[2] or found[3], 16)
            if code > unicode.LAST:
                raise self._refused(f"a character beyond Unicode, {code:X}")
            return [(code, code)]
        self.at += 1
        if character.lower() in _SETS:
            ranges = _SETS[character.lower()](self.last)
            return ranges if character.islower() else unicode.all_but(ranges, self.last)
        if character in _CONTROLS or (character and not character.isalnum()):
            code = ord(_CONTROLS.get(character, character))
            return [(code, code)]
        raise self._refused(f"the escape \\{character}")

    def _class(self) -> str:
        """[…]: its members up to the closing bracket, as ranges."""
        negated = self.source.startswith("^", self.at)
        self.at += negated
        ranges: unicode.Ranges = []
        first = True
        while True:
            if self.at >= len(self.source):
                raise self._refused("a class that does not end")
            character = self.source[self.at]
            if character == "]" and not first:
                self.at += 1
                break
            if character == "[" or self.source.startswith("&&", self.at):
                raise self._refused("a class within a class")
            first = False
            members = self._class_member()
            if self.source.startswith("-", self.at) and self.source[self.at + 1 : self.at + 2] not in ("]", ""):
                self.at += 1
                last = self._class_member()
                if not (_is_one(members) and _is_one(last) and members[0][0] <= last[0][0]):
                    raise self._refused("a range that does not go up from one character to another")
                members = [(members[0][0], last[0][0])]
            ranges += members
        ranges = [(low, min(high, self.last)) for low, high in unicode.joined(ranges) if low <= self.last]
        return _class_of(unicode.all_but(ranges, self.last) if negated else ranges)

    def _class_member(self) -> unicode.Ranges:
        character = self.source[self.at]
        self.at += 1
        return self._member() if character == "\\" else [(ord(character), ord(character))]

    def _refused(self, what: str) -> ValueError:
        return ValueError(f"{what} in the pattern {self.source[:80]!r} is not read here")


def _is_one(ranges: unicode.Ranges) -> bool:
    return len(ranges) == 1 and ranges[0][0] == ranges[0][1]


def _class_of(ranges: unicode.Ranges) -> str:
    """[…] for `re`; a class that nothing is in matches nowhere."""
    if not ranges:
        return r"(?!)"
    return "[" + "".join(f"\\U{low:08x}" + (f"-\\U{high:08x}" if high > low else "") for low, high in ranges) + "]"
