"""The user's own file of words with tags, a word a line: the format of the CoNLL shared tasks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tinyllm.data.files import MAX_BYTES, read_text

OUTSIDE = "O"
DOCUMENT = "-DOCSTART-"     # CoNLL-2003's sign between documents

# What a prefix says of a word: it begins an entity, or it goes on with one. Single and Unit are entities of one word,
# End and Last close one.
BEGINS = {"B": True, "S": True, "U": True, "I": False, "E": False, "L": False}


@dataclass(frozen=True)
class TaggedSentence:
    """words[i] carries tags[i]."""

    words: tuple[str, ...]
    tags: tuple[str, ...]


def read_conll(
    path: str | Path,
    token: int = 0,
    tag: int = -1,
    scheme: Literal["BIO"] | None = None,
    max_bytes: int = MAX_BYTES,
) -> tuple[TaggedSentence, ...]:
    """The sentences of a file with a word a line and an empty line between sentences.

    Columns are separated by tabs where the first line has one, else by spaces; `token` and `tag` are the numbers of
    those wanted, counted from 0, or from −1 at the end. A line that begins with -DOCSTART- ends a sentence and is left out.
    scheme "BIO" writes all tags as `to_bio` does; None leaves them as they are (parts of speech, say).

    Raises ValueError that names the line and the fix: a column that is not there, a line with more or fewer columns
    than the first, a tag that is none of the scheme, no sentence at all.

    Tjong Kim Sang and De Meulder 2003, §2.
    """
    if scheme not in ("BIO", None):
        raise ValueError(f"scheme {scheme!r}: take 'BIO', or None to leave the tags as they are")
    path, separator, columns = Path(path), None, 0
    sentences: list[TaggedSentence] = []
    words: list[str] = []
    tags: list[str] = []
    for line, entry in enumerate([*read_text(path, max_bytes).split("\n"), ""], start=1):
        if not entry.strip() or entry.startswith(DOCUMENT):
            if words:
                sentences.append(TaggedSentence(tuple(words), to_bio(tags) if scheme else tuple(tags)))
                words, tags = [], []
            continue
        # Spaces and tabs only: str.split would also cut at the no-break space that stands within some words.
        separator = separator or ("\t" if "\t" in entry else " ")
        values = entry.split("\t") if separator == "\t" else re.split(" +", entry.strip(" "))
        columns = columns or len(values)
        where = f"{path}, line {line}: "
        if len(values) != columns:
            raise ValueError(f"{where}{len(values)} columns, the first line has {columns}: give each line a word and its tag")
        for name, number in (("token", token), ("tag", tag)):
            if not -columns <= number < columns:
                raise ValueError(f"{where}no column {number} for the {name}: there are {columns}, counted from 0")
        if not values[token].strip() or not values[tag].strip():
            raise ValueError(f"{where}word {values[token]!r} with tag {values[tag]!r}: fill in what is missing")
        if scheme and not _is_entity_tag(values[tag]):
            raise ValueError(f"{where}tag {values[tag]!r} is neither O nor like B-PER: correct it, or name another column")
        words.append(values[token])
        tags.append(values[tag])
    if not sentences:
        raise ValueError(f"{path} has no sentence: give a word and its tag on each line")
    return tuple(sentences)


def to_bio(tags: Sequence[str]) -> tuple[str, ...]:
    """Entity tags of any scheme in use → BIO: B- on an entity's first word, I- on its others, O outside.

    One rule reads them all: B- (also S-, U-) begins an entity; I- (also E-, L-) goes on with the entity of the same
    type before it, and begins one where there is none. So I-PER after O begins a person, as in IOB1 and in IO; after
    I-PER it goes on, for IO cannot tell two neighbours of one type apart.

    Raises ValueError for a tag that is neither O nor a prefix, "-" and a type.

    Ramshaw and Marcus 1995 (IOB); Tjong Kim Sang and Veenstra 1999 (IOB1, IOB2, IOE).
    """
    found, before = [], ""
    for tag in tags:
        if not _is_entity_tag(tag):
            raise ValueError(f"tag {tag!r} is neither O nor like B-PER or I-PER: correct it")
        prefix, _, kind = tag.partition("-")
        if tag == OUTSIDE:
            found.append(OUTSIDE)
        else:
            found.append(("B-" if BEGINS[prefix] or kind != before else "I-") + kind)
        # After a closing tag nothing goes on.
        before = "" if prefix in ("S", "U", "E", "L") else kind
    return tuple(found)


def tag_names(sentences: Sequence[TaggedSentence]) -> tuple[str, ...]:
    """The tags in use, O first, the others sorted; where I-PER is met, B-PER is among them too, and the reverse.

    A model of a small set must be able to say of a longer entity what it learned on shorter ones.
    """
    used = {tag for sentence in sentences for tag in sentence.tags}
    kinds = {tag[2:] for tag in used if tag[:2] in ("B-", "I-")}
    both = {f"{prefix}-{kind}" for kind in kinds for prefix in "BI"}
    names = sorted((used | both) - {OUTSIDE})
    return (OUTSIDE, *names) if kinds or OUTSIDE in used else tuple(names)


def _is_entity_tag(tag: str) -> bool:
    prefix, dash, kind = tag.partition("-")
    return tag == OUTSIDE or (prefix in BEGINS and bool(dash) and bool(kind))
