"""What takes seconds to compute, kept on disk with its checksum."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any


def cache_folder() -> Path:
    """$TINYLLM_CACHE, or where this system keeps what can be computed again."""
    if os.environ.get("TINYLLM_CACHE"):
        return Path(os.environ["TINYLLM_CACHE"])
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "tinyllm" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "tinyllm"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tinyllm"


def cached(name: str, key: str, build: Callable[[], Any]) -> Any:
    """build(), a JSON value, or what an earlier call with this key left in the cache.

    The file is one line with the key and a checksum, then the value. It is written beside its place and renamed, so
    it is there whole or not at all. A file that does not fit its checksum is built anew, and a folder that cannot be
    written costs time and not the result: both with a warning.
    """
    path = cache_folder() / f"{name}.json"
    try:
        header, _, body = path.read_bytes().partition(b"\n")
        if header == _header(key, body):
            return json.loads(body)
        if json.loads(header)["key"] == key:
            warnings.warn(f"{path} does not fit its checksum: building it anew", stacklevel=2)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError, TypeError, KeyError) as error:
        warnings.warn(f"{path} cannot be read ({error}): building it anew", stacklevel=2)
    value = build()
    body = json.dumps(value, ensure_ascii=False).encode("utf-8")
    try:
        _write(path, _header(key, body) + b"\n" + body)
    except OSError as error:
        warnings.warn(f"{path} cannot be written ({error}): set TINYLLM_CACHE to a folder that can", stacklevel=2)
    return value


def _header(key: str, body: bytes) -> bytes:
    return json.dumps({"key": key, "sha256": hashlib.sha256(body).hexdigest()}).encode("utf-8")


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(beside, path)
    except BaseException:
        os.unlink(beside)
        raise
