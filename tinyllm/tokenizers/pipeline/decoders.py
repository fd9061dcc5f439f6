"""The way back: from tokens to text.

A decoder is a function from a row of strings to a row of strings, at first the tokens' names and at last the text in
pieces, made from its entry in the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ..byte_bpe import BYTE_ALPHABET
from .entries import Entry
from .normalizers import pattern_of
from .pre_tokenizers import prepend_scheme

Decoder = Callable[[list[str]], list[str]]

_BYTE_OF = {character: byte for byte, character in enumerate(BYTE_ALPHABET)}
_BYTE_TOKEN = re.compile(r"<0x([0-9A-Fa-f]{2})>")
# What English writing does not space out, in the order it is mended.
_TIDY = [
    (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"),
    (" do not", " don't"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
]  # fmt: skip


def read_decoder(entry: Entry) -> Decoder:
    """The decoder that an entry describes. Raises ValueError, naming the entry, for one not known here."""
    if entry.kind not in DECODERS:
        raise entry.unknown("decoder", DECODERS)
    return DECODERS[entry.kind](entry)


def bytes_of_name(name: str) -> bytes:
    """The bytes that a name in the byte alphabet stands for; a name that is not in it is itself."""
    try:
        return bytes([_BYTE_OF[character] for character in name])
    except KeyError:
        return name.encode("utf-8", "surrogatepass")


def byte_of_name(name: str) -> int | None:
    """ "<0x0A>" → 10; None for any other name."""
    found = _BYTE_TOKEN.fullmatch(name)
    return int(found[1], 16) if found else None


def _byte_level(entry: Entry) -> Decoder:
    return lambda tokens: [b"".join(map(bytes_of_name, tokens)).decode("utf-8", "replace")]


def _wordpiece(entry: Entry) -> Decoder:
    prefix, tidy = entry.text("prefix"), entry.flag("cleanup")

    def decode(tokens: list[str]) -> list[str]:
        pieces = []
        for i, token in enumerate(tokens):
            if i:
                token = token[len(prefix) :] if token.startswith(prefix) else f" {token}"
            for spaced, joined in _TIDY if tidy else ():
                token = token.replace(spaced, joined)
            pieces.append(token)
        return pieces

    return decode


def _metaspace(entry: Entry) -> Decoder:
    sign, dropped = entry.character("replacement"), prepend_scheme(entry) != "never"
    return lambda tokens: [token.replace(sign, "" if dropped and i == 0 else " ") for i, token in enumerate(tokens)]


def _bpe(entry: Entry) -> Decoder:
    suffix = entry.text("suffix")
    return lambda tokens: [token.replace(suffix, " ") for token in tokens[:-1]] + [t.replace(suffix, "") for t in tokens[-1:]]


def _replace(entry: Entry) -> Decoder:
    pattern, content = pattern_of(entry), entry.text("content")

    def replace(token: str) -> str:
        return "".join(content if matched else token[start:end] for start, end, matched in pattern.parts(token))

    return lambda tokens: list(map(replace, tokens))


def _byte_fallback(entry: Entry) -> Decoder:
    """Runs of byte tokens as the text they are, or one U+FFFD a byte."""

    def decode(tokens: list[str]) -> list[str]:
        pieces: list[str] = []
        run = bytearray()

        def end_run() -> None:
            if run:
                try:
                    pieces.append(run.decode())
                except UnicodeDecodeError:
                    pieces.extend("\ufffd" * len(run))
                run.clear()

        for token in tokens:
            byte = byte_of_name(token)
            if byte is None:
                end_run()
                pieces.append(token)
            else:
                run.append(byte)
        end_run()
        return pieces

    return decode


def _strip(entry: Entry) -> Decoder:
    """Up to `start` of a character off the beginning of each token, up to `stop` off its end."""
    character, start, stop = entry.character("content"), entry.number("start"), entry.number("stop")

    def strip(token: str) -> str:
        first = min(start, len(token) - len(token.lstrip(character)))
        last = min(stop, len(token) - len(token.rstrip(character)))
        return token[first : max(first, len(token) - last)]

    return lambda tokens: list(map(strip, tokens))


def _sequence(entry: Entry) -> Decoder:
    steps = [read_decoder(each) for each in entry.several("decoders")]

    def decode(tokens: list[str]) -> list[str]:
        for step in steps:
            tokens = step(tokens)
        return tokens

    return decode


DECODERS: dict[str, Callable[[Entry], Decoder]] = {
    "Sequence": _sequence,
    "ByteLevel": _byte_level,
    "WordPiece": _wordpiece,
    "Metaspace": _metaspace,
    "BPEDecoder": _bpe,
    "Replace": _replace,
    "Fuse": lambda entry: lambda tokens: ["".join(tokens)],
    "ByteFallback": _byte_fallback,
    "Strip": _strip,
}
