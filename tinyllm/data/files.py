"""The user's own text file."""

from __future__ import annotations

from pathlib import Path

MAX_BYTES = 1 << 30


def read_text(path: str | Path, max_bytes: int = MAX_BYTES) -> str:
    """The text of a UTF-8 file, line ends as "\\n", without a byte order mark.

    Raises FileNotFoundError where there is no file; ValueError for a folder, a file above max_bytes, bytes that are
    not UTF-8 (with their offset and line) and a text without a single visible character.
    """
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path} is a folder: name a text file in it")
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}: check the path")
    with path.open("rb") as file:
        raw = file.read(max_bytes + 1)
    if len(raw) > max_bytes:
        raise ValueError(f"{path} is larger than {max_bytes:,} bytes: split it, or raise max_bytes")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ValueError(
            f"{path} is not UTF-8: byte {error.start} (line {line}) is 0x{raw[error.start]:02x}, {error.reason}: "
            "save the file as UTF-8"
        ) from error
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise ValueError(f"{path} holds no text: give a file with at least one visible character")
    return text
