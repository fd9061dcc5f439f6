"""The folder of a run: metrics.jsonl, loss.png, and two checkpoints, last/ (to go on from) and best/ (to use)."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..data.batching import Batch
from ..viz.curves import loss_curve
from ..viz.style import save as save_picture
from .checkpoint import Checkpoint, load_checkpoint, read_state, save_checkpoint
from .config import TrainConfig
from .files import settle
from .records import History

NEWER = ("objective_settings", "frozen")      # in an identity: runs older than these are not asked for them


class RunFolder:
    """`identity` says what the run is: a checkpoint of another is refused."""

    def __init__(self, path: Path, identity: dict[str, Any]) -> None:
        self.path, self.identity = path, identity
        self.last, self.best, self.metrics = path / "last", path / "best", path / "metrics.jsonl"

    def start(self, resume: bool, workers: int | None) -> Checkpoint | None:
        """Make the folder, clean up after a kill, and answer the checkpoint to go on from, if there is one.

        Raises OSError when the folder cannot be written to; FileExistsError when there is a checkpoint and `resume` is
        off; ValueError for a checkpoint that is damaged, of another run, or made by another number of workers.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.path):
                pass
            settle(self.last)
            settle(self.best)
        except OSError as error:
            raise type(error)(
                error.errno, f"the run's folder {self.path} cannot be written to ({error.strerror}): choose another"
            ) from error
        if not self.last.exists():
            return None
        if not resume:
            step = read_state(self.last)["step"]
            raise FileExistsError(f"{self.path} holds a run (step {step}): go on with it (resume), or choose another folder")
        checkpoint = load_checkpoint(self.last)
        made_with = {name: self.identity[name] for name in NEWER} | checkpoint.state["identity"]
        made_with["train"] = {**TrainConfig().what_decides_the_numbers(), **made_with["train"]}     # choices newer than the run
        differences = list(_differences(made_with, self.identity))
        if differences:
            raise ValueError(
                f"the checkpoint {self.last} is of another run: {'; '.join(differences[:4])}. "
                "Use what it was made with, or another folder"
            )
        made_by = checkpoint.state["workers"]
        if workers is not None and workers != made_by:
            raise ValueError(
                f"the checkpoint {self.last} was made by {made_by} workers, this run has {workers}, which would change the "
                f"last digits: use workers={made_by}, or None for the checkpoint's"
            )
        if checkpoint.optimizer is None:
            raise ValueError(f"the checkpoint {self.last} has no optimiser state: it is one to use, not one to go on from")
        return checkpoint

    def save_last(self, checkpoint: Checkpoint) -> None:
        self._save(self.last, checkpoint)

    def save_best(self, checkpoint: Checkpoint) -> None:
        self._save(self.best, checkpoint)

    def _save(self, folder: Path, checkpoint: Checkpoint) -> None:
        checkpoint.state["identity"] = self.identity
        save_checkpoint(folder, checkpoint)

    def draw(self, history: History) -> Path | None:
        """loss.png; None where matplotlib is missing or nothing was logged yet."""
        curves = {
            name: [(record["step"], record["loss"]) for record in records]
            for name, records in (("training", history.train), ("validation", history.valid)) if records
        }
        try:
            return save_picture(loss_curve(curves), self.path / "loss.png") if curves else None
        except ImportError:
            return None


def fingerprint(batches: Iterable[Batch]) -> str:
    """SHA-256 of the batches' names, types, shapes and numbers."""
    digest = hashlib.sha256()
    for batch in batches:
        for name, array in sorted(batch.items()):
            digest.update(f"{name} {array.dtype.str} {array.shape}".encode() + array.tobytes())
    return digest.hexdigest()


def _differences(saved: Any, now: Any, name: str = "") -> Any:
    """'train.lr is 0.001 there, 0.002 here', for each entry that differs; the kind of model before its sizes."""
    if isinstance(saved, dict) and isinstance(now, dict):
        for key in sorted(saved.keys() | now.keys(), key=lambda key: (key != "model_type", key)):
            yield from _differences(saved.get(key), now.get(key), f"{name}.{key}" if name else key)
    elif saved != now:
        yield f"{name} is {saved} there, {now} here"
