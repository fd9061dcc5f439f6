"""Python source files as text: a folder of the user's own. Files are read, never imported or run."""

from __future__ import annotations

import io
import os
import tokenize
from collections.abc import Iterator
from pathlib import Path

from tinyllm.data.docstrings import Document
from tinyllm.data.files import MAX_BYTES

MAX_FILES = 100_000


def read_code(folder: str | Path, max_bytes: int = MAX_BYTES, max_files: int = MAX_FILES) -> tuple[Document, ...]:
    """Every .py file under a folder, in alphabetical order: its text, its path, its first folder as its package.

    Left out: what is hidden (.git, .venv), __pycache__, links (which may lead anywhere), files without a visible
    character.

    Raises FileNotFoundError where there is no such folder; ValueError for a folder without source files, a file that
    is not in the encoding it declares, more than max_files files or max_bytes bytes in all.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}: check the path")
    documents, left = [], max_bytes
    for path in _python_files(folder, max_files):
        with path.open("rb") as file:
            raw = file.read(left + 1)
        left -= len(raw)
        if left < 0:
            raise ValueError(f"{folder} holds more than {max_bytes:,} bytes of code: name a part of it, or raise max_bytes")
        try:
            text = source_text(raw)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        name = path.relative_to(folder)
        if text.strip():
            documents.append(Document(text, name.parts[0].removesuffix(".py"), name.as_posix(), ""))
    if not documents:
        raise ValueError(f"{folder} holds no Python source: name a folder with .py files")
    return tuple(documents)


def source_text(raw: bytes) -> str:
    """The text of a source file in the encoding that its first two lines declare, else UTF-8; line ends as "\\n".

    Raises ValueError for an encoding that there is not and for bytes that are not in it.

    PEP 263.
    """
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(raw).readline)
        text = raw.decode(encoding)
    except (SyntaxError, UnicodeError, LookupError) as error:
        raise ValueError(f"not in the encoding it declares ({error}): save it as UTF-8") from error
    # A cookie such as raw_unicode_escape can spell half of a surrogate pair, which no tokenizer of bytes can hold.
    text = text.encode("utf-8", "replace").decode("utf-8")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _python_files(folder: Path, max_files: int) -> Iterator[Path]:
    found = 0
    for here, folders, files in os.walk(folder):        # does not follow links to folders
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "__pycache__")
        for name in sorted(files):
            path = Path(here, name)
            if name.endswith(".py") and not name.startswith(".") and path.is_file() and not path.is_symlink():
                found += 1
                if found > max_files:
                    raise ValueError(f"{folder} holds more than {max_files:,} .py files: name a part of it")
                yield path
