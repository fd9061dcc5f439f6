"""Byte-pair encoding as Hugging Face's files hold it: by names, with unknowns, byte fallback and affixes."""

from __future__ import annotations

import heapq
import re
from typing import Any

from .entries import Entry
from .models import Model, Tokens, check_lengths, spans_of, unknown_id, vocabulary

Merges = dict[tuple[int, int], tuple[int, int]]     # pair of ids → (rank, id of both together)

_SAFE_CUT = re.compile("(?<=[^▁])(?=▁)")


class BPE(Model):
    """A word begins as its characters; the merge that was learned first is applied first, the leftmost of equals.

    - `byte_fallback`: a character without a token becomes its bytes' tokens, "<0xC3>", where all of them exist.
    - `unknown`: the token of characters that have none; without it they vanish. `fuse_unknown`: a run of them is one.
    - `ignore_merges`: a word that is itself a token is that token, whatever the merges say.
    - `prefix`, `suffix`: what the names of tokens within a word begin with, and those at a word's end end in.
    """

    def __init__(
        self, vocab: dict[str, int], merges: list[tuple[str, str]], unknown: str | None = None, prefix: str = "",
        suffix: str = "", fuse_unknown: bool = False, byte_fallback: bool = False, ignore_merges: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(vocab)
        self.unknown, self.prefix, self.suffix = unknown, prefix, suffix
        self.fuse_unknown, self.byte_fallback, self.ignore_merges = fuse_unknown, byte_fallback, ignore_merges
        self.merges: Merges = {}
        for rank, (left, right) in enumerate(merges):
            both = left + right[len(prefix) :]
            if not (left in vocab and right in vocab and both in vocab):
                raise ValueError(f"merge {rank}, {left[:40]!r} + {right[:40]!r}: both and {both[:40]!r} must be tokens")
            self.merges[vocab[left], vocab[right]] = rank, vocab[both]
        # Where no token goes on after a letter with ▁ (SentencePiece's space), a long text can be cut before each ▁.
        made = {left + right for left, right in merges}
        self._cuts = "▁" in vocab and not prefix and not suffix and not any(map(_SAFE_CUT.search, made))

    def reserve(self, signs: frozenset[str]) -> None:
        super().reserve(signs)
        writable = set(self.written.values())
        self.merges = {pair: merge for pair, merge in self.merges.items() if merge[1] in writable}

    def split(self, word: str) -> Tokens:
        if self.ignore_merges and word in self.written:
            return [self.written[word]], [(0, len(word))]
        if self._cuts and len(word) > self.longest_remembered and len(parts := _SAFE_CUT.split(word)) > 1:
            ids, spans, start = [], [], 0
            for part in parts:
                part_ids, part_spans = self.tokens(part)
                ids += part_ids
                spans += [(start + begin, start + end) for begin, end in part_spans]
                start += len(part)
            return ids, spans
        return self._merged(word)

    def _merged(self, word: str) -> Tokens:
        ids, lengths = self._start(word)
        follows = [*range(1, len(ids)), -1]
        precedes = list(range(-1, len(ids) - 1))
        heap: list[tuple[int, int, int]] = []       # rank, place, id of both: the oldest merge, then the leftmost

        def offer(place: int) -> None:
            if place >= 0 and (after := follows[place]) >= 0 and (merge := self.merges.get((ids[place], ids[after]))):
                heapq.heappush(heap, (merge[0], place, merge[1]))

        for place in range(len(ids) - 1):
            offer(place)
        while heap:
            _, place, both = heapq.heappop(heap)
            after = follows[place]
            # What the heap says may be out of date: a neighbour has merged since.
            if not lengths[place] or after < 0 or self.merges.get((ids[place], ids[after]), (0, -1))[1] != both:
                continue
            ids[place] = both
            lengths[place] += lengths[after]
            lengths[after] = 0
            follows[place] = follows[after]
            if follows[place] >= 0:
                precedes[follows[place]] = place
            offer(precedes[place])
            offer(place)
        left = [(i, n) for i, n in zip(ids, lengths) if n]
        return [i for i, _ in left], spans_of(word, [n for _, n in left])

    def _start(self, word: str) -> tuple[list[int], list[int]]:
        """The ids of the characters, and how many bytes each stands for."""
        ids: list[int] = []
        lengths: list[int] = []
        unknown = 0                     # bytes of the unknown that is still to be written
        last = len(word) - 1
        for i, character in enumerate(word):
            name = (self.prefix if i else "") + character + (self.suffix if i == last else "")
            n_bytes = len(character.encode("utf-8", "surrogatepass"))
            if (found := self.written.get(name)) is not None:
                if unknown:
                    ids.append(unknown_id(self.vocab, self.unknown, word))
                    lengths.append(unknown)
                    unknown = 0
                ids.append(found)
                lengths.append(n_bytes)
            elif self.byte_fallback and (of_bytes := bytes_of(name, self.vocab)):
                ids += of_bytes
                lengths += [1] * len(of_bytes)
            elif self.unknown is not None:
                if unknown and not self.fuse_unknown:
                    ids.append(unknown_id(self.vocab, self.unknown, word))
                    lengths.append(unknown)
                    unknown = 0
                unknown += n_bytes
        if unknown:
            ids.append(unknown_id(self.vocab, self.unknown, word))
            lengths.append(unknown)
        return ids, lengths


def bytes_of(text: str, vocab: dict[str, int]) -> list[int]:
    """The ids of a text's bytes, "<0xC3>" and so on; none where one of them is missing."""
    found = [vocab.get(f"<0x{byte:02X}>") for byte in text.encode("utf-8", "surrogatepass")]
    return [] if None in found else found       # type: ignore[return-value]


def read_bpe(entry: Entry) -> BPE:
    """A model of type "BPE". Its merges are "a b" or ["a", "b"]."""
    if entry.content.get("dropout") not in (None, 0, 0.0):
        raise ValueError(f'"{entry.place}.dropout" is {entry.content["dropout"]!r}: no merge is left out here')
    merges = [_merge(line, f"{entry.place}.merges.{i}") for i, line in enumerate(entry.items("merges"))]
    vocab = vocabulary(entry)
    check_lengths((token for pair in merges for token in pair), f"{entry.place}.merges")
    return BPE(
        vocab,
        merges,
        entry.text("unk_token", None),
        entry.text("continuing_subword_prefix", None) or "",
        entry.text("end_of_word_suffix", None) or "",
        entry.flag("fuse_unk", False),
        entry.flag("byte_fallback", False),
        entry.flag("ignore_merges", False),
    )


def _merge(line: Any, place: str) -> tuple[str, str]:
    pair = line.split(" ") if isinstance(line, str) else line
    if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(token, str) for token in pair)):
        raise ValueError(f'"{place}" must be two tokens, got {str(line)[:60]!r}')
    return pair[0], pair[1]
