"""The data sets that come with tinyllm, made by the programs in datasets/."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tinyllm.data.chats import Dialogue, read_dialogues
from tinyllm.data.conll import TaggedSentence, read_conll
from tinyllm.data.labelled import LabelledTexts
from tinyllm.data.pairs import TextPairs, read_pairs
from tinyllm.data.squad import Question, read_squad
from tinyllm.data.tables import read_table, table_rows

# What the readers of users' files answer: classes, pairs, tags, questions or dialogues.
Rows = LabelledTexts | TextPairs | tuple[TaggedSentence, ...] | tuple[Question, ...] | tuple[Dialogue, ...]

PACKAGE = Path(__file__).parents[1]
FOLDERS = (PACKAGE / "datasets", PACKAGE.parent / "datasets")      # in an installed wheel, and beside it in a checkout
ENDINGS = (".tsv", ".conll", ".json", ".jsonl")


@dataclass(frozen=True, eq=False)
class BuiltIn:
    """A data set's three parts, all of one kind, and the folder they were read from."""

    name: str
    train: Rows
    validation: Rows
    test: Rows
    folder: Path


def builtin(name: str) -> BuiltIn:
    """The data set datasets/<name>, whatever it is of: the reader is chosen by its files' ending and columns.

        .tsv     text and label → LabelledTexts; source and target → TextPairs
        .conll   sentences of words with BIO tags
        .json    questions on passages
        .jsonl   dialogues

    Raises ValueError for a name that there is not (it lists those there are) and FileNotFoundError where tinyllm was
    installed without its data sets.
    """
    known = builtin_names()
    if not known:
        raise FileNotFoundError(
            f"no data sets at {' or '.join(map(str, FOLDERS))}: write them with `python datasets/build.py` in a checkout, "
            "or install tinyllm anew from its wheel"
        )
    if name not in known:
        raise ValueError(f"no data set {name!r}: there are {', '.join(known)}")
    folder = known[name]
    files = {part: _file(folder, part) for part in ("train", "valid", "test")}
    absent = [part for part, path in files.items() if path is None]
    if absent:
        raise FileNotFoundError(f"{folder} lacks its {' and '.join(absent)} part: write it with `python datasets/build.py`")
    train, validation, test = (path for path in files.values() if path is not None)
    rows = _read(train)
    names = rows.names if isinstance(rows, LabelledTexts) else None
    return BuiltIn(name, rows, _read(validation, names), _read(test, names), folder)


def builtin_names() -> dict[str, Path]:
    """The data sets that are there, by name, and their folders."""
    for parent in FOLDERS:
        found = {folder.name: folder for folder in sorted(parent.glob("*")) if _file(folder, "train")}
        if found:
            return found
    return {}


def _file(folder: Path, part: str) -> Path | None:
    """The part's file, or None. The folder beside an installed package may be anybody's: only these endings count."""
    return next((path for ending in ENDINGS if (path := folder / f"{part}{ending}").is_file()), None)


def _read(path: Path, names: tuple[str, ...] | None = None) -> Rows:
    if path.suffix == ".conll":
        return read_conll(path, scheme="BIO")
    if path.suffix == ".json":
        return read_squad(path)
    if path.suffix == ".jsonl":
        return read_dialogues(path)
    _, first = next(table_rows(path))
    return read_table(path, names=names) if "label" in first else read_pairs(path)
