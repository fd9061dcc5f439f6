"""What a run reports: a line of JSON for each measurement, and the same in memory."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal

from .files import write_file

Record = dict[str, Any]     # "step", "split" ("train" or "valid"), and numbers


@dataclass
class History:
    """What `train` answers. `train` and `valid` hold records in order, those of an interrupted part included."""

    train: list[Record] = field(default_factory=list)
    valid: list[Record] = field(default_factory=list)
    best: Record | None = None
    """The validation record of the best checkpoint."""
    step: int = 0
    stopped: Literal["steps", "patience"] = "steps"
    """Why it ended: all steps done, or no new best for a while."""
    folder: Path | None = None

    def add(self, record: Record) -> None:
        (self.train if record["split"] == "train" else self.valid).append(record)

    def _repr_html_(self) -> str:
        from .history_html import history_html

        return history_html(self)


class Records:
    """metrics.jsonl, a line a record. On resuming, lines after the checkpoint's step go: those steps are run again.

    Raises OSError, naming the file, when a line cannot be written.
    """

    def __init__(self, path: Path | None, step: int, history: History) -> None:
        self.path, self.history = path, history
        self._file: IO[bytes] | None = None
        if path is None:
            return
        kept = read_records(path, step) if step and path.exists() else []
        write_file(path, b"".join(map(_line, kept)))
        for record in kept:
            history.add(record)
        self._file = open(path, "ab", buffering=0)  # noqa: SIM115  (closed by __exit__)

    def __enter__(self) -> Records:
        return self

    def __exit__(self, *error: Any) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, record: Record) -> None:
        """To memory and, at once, to the file."""
        self.history.add(record)
        if self._file is None:
            return
        try:
            self._file.write(_line(record))
        except OSError as error:
            raise OSError(
                error.errno, f"step {record['step']}: could not write {self.path} ({error.strerror}); the checkpoint is intact"
            ) from error


def read_records(path: Path | str, through: int | None = None) -> list[Record]:
    """The records of a metrics.jsonl up to a step. A last line that a kill cut short is left out.

    Raises ValueError, naming the line, for anything else that is no record.
    """
    lines = Path(path).read_bytes().split(b"\n")
    records: list[Record] = []
    for number, line in enumerate(lines[:-1], start=1):     # what follows the last line end is empty or cut short
        try:
            record = json.loads(line)
            if record["split"] in ("train", "valid") and (through is None or record["step"] <= through):
                records.append(record)
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path}, line {number} is no record ({error}): restore the file or delete the line") from error
    return records


def _line(record: Record) -> bytes:
    return json.dumps(record).encode() + b"\n"
