"""The second step: text is cut into words, and no token will reach across a cut.

A pre-tokenizer is a function from one `Aligned` to the pieces it is cut into, made from its entry in the file.
"""

from __future__ import annotations

from collections.abc import Callable

from .aligned import Aligned, CharacterTable
from .entries import Entry
from .normalizers import byte_characters, pattern_of
from .patterns import Part, Pattern, literal
from .unicode import ASCII_PUNCTUATION

PreTokenizer = Callable[[Aligned], list[Aligned]]

GPT2_WORD = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
PUNCTUATION = r"\p{P}" + "".join(f"\\{sign}" for sign in ASCII_PUNCTUATION)
# \w as Unicode's guidelines for regular expressions have it, with the two joiners and the circled letters.
WORD = (
    r"\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\x{200c}\x{200d}\x{24b6}-\x{24e9}\x{1f130}-\x{1f149}\x{1f150}-\x{1f169}\x{1f170}-\x{1f189}"
)
BEHAVIORS = ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous")


def read_pre_tokenizer(entry: Entry) -> PreTokenizer:
    """The pre-tokenizer that an entry describes. Raises ValueError, naming the entry, for one not known here."""
    if entry.kind not in PRE_TOKENIZERS:
        raise entry.unknown("pre-tokenizer", PRE_TOKENIZERS)
    return PRE_TOKENIZERS[entry.kind](entry)


def cut(parts: list[Part], behavior: str) -> list[tuple[int, int]]:
    """What becomes of a pattern's matches, here "-" in "the-final--countdown":

    - Removed: the, final, countdown
    - Isolated: the, -, final, -, -, countdown
    - Contiguous: the, -, final, --, countdown
    - MergedWithPrevious: the-, final-, -, countdown
    - MergedWithNext: the, -final, -, -countdown
    """
    if behavior == "Removed":
        return [(start, end) for start, end, matched in parts if not matched]
    if behavior == "Isolated":
        return [(start, end) for start, end, _ in parts]
    if behavior == "MergedWithNext":        # the previous, seen from the end
        turned = [(-end, -start, matched) for start, end, matched in reversed(parts)]
        return [(-end, -start) for start, end in reversed(cut(turned, "MergedWithPrevious"))]
    pieces: list[tuple[int, int]] = []
    before = False
    for start, end, matched in parts:
        joins = matched == before if behavior == "Contiguous" else matched and not before
        if joins and pieces:
            pieces[-1] = pieces[-1][0], end
        else:
            pieces.append((start, end))
        before = matched
    return pieces


def splitting(pattern: Pattern, behavior: str, invert: bool = False) -> PreTokenizer:
    """Cuts at the pattern's matches; inverted, at what lies between them."""

    def split(piece: Aligned) -> list[Aligned]:
        parts = pattern.parts(piece.text)
        if invert:
            parts = [(start, end, not matched) for start, end, matched in parts]
        return [piece.cut(start, end) for start, end in cut(parts, behavior) if start < end]

    return split


def keeping(pattern: str) -> PreTokenizer:
    """The matches are the words; what lies between them is dropped."""
    return splitting(Pattern(pattern), "Removed", invert=True)


def in_order(steps: list[PreTokenizer]) -> PreTokenizer:
    """Each cuts further what the one before it has cut."""

    def split(piece: Aligned) -> list[Aligned]:
        pieces = [piece]
        for step in steps:
            pieces = [part for whole in pieces for part in step(whole)]
        return pieces

    return split


def _byte_level(entry: Entry) -> PreTokenizer:
    """GPT-2's: a space in front if wanted, cut by its rule, every byte a printable character."""
    space = entry.flag("add_prefix_space")
    words = splitting(Pattern(GPT2_WORD), "Isolated") if entry.flag("use_regex", True) else lambda piece: [piece]
    table = CharacterTable(byte_characters)

    def split(piece: Aligned) -> list[Aligned]:
        if space and not piece.text.startswith(" "):
            piece = piece.prefixed(" ")
        return [word.mapped(table) for word in words(piece)]

    return split


def _metaspace(entry: Entry) -> PreTokenizer:
    """SentencePiece's: a visible sign for the space, one in front if wanted, and a word begins at each sign."""
    sign = entry.character("replacement")
    scheme = prepend_scheme(entry)
    words = splitting(Pattern(literal(sign)), "MergedWithNext") if entry.flag("split", True) is not False else None

    def split(piece: Aligned) -> list[Aligned]:
        piece = Aligned(piece.text.replace(" ", sign), piece.start, piece.spans)
        if not piece.text.startswith(sign) and (scheme == "always" or (scheme == "first" and piece.start == 0)):
            piece = piece.prefixed(sign)
        return words(piece) if words else [piece]

    return split


def prepend_scheme(entry: Entry) -> str:
    """When a space comes in front: always, never, or first (of the text, not after a special token). Older files say
    add_prefix_space instead."""
    if entry.flag("add_prefix_space", None) is False:
        return "never"
    return entry.one_of("prepend_scheme", ("always", "first", "never"), "always")


def _behavior(entry: Entry, default: object = ...) -> str:
    return entry.one_of("behavior", BEHAVIORS, default)


PRE_TOKENIZERS: dict[str, Callable[[Entry], PreTokenizer]] = {
    "Sequence": lambda entry: in_order([read_pre_tokenizer(each) for each in entry.several("pretokenizers")]),
    "BertPreTokenizer": lambda entry: keeping(rf"[^\s{PUNCTUATION}]+|[{PUNCTUATION}]"),
    "ByteLevel": _byte_level,
    "Whitespace": lambda entry: keeping(rf"[{WORD}]+|[^{WORD}\s]+"),
    "WhitespaceSplit": lambda entry: keeping(r"\S+"),
    "Punctuation": lambda entry: splitting(Pattern(f"[{PUNCTUATION}]"), _behavior(entry, "Isolated")),
    "Digits": lambda entry: splitting(
        Pattern(r"\p{N}"), "Isolated" if entry.flag("individual_digits") else "Contiguous"
    ),
    "Metaspace": _metaspace,
    "Split": lambda entry: splitting(pattern_of(entry), _behavior(entry), entry.flag("invert")),
    "CharDelimiterSplit": lambda entry: splitting(Pattern(literal(entry.character("delimiter"))), "Removed"),
}
