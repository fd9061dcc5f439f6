"""Text to learn from: Python's documentation, a file, or a column of a table."""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..data import CausalWindows, MaskedWindows, corpus, read_table, read_text
from ..tokenizers import Tokenizer
from ..training import Causal, Masked
from ..training.corpora import encode_documents


@dataclass
class Texts:
    """Documents to learn from and documents held out; a plain text is one document on each side, without begin and end."""

    train: Sequence[str]
    valid: Sequence[str]
    documents: bool
    description: dict[str, Any]

    def __str__(self) -> str:
        sizes = (sum(map(len, side)) for side in (self.train, self.valid))
        return "{} characters to learn from, {} held out".format(*(f"{size:,}" for size in sizes))


def read_corpus(args: argparse.Namespace) -> Texts:
    """What --text, --table or neither name. Raises as the readers do, and ValueError for a share that leaves a side empty."""
    if not 0 < args.valid_share < 1:
        raise ValueError(f"--valid-share {args.valid_share}: a share above 0 and below 1 is held out")
    if args.text is not None:
        text = read_text(args.text)
        cut = int(len(text) * (1 - args.valid_share))
        return _described([text[:cut]], [text[cut:]], False, args.text)
    if args.table is not None:
        rows = read_table(args.table, args.text_column, label=args.text_column).texts    # labels are not looked at
        cut = int(len(rows) * (1 - args.valid_share))
        return _described(rows[:cut], rows[cut:], True, args.table)
    own = corpus()
    if own.missing:
        print(f"not in this Python's documentation: {', '.join(own.missing)}", file=sys.stderr)
    train, valid = ([document.text for document in side] for side in (own.train, own.validation))
    return _described(train, valid, True, f"documentation of Python {own.python}", missing=list(own.missing))


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


def objective_and_sources(args: argparse.Namespace, tokenizer: Tokenizer, texts: Texts) -> tuple[Any, Any, Any]:
    """The objective, windows to learn from, and windows held out."""
    sides = [
        encode_documents(tokenizer, side) if texts.documents else tokenizer.encode_array(side[0])
        for side in (texts.train, texts.valid)
    ]
    if args.objective == "causal":
        per_token = sum(map(len, texts.valid)) / len(sides[1])
        windows = [CausalWindows(tokens, args.context, args.batch, args.seed) for tokens in sides]
        return Causal(per_token), windows[0], windows[1]
    if tokenizer.mask_id is None:
        raise ValueError("masked pretraining needs a tokenizer with <mask>: train one with --tokenizer bpe or char")
    masks = [
        MaskedWindows(
            tokens, args.context, args.batch, args.seed, tokenizer.mask_id, tokenizer.vocab_size, args.mask_share,
            tokenizer.special_ids,
        )
        for tokens in sides
    ]
    return Masked(), masks[0], masks[1]
