"""The third step: a word becomes tokens of the vocabulary.

A model answers for a word its ids and, for each, where in the word it begins and ends. Which ids those are is what
the four kinds differ in: `WordLevel` here, `bpe`, `wordpiece` and `unigram` in files of their own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any

from ..encoding import Span, spans_of_bytes
from .entries import Entry

LONGEST_TOKEN = 1024        # characters
LARGEST_ID = 1 << 22
Tokens = tuple[list[int], list[Span]]


class Model(ABC):
    """A vocabulary and a rule; words it has met it remembers.

    - `vocab`: from each token's name to its id.
    - `written`: the same without the control signs; only these can text become.
    """

    words_limit = 1 << 16
    longest_remembered = 256

    def __init__(self, vocab: dict[str, int]) -> None:
        self.vocab = vocab
        self.written = vocab
        self._words: dict[str, Tokens] = {}

    def tokens(self, word: str) -> Tokens:
        """Ids of a word, and their (begin, end) in it."""
        known = self._words.get(word)
        if known is None:
            known = self.split(word)
            if len(word) <= self.longest_remembered:
                if len(self._words) >= self.words_limit:
                    self._words.clear()
                self._words[word] = known
        return known

    def reserve(self, signs: frozenset[str]) -> None:
        """From now on no text becomes one of these tokens."""
        self.written = {token: i for token, i in self.vocab.items() if token not in signs}
        self._words.clear()

    def names(self) -> dict[int, str]:
        """From each id to its token's name."""
        return {i: token for token, i in self.vocab.items()}

    @abstractmethod
    def split(self, word: str) -> Tokens:
        """As `tokens`, without a memory."""


class WordLevel(Model):
    """A word is a token, or it is unknown."""

    def __init__(self, vocab: dict[str, int], unknown: str) -> None:
        super().__init__(vocab)
        self.unknown = unknown

    def split(self, word: str) -> Tokens:
        found = self.written.get(word)
        return [unknown_id(self.vocab, self.unknown, word) if found is None else found], [(0, len(word))]


def unknown_id(vocab: dict[str, int], unknown: str | None, word: str) -> int:
    """The id of the unknown token. Raises ValueError where the vocabulary has none."""
    if unknown is None or unknown not in vocab:
        raise ValueError(f"{word[:40]!r} is not in this vocabulary, which has no token for the unknown")
    return vocab[unknown]


def spans_of(word: str, n_bytes: Sequence[int]) -> list[Span]:
    """Where in a word tokens of so many bytes lie. What goes beyond its end (the bytes of a suffix) is at its end."""
    if word.isascii():
        ends = [min(end, len(word)) for end in accumulate(n_bytes)]
        return [(min(start, len(word) - 1), end) for start, end in zip([0, *ends], ends)]
    room, within = len(word.encode("utf-8", "surrogatepass")), []
    for n in n_bytes:
        within.append(min(n, room))
        room -= within[-1]
    spans = spans_of_bytes(word, filter(None, within))
    return spans + spans[-1:] * within.count(0)


def vocabulary(entry: Entry) -> dict[str, int]:
    """The "vocab" of a model: token → id. Raises ValueError for ids that are not numbers, repeat, or go too far."""
    return checked_vocabulary(entry.content.get("vocab"), f"{entry.place}.vocab")


def checked_vocabulary(vocab: Any, place: str) -> dict[str, int]:
    """As `vocabulary`."""
    if not isinstance(vocab, dict):
        raise ValueError(f'"{place}" must be an object of tokens and ids, got {type(vocab).__name__}')
    for token, token_id in vocab.items():
        if type(token_id) is not int or not 0 <= token_id < LARGEST_ID:
            raise ValueError(f'"{place}" gives {token[:40]!r} the id {token_id!r}: ids are whole numbers below {LARGEST_ID}')
    check_lengths(vocab, place)
    if len(set(vocab.values())) < len(vocab):
        raise ValueError(f'"{place}" gives one id to two tokens')
    return dict(vocab)


def check_lengths(tokens: Iterable[str], place: str) -> None:
    longest = max(tokens, key=len, default="")
    if len(longest) > LONGEST_TOKEN:
        raise ValueError(f'"{place}" has a token of {len(longest)} characters: at most {LONGEST_TOKEN} are taken')
