"""The first step: text is made uniform (case, accents, forms of one character) before it is cut.

A normalizer is a function from `Aligned` to `Aligned`, made from its entry in the file.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import partial

from ..byte_bpe import BYTE_ALPHABET
from .aligned import Aligned, CharacterTable
from .charsmap import CharacterMap
from .entries import Entry
from .forms import to_form
from .patterns import Pattern, literal
from .unicode import WHITE_SPACE

Normalizer = Callable[[Aligned], Aligned]

MOST_GROWTH, SMALL = 64, 4096       # characters that one may become; what a short text may become
LONGEST_CONTENT = 256               # characters put in the place of a match, or in front of a text


def read_normalizer(entry: Entry) -> Normalizer:
    """The normalizer that an entry describes. Raises ValueError, naming the entry, for one that is not known here."""
    if entry.kind not in NORMALIZERS:
        raise entry.unknown("normalizer", NORMALIZERS)
    return NORMALIZERS[entry.kind](entry)


def per_character(rule: Callable[[str], str]) -> Normalizer:
    """Each character becomes what the rule says, whatever stands around it."""
    table = CharacterTable(rule)
    return lambda piece: piece.mapped(table)


def in_order(steps: list[Normalizer]) -> Normalizer:
    """One after the other. Raises ValueError where the text grows out of all proportion, which a few steps could do."""

    def normalize(piece: Aligned) -> Aligned:
        most = SMALL + MOST_GROWTH * len(piece.text)
        for step in steps:
            piece = step(piece)
            if len(piece.text) > most:
                raise ValueError(f"normalising makes more than {MOST_GROWTH} characters of one: the file is not usable")
        return piece

    return normalize


def byte_characters(character: str) -> str:
    """The printable characters of a character's UTF-8 bytes: " " → "Ġ", "é" → "Ã©"."""
    return "".join([BYTE_ALPHABET[byte] for byte in character.encode("utf-8", "surrogatepass")])


def _clean(character: str) -> str:
    """Control signs are dropped, white space is " "; tab and line ends count as white space, other signs do not."""
    if character in "\t\n\r":
        return " "
    if character in "\0\ufffd" or unicodedata.category(character) in ("Cc", "Cf", "Co"):
        return ""
    return " " if character in WHITE_SPACE else character


def _space_around_chinese(character: str) -> str:
    """Chinese is written without spaces: each of its characters is a word."""
    return f" {character} " if is_chinese(ord(character)) else character


CHINESE = (
    (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F), (0x2B920, 0x2CEAF),
    (0xF900, 0xFAFF), (0x2F800, 0x2FA1F),
)  # fmt: skip


def is_chinese(code: int) -> bool:
    """In one of the blocks of Chinese characters, as BERT counts them; kana and Hangul are not."""
    return any(low <= code <= high for low, high in CHINESE)


_DROPPED = frozenset(map(chr, [*range(1, 9), 0x0B, *range(0x0E, 0x20), 0x7F, 0x8F, 0x9F]))
_SPACES = frozenset("\t\n\f\r\u1680\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u2581\ufeff\ufffd")


def _translation(character: str) -> str:
    """SentencePiece's cleaning for machine translation."""
    return "" if character in _DROPPED else " " if character in _SPACES else character


def _without_nonspacing_mark(character: str) -> str:
    return "" if unicodedata.category(character) == "Mn" else character


def _without_mark(character: str) -> str:
    return "" if unicodedata.category(character).startswith("M") else character


def _bert(entry: Entry) -> Normalizer:
    """BERT's: clean; Chinese apart; accents off (as lower case, unless said otherwise); lower case."""
    lower = entry.flag("lowercase")
    steps: list[Normalizer] = []
    if entry.flag("clean_text"):
        steps.append(per_character(_clean))
    if entry.flag("handle_chinese_chars"):
        steps.append(per_character(_space_around_chinese))
    accents_off = entry.flag("strip_accents", None)
    if lower if accents_off is None else accents_off:
        steps += [partial(to_form, form="NFD"), per_character(_without_nonspacing_mark)]
    if lower:
        steps.append(per_character(str.lower))
    return in_order(steps)


def _strip(entry: Entry) -> Normalizer:
    left, right = entry.flag("strip_left"), entry.flag("strip_right")

    def strip(piece: Aligned) -> Aligned:
        begin, end = 0, len(piece.text)
        while left and begin < end and piece.text[begin] in WHITE_SPACE:
            begin += 1
        while right and begin < end and piece.text[end - 1] in WHITE_SPACE:
            end -= 1
        return piece.cut(begin, end)

    return strip


def pattern_of(entry: Entry) -> Pattern:
    """{"String": …} or {"Regex": …}."""
    pattern = entry.inside("pattern")
    return Pattern(literal(pattern.text("String")) if "String" in pattern.content else pattern.text("Regex"))


def _replace(entry: Entry) -> Normalizer:
    """Each match becomes `content`, in the place of the match's last character."""
    pattern, content = pattern_of(entry), _short(entry, "content")

    def replace(piece: Aligned) -> Aligned:
        text, parts = piece.text, pattern.parts(piece.text)
        if all(not matched for *_, matched in parts):
            return piece
        new = "".join(content if matched else text[start:end] for start, end, matched in parts)
        if len(content) == 1 and all(end - start == 1 for start, end, matched in parts if matched):
            return Aligned(new, piece.start, piece.spans)
        origins = piece.origins()
        spans = []
        for start, end, matched in parts:
            if matched:
                spans += [origins[end - 1] if end else (piece.start, piece.start)] * len(content)
            else:
                spans += origins[start:end]
        return Aligned(new, piece.start, spans)

    return replace


def _short(entry: Entry, key: str) -> str:
    value = entry.text(key)
    if len(value) > LONGEST_CONTENT:
        raise ValueError(f'"{entry.place}.{key}" has {len(value)} characters: at most {LONGEST_CONTENT} are taken')
    return value


def _prepend(entry: Entry) -> Normalizer:
    prefix = _short(entry, "prepend")
    return lambda piece: piece.prefixed(prefix) if piece.text else piece


NORMALIZERS: dict[str, Callable[[Entry], Normalizer]] = {
    "Sequence": lambda entry: in_order([read_normalizer(each) for each in entry.several("normalizers")]),
    "BertNormalizer": _bert,
    "NFC": lambda entry: partial(to_form, form="NFC"),
    "NFD": lambda entry: partial(to_form, form="NFD"),
    "NFKC": lambda entry: partial(to_form, form="NFKC"),
    "NFKD": lambda entry: partial(to_form, form="NFKD"),
    "Lowercase": lambda entry: per_character(str.lower),
    "StripAccents": lambda entry: per_character(_without_mark),
    "Strip": _strip,
    "Replace": _replace,
    "Prepend": _prepend,
    "ByteLevel": lambda entry: per_character(byte_characters),
    "Precompiled": lambda entry: CharacterMap(entry.content.get("precompiled_charsmap")),
    "Nmt": lambda entry: per_character(_translation),
}
