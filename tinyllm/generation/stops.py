"""Where a text ends: a sequence that must not appear in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

S = TypeVar("S", bytes, tuple[int, ...])


class StopFilter(Generic[S]):
    """Passes on what comes until the first stop sequence; the stop itself and what follows it are dropped.

    The beginning of a stop must not be shown before it is clear that it is none, so `push` holds back what could still
    become one. Works alike on token ids (tuples) and on text (bytes).

    Raises ValueError for an empty stop sequence: it would end every text before it begins.
    """

    def __init__(self, stops: Sequence[S], empty: S) -> None:
        if any(len(stop) == 0 for stop in stops):
            raise ValueError("an empty stop sequence would end every text at once: leave it out")
        self.stops: list[S] = list(stops)
        self.stopped = False
        self._empty: S = empty
        self._held: S = empty

    def push(self, items: S) -> S:
        """What is certain to belong to the text after these items came; empty once `stopped`."""
        if self.stopped:
            return self._empty
        held = self._held + items
        for end in range(1, len(held) + 1):            # the stop that ends first, however the items come in pieces
            starts = [end - len(stop) for stop in self.stops if len(stop) <= end and held[end - len(stop) : end] == stop]
            if starts:
                self.stopped = True
                self._held = self._empty
                return held[: min(starts)]
        keep = max((self._overlap(held, stop) for stop in self.stops), default=0)
        self._held = held[len(held) - keep :]
        return held[: len(held) - keep]

    def finish(self) -> S:
        """What was held back, when nothing more comes."""
        held, self._held = self._held, self._empty
        return held

    @staticmethod
    def _overlap(held: S, stop: S) -> int:
        """The length of the longest end of `held` that begins `stop`."""
        return next((n for n in range(min(len(held), len(stop) - 1), 0, -1) if held[-n:] == stop[:n]), 0)
