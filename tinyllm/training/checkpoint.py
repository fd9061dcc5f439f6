"""A checkpoint: a folder from which a run goes on as if nothing had happened, or a model is taken.

    model.safetensors       the weights, by their names in state_dict
    config.json             the model's configuration, where it has one: `GPT.from_pretrained(run / "best")` reads these two
    optimizer.safetensors   the optimiser's arrays (only in `last`)
    state.json              step, seed, workers, best value, what the run was told; size and SHA-256 of the files above

There is no state of a random generator and no position in the data: both follow from the seed and the step.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from . import files

FORMAT = 1
MODEL, CONFIG, OPTIMIZER, STATE = "model.safetensors", "config.json", "optimizer.safetensors", "state.json"
LARGEST_STATE = 16 << 20        # bytes


@dataclass
class Checkpoint:
    """What `save_checkpoint` writes and `load_checkpoint` reads. `config` is the model's; arrays are NumPy's, by
    name."""

    state: dict[str, Any]
    model: dict[str, np.ndarray]
    optimizer: dict[str, np.ndarray] | None = None
    config: dict[str, Any] | None = None


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write the checkpoint beside `folder` and rename it there: a kill at any moment leaves the old one or the new one.

    Raises OSError that says what was being written and that the checkpoint before is intact; ImportError without
    safetensors.
    """
    contents = {MODEL: _to_bytes(checkpoint.model)}
    if checkpoint.config is not None:
        contents[CONFIG] = _json(checkpoint.config)
    if checkpoint.optimizer is not None:
        contents[OPTIMIZER] = _to_bytes(checkpoint.optimizer)
    sums = {name: {"bytes": len(content), "sha256": _sha256(content)} for name, content in contents.items()}
    state = {"format": FORMAT, **checkpoint.state, "files": sums}
    contents[STATE] = _json({**state, "sha256": _sha256(_json(state))})
    try:
        files.write_folder(folder, contents)
    except OSError as error:
        left = "the one before it is intact" if folder.exists() else "there was none before it"
        what = f"step {checkpoint.state.get('step')}: could not write the checkpoint {folder} ({error.strerror})"
        raise OSError(error.errno, f"{what}; {left}") from error


def load_checkpoint(folder: Path | str) -> Checkpoint:
    """Read a checkpoint, every byte checked against its checksum.

    Raises FileNotFoundError where there is none; ValueError, naming the file, for one that is truncated, was changed,
    or has another format.
    """
    folder = Path(folder)
    state = read_state(folder)
    contents: dict[str, bytes] = {}
    for name, expected in state["files"].items():
        path = folder / name
        if not path.is_file():
            raise ValueError(f"{path} is missing, {STATE} lists it: the checkpoint is not complete, use another")
        if path.stat().st_size != expected["bytes"]:
            raise ValueError(
                f"{path} has {path.stat().st_size} bytes, {expected['bytes']} were written: it is truncated or was changed, "
                "use another checkpoint"
            )
        contents[name] = path.read_bytes()
        if _sha256(contents[name]) != expected["sha256"]:
            raise ValueError(f"{path} does not fit its checksum: it was changed since it was written, use another checkpoint")
    return Checkpoint(
        state,
        _from_bytes(contents[MODEL]),
        _from_bytes(contents[OPTIMIZER]) if OPTIMIZER in contents else None,
        json.loads(contents[CONFIG]) if CONFIG in contents else None,
    )


def read_state(folder: Path | str) -> dict[str, Any]:
    """A checkpoint's state.json, checked. Raises as `load_checkpoint`."""
    path = Path(folder) / STATE
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no checkpoint in {folder}: {STATE} is missing. Name a folder that a run wrote, such as runs/mine/last"
        )
    if path.stat().st_size > LARGEST_STATE:
        raise ValueError(f"{path} is larger than {LARGEST_STATE >> 20} MiB: this is no checkpoint of ours")
    try:
        state = json.loads(path.read_bytes())
        checksum = state.pop("sha256")
        intact = _sha256(_json(state)) == checksum
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} is truncated or is none of ours ({error}): use another checkpoint") from error
    if not intact:
        raise ValueError(f"{path} does not fit its checksum: it was changed since it was written, use another checkpoint")
    if state.get("format") != FORMAT:
        raise ValueError(f"{path} has format {state.get('format')}, this version reads {FORMAT}: use the version that wrote it")
    if not _lists_files(state.get("files")):
        raise ValueError(f"{path} does not list its files with size and checksum, {MODEL} among them: this is none of ours")
    return state


def _lists_files(value: Any) -> bool:
    """A checksum shows what was damaged, not who wrote it: names that lead elsewhere are refused."""
    return (
        isinstance(value, dict)
        and {MODEL} <= value.keys() <= {MODEL, CONFIG, OPTIMIZER}
        and all(isinstance(entry, dict) and entry.keys() == {"bytes", "sha256"} for entry in value.values())
    )


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1).encode() + b"\n"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _to_bytes(arrays: dict[str, np.ndarray]) -> bytes:
    return _safetensors().save({name: np.ascontiguousarray(array) for name, array in arrays.items()})


def _from_bytes(content: bytes) -> dict[str, np.ndarray]:
    return _safetensors().load(content)


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ImportError as error:
        raise ImportError("checkpoints need safetensors: pip install tinyllm[train]") from error
    return safetensors.numpy
