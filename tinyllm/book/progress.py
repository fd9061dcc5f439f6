"""What a reader has solved: a small JSON file beside the lessons, and a table over many such files for whoever teaches."""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

LARGEST = 1 << 20

Progress = dict[str, dict[str, Any]]
"""lesson → exercise number (as JSON has it, a string) → {"solved": date or None, "tries": n}."""


def record(path: Path, lesson: str, number: int, solved: bool) -> None:
    """Note a try in the file. Written beside and renamed, so that no interruption loses what stood there."""
    progress = read(path) if path.exists() else {}
    entry = progress.setdefault(lesson, {}).setdefault(str(number), {"solved": None, "tries": 0})
    if entry["solved"] is None:
        entry["tries"] += 1
        if solved:
            entry["solved"] = datetime.date.today().isoformat()
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    beside.write_text(json.dumps(progress, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    os.replace(beside, path)


def read(path: Path) -> Progress:
    """What a file holds. It may come from anywhere: raises ValueError, naming the file, for anything but such a record."""
    if path.stat().st_size > LARGEST:
        raise ValueError(f"{path} has {path.stat().st_size:,} bytes: a record of progress has at most {LARGEST:,}")
    try:
        progress = json.loads(path.read_text(encoding="utf-8"))
        for entries in progress.values():
            for number, entry in entries.items():
                int(number)
                if not (entry["solved"] is None or isinstance(entry["solved"], str)) or not isinstance(entry["tries"], int):
                    raise TypeError("solved is a date or null, tries a number")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path} is no record of progress ({error}): move it away to start a new one") from error
    return progress


def table(readers: Mapping[str, Progress], exercises: Mapping[str, Sequence[int]]) -> str:
    """One line a lesson, one column a reader: solved exercises of all. `exercises`: lesson → its numbers."""
    width = max(map(len, exercises), default=6)
    columns = [max(len(name), 7) for name in readers]
    lines = [f"{'lesson':<{width}}  " + "  ".join(f"{name:>{w}}" for name, w in zip(readers, columns, strict=True))]
    total = [0] * len(readers)
    for lesson, numbers in exercises.items():
        cells = []
        for i, (progress, w) in enumerate(zip(readers.values(), columns, strict=True)):
            solved = sum(1 for n in numbers if progress.get(lesson, {}).get(str(n), {}).get("solved"))
            total[i] += solved
            cells.append(f"{f'{solved} of {len(numbers)}':>{w}}")
        lines.append(f"{lesson:<{width}}  " + "  ".join(cells))
    of = sum(map(len, exercises.values()))
    lines.append(f"{'all':<{width}}  " + "  ".join(f"{f'{n} of {of}':>{w}}" for n, w in zip(total, columns, strict=True)))
    return "\n".join(lines)
