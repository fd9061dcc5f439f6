"""WordPiece, BERT's: the longest token that the rest of a word begins with, again and again."""

from __future__ import annotations

from .entries import Entry
from .models import Model, Tokens, unknown_id, vocabulary

LONGEST_WORD = 10_000


class WordPiece(Model):
    """Greedy from the left: "playing" → "play", "##ing".

    A token with the prefix goes on within a word. Where nothing fits, or the word is longer than `longest_word`, the
    whole word is unknown.

    Devlin et al. 2018, §3; Schuster and Nakajima 2012, §4.
    """

    def __init__(self, vocab: dict[str, int], unknown: str = "[UNK]", prefix: str = "##", longest_word: int = 100) -> None:
        super().__init__(vocab)
        self.unknown, self.prefix, self.longest_word = unknown, prefix, longest_word
        self._longest = max(map(len, vocab), default=0)

    def split(self, word: str) -> Tokens:
        ids, spans, start = [], [], 0
        while start < len(word) <= self.longest_word:
            prefix = self.prefix if start else ""
            for end in range(min(len(word), start + self._longest), start, -1):
                found = self.written.get(prefix + word[start:end])
                if found is not None:
                    break
            else:
                break
            ids.append(found)
            spans.append((start, end))
            start = end
        if start < len(word):
            return [unknown_id(self.vocab, self.unknown, word)], [(0, len(word))]
        return ids, spans


def read_wordpiece(entry: Entry) -> WordPiece:
    """A model of type "WordPiece"."""
    longest = entry.number("max_input_chars_per_word", 100)
    if longest > LONGEST_WORD:
        raise ValueError(f'"{entry.place}.max_input_chars_per_word" is {longest}: at most {LONGEST_WORD:,} are taken')
    return WordPiece(
        vocabulary(entry),
        entry.text("unk_token", "[UNK]"),
        entry.text("continuing_subword_prefix", "##"),
        longest,
    )
