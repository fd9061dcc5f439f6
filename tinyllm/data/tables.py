"""The user's own table of texts and labels: CSV, TSV or JSONL with named columns."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinyllm.data.files import MAX_BYTES, read_text
from tinyllm.data.labelled import LabelledTexts

Row = tuple[int, dict[str | int, object]]       # line number in the file, column -> value


def read_table(
    path: str | Path,
    text: str = "text",
    label: str = "label",
    names: Sequence[str] | None = None,
    max_bytes: int = MAX_BYTES,
) -> LabelledTexts:
    """The columns `text` and `label` of a table, in file order.

    The name's ending decides the format: .csv (quotes as in RFC 4180), .tsv (tabs; a quote is an ordinary character)
    and .jsonl (one object a line). Labels may be strings, integers or booleans. `names` are the classes of a model
    that is there already, in its order; without them the classes are the labels found, sorted.

    Raises ValueError that names the line and the fix: a missing column, a ragged row, invalid JSON, an empty text or
    label, a label that `names` lacks, fewer than two classes.
    """
    path = Path(path)
    texts, labels = [], []
    for line, row in table_rows(path, max_bytes):
        value, kind = check_text(path, line, row, text), cell(path, line, row, label)
        if not isinstance(kind, str | int) or not str(kind).strip():
            raise ValueError(f"{path}, line {line}: column {label!r} is {kind!r}: give a word or a whole number")
        if names is not None and str(kind) not in names:
            known = ", ".join(map(repr, names))
            raise ValueError(f"{path}, line {line}: label {str(kind)!r} is none of the known {known}: correct it")
        texts.append(value)
        labels.append(str(kind))
    if not texts:
        raise ValueError(f"{path} has no rows: give at least two, with different labels")
    classes = tuple(names) if names is not None else tuple(sorted(set(labels)))
    if len(classes) < 2:
        raise ValueError(f"{path}: every label is {classes[0]!r}: a classifier needs at least two different labels")
    number = {name: i for i, name in enumerate(classes)}
    return LabelledTexts(tuple(texts), np.array([number[name] for name in labels]), classes)


def table_rows(path: Path, max_bytes: int = MAX_BYTES, header: bool = True) -> Iterator[Row]:
    """The rows of a table by column; without a header (.csv and .tsv only) columns have numbers, from 0."""
    ending = path.suffix.lower()
    if ending not in (".csv", ".tsv", ".jsonl"):
        raise ValueError(f"{path} ends in {path.suffix!r}: name it .csv, .tsv, .jsonl after its format")
    if ending == ".jsonl" and not header:
        raise ValueError(f"{path}: columns of .jsonl have names, not numbers: give the names")
    content = read_text(path, max_bytes)
    return json_lines(path, content) if ending == ".jsonl" else _delimited(path, content, header)


def cell(path: Path, line: int, row: dict[str | int, object], column: str | int) -> object:
    """The value of a column, or an error that says which columns there are."""
    if column not in row:
        there = ", ".join(map(repr, row)) or "none"
        raise ValueError(f"{path}, line {line}: no column {column!r}: there are {there}")
    return row[column]


def check_text(path: Path, line: int, row: dict[str | int, object], column: str | int) -> str:
    """The value of a column that must be a text with a visible character."""
    value = cell(path, line, row, column)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{path}, line {line}: column {column!r} is {value!r}: give a text, or delete the line")
    return value


def _delimited(path: Path, content: str, named: bool) -> Iterator[Row]:
    io_lines = io.StringIO(content, newline="")
    if path.suffix.lower() == ".csv":
        reader = csv.reader(io_lines, strict=True)
    else:
        reader = csv.reader(io_lines, delimiter="\t", quoting=csv.QUOTE_NONE, strict=True)
    rows = _rows(path, reader, len(content))
    line, first = next(rows)
    header: Sequence[str | int] = first if named else range(len(first))
    if named and len(set(first)) < len(first):
        twice = next(name for name in first if first.count(name) > 1)
        raise ValueError(f"{path}, header: column {twice!r} stands there twice: rename one")
    if not named:
        yield line, dict(enumerate(first))
    for line, values in rows:
        if len(values) != len(header):
            raise ValueError(
                f"{path}, line {line}: {len(values)} values for {len(header)} columns: "
                "quote a value that holds the separator, or fill in what is missing"
            )
        yield line, dict(zip(header, values, strict=True))


def _rows(path: Path, reader: Any, longest: int) -> Iterator[tuple[int, list[str]]]:
    """The line on which each row begins, and its values, of up to `longest` characters; empty rows left out.

    The limit of the csv module, 131,072 characters, is one for the whole program: it is another only while a row is read.
    """
    values: list[str] | None = []
    while values is not None:
        line, limit = reader.line_num + 1, csv.field_size_limit()
        csv.field_size_limit(max(limit, longest))
        try:
            values = next(reader, None)
        except csv.Error as error:
            raise ValueError(f"{path}, line {line}: {error}: close the quotes, or double those within a value") from error
        finally:
            csv.field_size_limit(limit)
        if values:
            yield line, values


def json_lines(path: Path, content: str) -> Iterator[Row]:
    """The objects of a JSONL file, empty lines left out."""
    for line, entry in enumerate(content.split("\n"), start=1):
        if not entry.strip():
            continue
        try:
            row = json.loads(entry)
        except (ValueError, RecursionError) as error:      # ValueError itself: a number of too many digits
            raise ValueError(f"{path}, line {line}: not JSON ({error}): write one object a line") from error
        if not isinstance(row, dict):
            raise ValueError(f"{path}, line {line}: JSON, but not an object: write one {{...}} a line")
        yield line, row
