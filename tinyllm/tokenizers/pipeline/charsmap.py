"""SentencePiece's compiled table of replacements: a double-array trie, and the texts it points to.

A T5 or XLM-R file carries its normalisation as bytes: the length of the trie, the trie (units of 32 bits), and after
it the replacements, each ending in a zero byte. A unit packs what a state of the trie must say:

    bits 0–7 and 31  the byte that leads here (bit 31 set: this unit holds a value, not a state)
    bit 8            a key ends here: the unit at its offset holds the value, the place of the replacement
    bits 10–30       the offset (times 256 where bit 9 is set) that, combined by xor with the next byte, gives the next
                     unit's place

so following a key costs one look-up a byte. Aoe 1989 (the double array); Yata's darts-clone (the units).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

import numpy as np

from .aligned import Aligned, CharacterTable
from .forms import Change
from .graphemes import graphemes

LONGEST_TEXT = 256          # bytes of a replacement; Unicode's longest takes 33
LONGEST_GRAPHEME = 5        # bytes; longer ones are looked up character by character


class CharacterMap:
    """The table. Raises ValueError where the bytes are not one."""

    def __init__(self, encoded: object) -> None:
        try:
            if not isinstance(encoded, str):
                raise ValueError(f"it is a {type(encoded).__name__}, not text in base 64")
            data = base64.b64decode(encoded, validate=True)
            size = int.from_bytes(data[:4], "little")
            if size % 4 or not 4 <= size <= len(data) - 4:
                raise ValueError(f"a trie of {size} bytes in {len(data)}")
            self._units = np.frombuffer(data, "<u4", size // 4, 4).tolist()
            self._texts = data[4 + size :]
            self._texts.decode()
            if max(map(len, self._texts.split(b"\0"))) > LONGEST_TEXT:
                raise ValueError(f"a replacement of more than {LONGEST_TEXT} bytes")
        except (binascii.Error, ValueError) as error:
            raise ValueError(f"the precompiled_charsmap is damaged: {error}") from error
        self._of_text = CharacterTable(self._look_up)
        self._characters = CharacterTable(lambda c: c if (becomes := self._look_up(c)) == "\0" else becomes)

    def _look_up(self, text: str) -> str:
        """The replacement of the shortest key that `text` begins with, or "\\0" where there is none."""
        place = self._offset(self._unit(0))
        for byte in text.encode("utf-8", "surrogatepass"):
            if byte == 0:
                break
            place ^= byte
            unit = self._unit(place)
            if unit & 0x800000FF != byte:
                break
            place ^= self._offset(unit)
            if unit >> 8 & 1:
                start = self._unit(place) & 0x7FFFFFFF
                end = self._texts.find(b"\0", start)
                return self._texts[start : end if end >= 0 else len(self._texts)].decode("utf-8", "replace")
        return "\0"

    def _unit(self, place: int) -> int:
        return self._units[place] if place < len(self._units) else 0    # 0 leads nowhere

    @staticmethod
    def _offset(unit: int) -> int:
        return unit >> 10 << ((unit & 1 << 9) >> 6)

    def __call__(self, piece: Aligned) -> Aligned:
        """The text with every grapheme, or else every character, replaced by what the table has for it."""
        text = piece.text
        # In ASCII every character is a grapheme, but for one pair.
        if text.isascii() and "\r\n" not in text and all(self._characters[c] for c in set(text)):
            return piece.mapped(self._characters)
        return piece.edited(self._changes(text))

    def _changes(self, text: str) -> Iterator[Change]:
        changes: list[Change] = []
        for grapheme in graphemes(text):
            whole = len(grapheme.encode("utf-8", "surrogatepass")) <= LONGEST_GRAPHEME
            becomes = self._of_text[grapheme] if whole else "\0"
            if becomes != "\0":
                _replace(changes, len(grapheme), becomes)
                continue
            for character in grapheme:
                becomes = self._of_text[character]
                if becomes == "\0":
                    changes.append((character, 0))
                else:
                    _replace(changes, 1, becomes)
        return iter(changes)


def _replace(changes: list[Change], n_old: int, new: str) -> None:
    """`n_old` characters become `new`: one by one, what is left over joins the last."""
    more = len(new) - n_old
    changes.extend((c, int(i >= n_old)) for i, c in enumerate(new))
    if more < 0 and changes:
        character, change = changes[-1]
        changes[-1] = character, change + more
