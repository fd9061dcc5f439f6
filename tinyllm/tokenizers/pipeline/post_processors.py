"""The fourth step: the tokens that frame a text, such as [CLS] and [SEP], and offsets made tidy.

A post-processor is a function from one or two `Encoding`s (a text, or a pair) and whether to add special tokens, to
the `Encoding`s that in a row are the result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..encoding import Encoding
from .entries import Entry
from .unicode import WHITE_SPACE

PostProcessor = Callable[[list[Encoding], bool], list[Encoding]]


def read_post_processor(entry: Entry, names: dict[int, str]) -> PostProcessor:
    """The post-processor that an entry describes. Raises ValueError, naming the entry, for one not known here."""
    if entry.kind not in POST_PROCESSORS:
        raise entry.unknown("post-processor", POST_PROCESSORS)
    return POST_PROCESSORS[entry.kind](entry, names)


def joined(texts: list[Encoding]) -> Encoding:
    """In a row, the segments as they are."""
    row = Encoding()
    for text in texts:
        row.ids += text.ids
        row.tokens += text.tokens
        row.offsets += text.offsets
        row.segment_ids += text.segment_ids
        row.special += text.special
    return row


def _sign(token_id: int, names: dict[int, str], segment: int) -> Encoding:
    return Encoding([token_id], [names[token_id]], [(0, 0)], [segment], [True])


def _bert(entry: Entry, names: dict[int, str]) -> PostProcessor:
    """[CLS] text [SEP], or [CLS] text [SEP] pair [SEP], the second text and its [SEP] in segment 1."""
    cls, sep = (_named_id(entry, key, names) for key in ("cls", "sep"))

    def process(texts: list[Encoding], special: bool) -> list[Encoding]:
        if not special:
            return texts
        framed = [_sign(cls, names, 0)]
        for i, text in enumerate(texts):
            framed += [text, _sign(sep, names, min(i, 1))]
        return framed

    return process


def _roberta(entry: Entry, names: dict[int, str]) -> PostProcessor:
    """<s> text </s>, or <s> text </s> </s> pair </s>, all in segment 0."""
    cls, sep = (_named_id(entry, key, names) for key in ("cls", "sep"))
    trim, space = entry.flag("trim_offsets"), entry.flag("add_prefix_space")

    def process(texts: list[Encoding], special: bool) -> list[Encoding]:
        framed = []
        for i, text in enumerate(texts):
            if trim:
                _trim(text, space)
            text.segment_ids = [0] * len(text)
            framed += [_sign(sep if i else cls, names, 0), text, _sign(sep, names, 0)] if special else [text]
        return framed

    return process


def _template(entry: Entry, names: dict[int, str]) -> PostProcessor:
    """A row of signs and texts, as the file spells it out."""
    signs = {
        name: _ids(entry.inside("special_tokens").inside(name), names) for name in entry.inside("special_tokens").content
    }
    single, pair = (_template_pieces(entry, key, signs) for key in ("single", "pair"))

    def process(texts: list[Encoding], special: bool) -> list[Encoding]:
        if len(texts) > 2:
            raise ValueError("a TemplateProcessing after one that added tokens: the file's post_processor is not usable")
        framed = []
        for name, place, segment in single if len(texts) == 1 else pair:
            if place is None:
                framed += [_sign(i, names, segment) for i in signs[name]] if special else []
            else:
                text = texts[place]
                framed.append(Encoding(text.ids, text.tokens, text.offsets, [segment] * len(text), text.special))
        return framed

    return process


def _template_pieces(entry: Entry, key: str, signs: dict[str, list[int]]) -> list[tuple[str, int | None, int]]:
    """Per piece of a template: the sign's name, or the text's number, and the segment."""
    pieces: list[tuple[str, int | None, int]] = []
    for piece in entry.several(key):
        if "Sequence" in piece.content:
            which = piece.inside("Sequence")
            place = int(which.one_of("id", ("A", "B")) == "B")
            if place and key == "single":
                raise ValueError(f'"{which.place}" is B, but "single" has only A')
            pieces.append(("", place, which.number("type_id")))
        else:
            which = piece.inside("SpecialToken")
            if which.text("id") not in signs:
                raise ValueError(f'"{which.place}.id" is {which.text("id")!r}, which "special_tokens" does not list')
            pieces.append((which.text("id"), None, which.number("type_id")))
    return pieces


def _byte_level(entry: Entry, names: dict[int, str]) -> PostProcessor:
    """Offsets without the spaces that tokens begin or end with."""
    trim, space = entry.flag("trim_offsets"), entry.flag("add_prefix_space")

    def process(texts: list[Encoding], special: bool) -> list[Encoding]:
        for text in texts if trim else ():
            _trim(text, space)
        return texts

    return process


def _trim(text: Encoding, space_added: bool) -> None:
    """Spaces taken off the offsets; one at the text's beginning is spared where it was added and is not there."""
    for i, (token, (start, end)) in enumerate(zip(text.tokens, text.offsets)):
        leading = len(token) - len(token.lstrip(_SPACES))
        trailing = len(token) - len(token.rstrip(_SPACES))
        if leading == 1 and space_added and (i == 0 or start == 0):
            leading = 0
        start = min(start + leading, end)
        if end >= trailing:
            end = max(end - trailing, start)
        text.offsets[i] = start, end


_SPACES = "Ġ" + "".join(WHITE_SPACE)


def _sequence(entry: Entry, names: dict[int, str]) -> PostProcessor:
    steps = [read_post_processor(each, names) for each in entry.several("processors")]

    def process(texts: list[Encoding], special: bool) -> list[Encoding]:
        for step in steps:
            texts = step(texts, special)
        return texts

    return process


def _named_id(entry: Entry, key: str, names: dict[int, str]) -> int:
    """["[SEP]", 102]: the id."""
    pair = entry.items(key)
    if len(pair) != 2:
        raise ValueError(f'"{entry.place}.{key}" must be [name, id], got {str(pair)[:60]}')
    return _known(pair[1], names, f"{entry.place}.{key}")


def _ids(entry: Entry, names: dict[int, str]) -> list[int]:
    return [_known(each, names, entry.place) for each in entry.items("ids")]


def _known(token_id: Any, names: dict[int, str], place: str) -> int:
    if type(token_id) is not int or token_id not in names:
        raise ValueError(f'"{place}" has the id {token_id!r}, which no token of this vocabulary has')
    return token_id


POST_PROCESSORS: dict[str, Callable[[Entry, dict[int, str]], PostProcessor]] = {
    "Sequence": _sequence,
    "BertProcessing": _bert,
    "RobertaProcessing": _roberta,
    "TemplateProcessing": _template,
    "ByteLevel": _byte_level,
}
