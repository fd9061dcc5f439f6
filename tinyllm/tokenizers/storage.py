"""JSON files that are never half written and never trusted."""

from __future__ import annotations

import json
import os
from os import PathLike
from pathlib import Path
from typing import Any

# What Hugging Face's tools write beside a tokenizer: which token pads, begins, ends (twice), and the chat template.
MAP, SAID, TEMPLATE = "special_tokens_map.json", "tokenizer_config.json", "chat_template.jinja"
LARGEST_FILE = 64 << 20  # bytes; a vocabulary of 50,000 takes about 2 MB


def write_json(path: str | PathLike[str], content: dict[str, Any]) -> None:
    """Writes `content` beside `path` and renames it there: whatever goes wrong, the old file is still whole."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Unpaired surrogates have no UTF-8; "backslashreplace" writes them as JSON's own escape, and all else stays
    # readable.
    data = json.dumps(content, ensure_ascii=False, indent=1).encode("utf-8", "backslashreplace") + b"\n"
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(beside, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def read_json(path: str | PathLike[str]) -> dict[str, Any]:
    """The object in a JSON file. Raises ValueError where the file is too large, cut short, or not a JSON object."""
    data = _read(path)
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is cut short or not JSON ({error}): save the tokenizer again") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds a {type(content).__name__}, not a JSON object: this is no tokenizer file")
    return content


def read_text(path: str | PathLike[str]) -> str:
    """The text in a UTF-8 file. Raises ValueError where the file is too large or not UTF-8."""
    try:
        return _read(path).decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not text in UTF-8 ({error}): this is no tokenizer file") from error


def _read(path: str | PathLike[str]) -> bytes:
    with open(path, "rb") as file:
        data = file.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise ValueError(f"{path} is larger than {LARGEST_FILE >> 20} MiB: this is no tokenizer file")
    return data
