"""Byte-level byte-pair encoding: any text at all, in a vocabulary learned from some."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain, pairwise
from typing import Any, ClassVar

from .base import SPECIAL_TOKENS, TextOrTexts, Tokenizer, as_texts, check_special_tokens, check_vocab_size
from .merges import N_BYTES, Pair, learn_merges, merge
from .words import LONGEST_RUN, WORD_IN_UNICODE_CLASSES, split_words

LONGEST_PIECE = 1 + 4 * LONGEST_RUN  # a space, and the longest UTF-8 of a word's characters


def _byte_alphabet() -> str:
    """One printable character for each byte: itself where it prints, else the next from U+0100 on ("Ġ" for a space).

    So that a token, which may be half a character or all white space, has a name to show and to save (Radford et al.
    2019, code).
    """
    prints = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    hidden = [byte for byte in range(N_BYTES) if byte not in prints]
    return "".join(chr(byte) if byte in prints else chr(0x100 + hidden.index(byte)) for byte in range(N_BYTES))


BYTE_ALPHABET = _byte_alphabet()


class WordCache(dict[str, list[int]]):
    """A dictionary from words to their ids that fills itself, and starts afresh when it is full.

    Text repeats its words: nearly all of a corpus is encoded by looking up.
    """

    limit = 1 << 16

    def __init__(self, merged: dict[Pair, int]) -> None:
        super().__init__()
        self.merged = merged

    def __missing__(self, word: str) -> list[int]:
        """Applies the merges in the order they were learned: the oldest of those that fit, everywhere in the word."""
        ids = list(word.encode("utf-8", "surrogatepass"))
        never = len(self.merged) + N_BYTES
        while len(ids) > 1:
            oldest = min(pairwise(ids), key=lambda pair: self.merged.get(pair, never))
            if oldest not in self.merged:
                break
            ids = merge(ids, oldest, self.merged[oldest])
        if len(self) >= self.limit:
            self.clear()
        self[word] = ids
        return ids


class ByteBPETokenizer(Tokenizer):
    """Ids 0 to 255 are the bytes, 256 + r is merge number r, the special tokens come last.

    Whatever no merge covers remains bytes: there is no unknown token, and every text comes back as it was, unpaired
    surrogates included.

    Sennrich et al. 2016, §3.2; Radford et al. 2019, §2.2.
    """

    _pre_tokenizer: ClassVar = {
        "type": "Sequence",
        "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": WORD_IN_UNICODE_CLASSES}, "behavior": "Isolated", "invert": False},
            {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False},
        ],
    }
    _decoder: ClassVar = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}

    def __init__(self, merges: Sequence[Pair], special_tokens: Iterable[str] = SPECIAL_TOKENS) -> None:
        """`merges` are pairs of ids, as `learn_merges` answers them. Raises ValueError for ids not made before."""
        pieces = [bytes([byte]) for byte in range(N_BYTES)]
        for left, right in merges:
            if not (0 <= left < len(pieces) and 0 <= right < len(pieces)):
                raise ValueError(f"merge ({left}, {right}) comes too early: only ids 0 to {len(pieces) - 1} exist yet")
            if len(pieces[left]) + len(pieces[right]) > LONGEST_PIECE:
                raise ValueError(f"merge ({left}, {right}) makes more than {LONGEST_PIECE} bytes: no word is longer")
            pieces.append(pieces[left] + pieces[right])
        super().__init__(["".join(BYTE_ALPHABET[byte] for byte in piece) for piece in pieces], pieces, special_tokens)
        self.merges = [(left, right) for left, right in merges]
        self._words = WordCache({pair: N_BYTES + rank for rank, pair in enumerate(self.merges)})

    @classmethod
    def train(
        cls,
        texts: TextOrTexts,
        vocab_size: int,
        special_tokens: Iterable[str] = SPECIAL_TOKENS,
        progress: bool = False,
    ) -> ByteBPETokenizer:
        """A tokenizer whose merges are learned from one text or several.

        vocab_size counts bytes, merges and special tokens. Where the text has fewer pairs worth merging, the
        tokenizer's `vocab_size` is smaller than asked. The order of the texts makes no difference.

        Raises ValueError for a vocab_size without room for the bytes and special tokens, and where there is no text.
        """
        check_vocab_size(vocab_size)
        special_tokens = check_special_tokens(special_tokens)
        smallest = N_BYTES + len(special_tokens)
        if vocab_size < smallest:
            raise ValueError(
                f"vocab_size {vocab_size} is too small: "
                f"{N_BYTES} bytes and {len(special_tokens)} special tokens need at least {smallest}"
            )
        counts: Counter[str] = Counter()
        for text in as_texts(texts):
            counts.update(split_words(text))
        if not counts:
            raise ValueError("there is no text to learn merges from: give at least one character")
        return cls(learn_merges(counts, vocab_size - smallest, progress), special_tokens)

    def _encode_plain(self, text: str) -> Iterable[int]:
        return chain.from_iterable(map(self._words.__getitem__, split_words(text)))

    def _model(self) -> dict[str, Any]:
        return {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "vocab": self._token_ids,
            "merges": [f"{self._tokens[left]} {self._tokens[right]}" for left, right in self.merges],
        }

    @classmethod
    def _from_model(cls, model: dict[str, Any], special_tokens: list[str]) -> ByteBPETokenizer:
        vocab = model["vocab"]
        merges = []
        for line in model["merges"]:
            pair = line.split(" ")
            if len(pair) != 2 or not all(token in vocab for token in pair):
                raise ValueError(f"merge {line!r} is not a pair of tokens of the vocabulary")
            merges.append((vocab[pair[0]], vocab[pair[1]]))
        return cls(merges, special_tokens)
