"""Text to learn from: what comes with Python, a file, a column of a table, or a folder of code."""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ..data import Corpus, corpus, file_segments, read_code, read_text, split_documents, split_sentences
from ..data.pycode import code
from .tasks.table_texts import read_column

Side = Literal["train", "valid"]


@dataclass
class Texts:
    """Documents to learn from and documents held out; a plain text is one document on each side, without begin and end."""

    train: Sequence[str]
    valid: Sequence[str]
    documents: bool
    description: dict[str, Any]
    own: Corpus | None = None
    """What comes with Python knows which documents stand in one file."""

    def in_sentences(self, side: Side) -> list[list[str]]:
        """One side as documents of sentences: a file's, a document's, or a few paragraphs of a text that is one piece."""
        if self.own is not None:
            return file_segments(self.own.train if side == "train" else self.own.validation)
        texts = getattr(self, side)
        return [split_sentences(text) for text in texts] if self.documents else split_documents(texts[0])

    def __str__(self) -> str:
        sizes = (sum(map(len, side)) for side in (self.train, self.valid))
        return "{} characters to learn from, {} held out".format(*(f"{size:,}" for size in sizes))


def read_corpus(args: argparse.Namespace) -> Texts:
    """What --text, --table, --code or --corpus names. Raises as the readers do, and ValueError for a share that leaves a side
    empty."""
    if not 0 < args.valid_share < 1:
        raise ValueError(f"--valid-share {args.valid_share}: a share above 0 and below 1 is held out")
    if args.text is not None:
        text = read_text(args.text)
        cut = int(len(text) * (1 - args.valid_share))
        return _described([text[:cut]], [text[cut:]], False, args.text)
    if args.table is not None:
        return _cut(read_column(args.table, args.text_column), args.valid_share, args.table)
    if args.code is not None:
        return _cut([document.text for document in read_code(args.code)], args.valid_share, args.code)
    own, what = (code(), "source") if args.corpus == "code" else (corpus(), "documentation")
    if own.missing:
        print(f"not in this Python's {what}: {', '.join(own.missing)}", file=sys.stderr)
    train, valid = ([document.text for document in side] for side in (own.train, own.validation))
    texts = _described(train, valid, True, f"{what} of Python {own.python}", missing=list(own.missing))
    texts.own = own
    return texts


def _cut(documents: Sequence[str], valid_share: float, source: str) -> Texts:
    """The last of the documents held out."""
    cut = int(len(documents) * (1 - valid_share))
    return _described(documents[:cut], documents[cut:], True, source)


def _described(train: Sequence[str], valid: Sequence[str], documents: bool, source: str, **more: Any) -> Texts:
    if not any(train) or not any(valid):
        raise ValueError(f"{source} is too short to hold a part of it out: give more text, or another --valid-share")
    digest = hashlib.sha256()
    for side in (train, valid):
        for text in side:
            digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
    sizes = {"train": sum(map(len, train)), "valid": sum(map(len, valid))}
    about = {"source": source, "documents": documents, "characters": sizes, "sha256": digest.hexdigest(), **more}
    return Texts(train, valid, documents, about)
