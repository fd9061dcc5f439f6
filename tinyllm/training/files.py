"""Files that are there whole or not at all, whatever happens while they are written."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Make `folder` hold exactly these files, or leave it as it is.

    They are written to `folder.writing`, forced to disk, and renamed: first the folder that stands there to
    `folder.old`, then the new one into its place. No system renames onto a folder that is not empty, so for an instant
    there is only `folder.old`; `settle` puts it back if that instant was the process's last. Raises OSError.
    """
    settle(folder)
    beside, old = _beside(folder), _old(folder)
    try:
        beside.mkdir(parents=True)
        for name, content in files.items():
            _write_through(beside / name, content)
        _sync_folder(beside)
        if folder.exists():
            os.rename(folder, old)
        os.rename(beside, folder)
        _sync_folder(folder.parent)
    finally:
        settle(folder)


def settle(folder: Path) -> None:
    """Finish what a writer that was killed began: afterwards `folder` is the old or the new one, and nothing lies
    beside it."""
    beside, old = _beside(folder), _old(folder)
    if old.exists() and not folder.exists():
        os.rename(old, folder)
    for left in (beside, old):
        if left.exists():
            shutil.rmtree(left)


def write_file(path: Path, content: bytes) -> None:
    """Make `path` hold this content, or leave it as it is. Raises OSError."""
    beside = path.with_name(path.name + ".writing")
    try:
        _write_through(beside, content)
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _beside(folder: Path) -> Path:
    return folder.with_name(folder.name + ".writing")


def _old(folder: Path) -> Path:
    return folder.with_name(folder.name + ".old")


def _write_through(path: Path, content: bytes) -> None:
    """Written and on the disk: a rename may overtake data that waits in the system's memory, and then the power
    fails."""
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":                     # Windows opens no folders, and needs it not
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
