"""Unigram, SentencePiece's: of all ways to write a word with tokens, the most probable."""

from __future__ import annotations

import math
from typing import Any

from .bpe import bytes_of
from .entries import Entry
from .models import LARGEST_ID, Model, Tokens, check_lengths

UNKNOWN_PENALTY = 10.0


class Unigram(Model):
    """Tokens are drawn independently, so the probability of a row is the product of theirs, and the best row to a
    place is the best row to an earlier place and one token more (Viterbi):

        best(end) = max over start of best(start) + log p(word[start:end]),   best(0) = 0

    A character that is no token is the unknown token, 10 below the least probable token; a run of them is one token,
    or with `byte_fallback` their bytes' tokens.

    Kudo 2018, §3.1; Viterbi 1967.
    """

    def __init__(self, pieces: list[tuple[str, float]], unknown_id: int | None, byte_fallback: bool = False) -> None:
        super().__init__({token: i for i, (token, _) in enumerate(pieces)})
        self.scores = {token: pieces[i][1] for token, i in self.vocab.items()}
        self.pieces = pieces
        self.unknown_id, self.byte_fallback = unknown_id, byte_fallback
        self._unknown_score = min((score for _, score in pieces), default=0.0) - UNKNOWN_PENALTY
        self._longest = max(map(len, self.scores), default=0)

    def reserve(self, signs: frozenset[str]) -> None:
        super().reserve(signs)
        self.scores = {token: self.pieces[i][1] for token, i in self.written.items()}

    def names(self) -> dict[int, str]:
        return dict(enumerate(token for token, _ in self.pieces))

    def split(self, word: str) -> Tokens:
        ids, spans = [], []
        for start, end in self._fused(self._best_path(word)):
            of_piece = self._ids_of(word[start:end])
            ids += of_piece
            spans += [(start, end)] * len(of_piece)
        return ids, spans

    def _ids_of(self, piece: str) -> list[int]:
        if piece in self.written:
            return [self.written[piece]]
        if self.byte_fallback and (of_bytes := bytes_of(piece, self.vocab)):
            return of_bytes
        if self.unknown_id is None:
            raise ValueError(f"{piece[:40]!r} is not in this vocabulary, which has no token for the unknown")
        return [self.unknown_id]

    def _best_path(self, word: str) -> list[tuple[int, int, bool]]:
        """(start, end, known) of the tokens of the most probable row."""
        n = len(word)
        best = [0.0] + [-math.inf] * n
        came_from = [0] * (n + 1)
        known = [True] * (n + 1)
        for start in range(n):
            for end in range(start + 1, min(n, start + self._longest) + 1):
                score = self.scores.get(word[start:end])
                if score is not None and best[start] + score > best[end]:
                    best[end], came_from[end], known[end] = best[start] + score, start, True
            if word[start] not in self.scores and best[start] + self._unknown_score > best[start + 1]:
                best[start + 1], came_from[start + 1], known[start + 1] = best[start] + self._unknown_score, start, False
        path, end = [], n
        while end > 0:
            path.append((came_from[end], end, known[end] and self.vocab[word[came_from[end] : end]] != self.unknown_id))
            end = came_from[end]
        return path[::-1]

    @staticmethod
    def _fused(path: list[tuple[int, int, bool]]) -> list[tuple[int, int]]:
        """Unknown neighbours made one."""
        fused: list[tuple[int, int]] = []
        before = True
        for start, end, known in path:
            if not known and not before:
                fused[-1] = fused[-1][0], end
            else:
                fused.append((start, end))
            before = known
        return fused


def read_unigram(entry: Entry) -> Unigram:
    """A model of type "Unigram": its vocabulary is a list of [token, score]."""
    pieces = [_piece(piece, f"{entry.place}.vocab.{i}") for i, piece in enumerate(entry.items("vocab"))]
    if len(pieces) > LARGEST_ID:
        raise ValueError(f'"{entry.place}.vocab" has {len(pieces)} tokens: at most {LARGEST_ID} are taken')
    check_lengths((token for token, _ in pieces), f"{entry.place}.vocab")
    unknown = entry.number("unk_id", None)
    if unknown is not None and unknown >= len(pieces):
        raise ValueError(f'"{entry.place}.unk_id" is {unknown}, but there are {len(pieces)} tokens')
    return Unigram(pieces, unknown, entry.flag("byte_fallback", False))


def _piece(piece: Any, place: str) -> tuple[str, float]:
    if not (isinstance(piece, list) and len(piece) == 2 and isinstance(piece[0], str) and type(piece[1]) in (int, float)):
        raise ValueError(f'"{place}" must be [token, score], got {str(piece)[:60]!r}')
    if not math.isfinite(piece[1]):
        raise ValueError(f'"{place}" scores {piece[0][:40]!r} {piece[1]}: a score is a finite number')
    return piece[0], float(piece[1])
