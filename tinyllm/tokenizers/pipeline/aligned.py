"""Text that changes and still knows which characters it came from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property

from ..encoding import Span


class Aligned:
    """A stretch of text, and for each of its characters the (start, end) of the original text it stands for.

    - `text`: as it reads now.
    - `spans`: one span a character; None while character i is still character `start + i` of the original, which is
      most text most of the time and costs nothing.
    """

    __slots__ = ("spans", "start", "text")

    def __init__(self, text: str, start: int = 0, spans: list[Span] | None = None) -> None:
        self.text = text
        self.start = start if spans is None else (spans[0][0] if spans else start)
        self.spans = spans

    def span(self, begin: int, end: int) -> Span:
        """Where `text[begin:end]`, which is not empty, came from."""
        if self.spans is None:
            return self.start + begin, self.start + end
        return self.spans[begin][0], self.spans[end - 1][1]

    def cut(self, begin: int, end: int) -> Aligned:
        """`text[begin:end]`."""
        if self.spans is None:
            return Aligned(self.text[begin:end], self.start + begin)
        return Aligned(self.text[begin:end], self.start, self.spans[begin:end])

    def origins(self) -> list[Span]:
        """One span a character."""
        return [(i, i + 1) for i in range(self.start, self.start + len(self.text))] if self.spans is None else self.spans

    def mapped(self, table: CharacterTable) -> Aligned:
        """Each character replaced by what the table says: none, one or several characters, all in its place."""
        if self.text.isascii() and table.ascii:
            return Aligned(self.text.translate(table.ascii), self.start, self.spans)
        pieces = [table[character] for character in self.text]
        text = "".join(pieces)
        if len(text) == len(self.text) and "" not in pieces:    # one for one
            return Aligned(text, self.start, self.spans)
        spans = [span for span, piece in zip(self.origins(), pieces) for _ in piece]
        return Aligned(text, self.start, spans)

    def prefixed(self, prefix: str) -> Aligned:
        """`prefix` put before text that is not empty, in the place of its first character."""
        origins = self.origins()
        return Aligned(prefix + self.text, self.start, [origins[0]] * len(prefix) + origins)

    def edited(self, changes: Iterable[tuple[str, int]]) -> Aligned:
        """The characters of `changes` in the place of the old ones.

        (c, 0): c replaces the next character; (c, -n): and the n after it are gone; (c, 1): c is new, and shares the
        place of the character before it. This is how the `tokenizers` library notes a change: what it says of places
        where characters swap order or melt together follows from it.
        """
        origins, place = self.origins(), 0
        characters, spans = [], []
        for character, change in changes:
            characters.append(character)
            if change > 0:
                spans.append(origins[place - 1] if place else (self.start, self.start))
            else:
                spans.append(origins[place])
                place += 1 - change
        return Aligned("".join(characters), self.start, spans)


class CharacterTable(dict[str, str]):
    """What each character becomes, worked out when it is first met."""

    limit = 1 << 17

    def __init__(self, rule: Callable[[str], str]) -> None:
        super().__init__()
        self.rule = rule

    @cached_property
    def ascii(self) -> str:
        """What the ASCII characters become, where that is one character for each; else empty."""
        becomes = [self[chr(i)] for i in range(128)]
        return "".join(becomes) if all(len(each) == 1 for each in becomes) else ""

    def __missing__(self, character: str) -> str:
        if len(self) >= self.limit:
            self.clear()
        self[character] = becomes = self.rule(character)
        return becomes
