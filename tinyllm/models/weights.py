"""Weights as files: one model.safetensors, or several of them with an index that says which array is in which.

A file may come from anywhere. The safetensors library checks that every array lies inside its file; here names, numbers of
files and dtypes are bounded, and an array's numbers are read when they are asked for, after its shape was compared.
"""

from __future__ import annotations

import json
import math
import os
import re
import struct
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
LARGEST_JSON, MOST_FILES = 1 << 24, 256
DTYPES = ("BF16", "F16", "F32", "F64")

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\.safetensors")
_OURS = re.compile(r"model(-\d{5}-of-\d{5})?\.safetensors(\.index\.json)?")


class Entry(NamedTuple):
    """Where an array is, and what the file says of it."""

    path: Path
    dtype: str
    shape: tuple[int, ...]


class Weights(Mapping[str, Entry]):
    """The arrays in a folder's files: `weights[name]` knows shape and dtype, `weights.read(name)` the numbers."""

    def __init__(self, files: Mapping[Path, Any]) -> None:
        self._files = files
        self._headers: dict[Path, tuple[int, dict]] = {}
        self._entries: dict[str, Entry] = {}
        for path, file in files.items():
            for name in file.keys():  # noqa: SIM118  (no dict)
                piece = file.get_slice(name)
                if name in self._entries:
                    raise ValueError(f"{name} is in {self._entries[name].path.name} and in {path.name}: keep one of them")
                self._entries[name] = Entry(path, piece.get_dtype(), tuple(piece.get_shape()))

    def __getitem__(self, name: str) -> Entry:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def read(self, name: str) -> np.ndarray:
        """The numbers, in float64, float32 or float16; bfloat16 becomes float32. Raises ValueError for other dtypes."""
        path, dtype, _ = self[name]
        if dtype not in DTYPES:
            raise ValueError(f"{name} is {dtype}, none of {', '.join(DTYPES)}")
        return self._bfloat16(name) if dtype == "BF16" else self._files[path].get_tensor(name)

    def _bfloat16(self, name: str) -> np.ndarray:
        """NumPy has no bfloat16. It is the upper half of a float32: the lower half is filled with zeros."""
        path, _, shape = self[name]
        with open(path, "rb") as file:
            if path not in self._headers:
                (length,) = struct.unpack("<Q", file.read(8))
                self._headers[path] = 8 + length, json.loads(file.read(length))
            start, header = self._headers[path]
            file.seek(start + header[name]["data_offsets"][0])
            halves = np.fromfile(file, "<u2", math.prod(shape))
        if halves.size != math.prod(shape):
            raise ValueError(f"{path} ends inside {name}: it was changed while it was read")
        return (halves.astype(np.uint32) << 16).view(np.float32).reshape(shape)


@contextmanager
def opened(folder: Path) -> Iterator[Weights]:
    """The weights of a folder, while the block lasts.

    Raises FileNotFoundError where there are none, ValueError for files that are damaged or an index that does not fit them.
    """
    safetensors = library()
    with ExitStack() as stack:
        index = None if (folder / WEIGHTS).is_file() else _read_index(folder)
        files = {}
        for path in [folder / WEIGHTS] if index is None else sorted({folder / file for file in index.values()}):
            if not path.is_file():
                raise FileNotFoundError(f"{path} is missing, {INDEX} lists it: the download is not complete")
            try:
                files[path] = stack.enter_context(safetensors.safe_open(path, framework="numpy"))
            except safetensors.SafetensorError as error:
                raise ValueError(f"{path} is damaged or no safetensors file: {error}") from error
        weights = Weights(files)
        if odd := [name for name in weights if not name.isprintable()]:
            raise ValueError(f"{folder} names an array {odd[0]!r}: names are letters and signs that can be printed")
        if index is not None:
            found = {name: entry.path.name for name, entry in weights.items()}
            if wrong := sorted(name for name in index.keys() | found.keys() if index.get(name) != found.get(name)):
                raise ValueError(f"{folder / INDEX} and the files it lists disagree on {wrong[0]}: they are not of one model")
        yield weights


def _read_index(folder: Path) -> dict[str, str]:
    """Array name → file name, each the plain name of a file that is beside the index.

    Such a file may be a symbolic link, as in the Hugging Face cache, where every file is one.
    """
    path = folder / INDEX
    if not path.is_file():
        others = [name for name in ("pytorch_model.bin", "pytorch_model.bin.index.json") if (folder / name).exists()]
        why = f"; its {others[0]} is a pickle, which can run code: convert it to safetensors" if others else ""
        raise FileNotFoundError(f"{folder} has no {WEIGHTS} and no {INDEX}: give a folder that save_pretrained wrote{why}")
    values = read_json(path, LARGEST_JSON)
    index = values.get("weight_map")
    if not isinstance(index, dict) or not index:
        raise ValueError(f"{path} has no weight_map, from the names of arrays to those of files")
    for name, file in index.items():
        if not isinstance(file, str) or not _PLAIN.fullmatch(file):
            raise ValueError(f"{path} says that {name} is in {file!r}: only files beside it, *.safetensors, are read")
    if len(set(index.values())) > MOST_FILES:
        raise ValueError(f"{path} lists {len(set(index.values()))} files: at most {MOST_FILES} are read")
    return index


def read_json(path: Path, largest: int) -> dict[str, Any]:
    """The object in a JSON file. Raises ValueError if it is larger than `largest` bytes, or no JSON object."""
    if path.stat().st_size > largest:
        raise ValueError(f"{path} has {path.stat().st_size:,} bytes: such a file has at most {largest:,}")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is no JSON: {error}") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path} holds a {type(values).__name__}, not an object with names and values")
    return values


def write(folder: Path, arrays: Mapping[str, np.ndarray], metadata: dict[str, str], max_shard_size: int) -> None:
    """Write the arrays as one file, or, above max_shard_size bytes, as several with an index. Those of an older save go.

    Each file takes the place of an older one in one step; what a reader would look at first goes last.
    """
    save = library().numpy.save_file
    shards = list(_shards(arrays, max_shard_size))
    n = len(shards)
    names = [WEIGHTS] if n == 1 else [f"model-{i:05}-of-{n:05}.safetensors" for i in range(1, n + 1)]
    for name, shard in zip(names, shards, strict=True):
        with replacing(folder / name) as path:
            save({key: np.ascontiguousarray(arrays[key]) for key in shard}, path, metadata=metadata)
    if n > 1:
        index = {key: name for name, shard in zip(names, shards, strict=True) for key in shard}
        total = sum(array.nbytes for array in arrays.values())
        with replacing(folder / INDEX) as path:
            text = json.dumps({"metadata": {"total_size": total}, "weight_map": index}, indent=2)
            path.write_text(text + "\n", encoding="utf-8")
        names.append(INDEX)
    for old in folder.iterdir():
        if _OURS.fullmatch(old.name) and old.name not in names:
            old.unlink()


def _shards(arrays: Mapping[str, np.ndarray], most: int) -> Iterator[list[str]]:
    """The names in runs of at most `most` bytes; an array above that has a file of its own."""
    if not isinstance(most, int) or most < 1:
        raise ValueError(f"max_shard_size is {most!r}: give the number of bytes that a file may have")
    shard: list[str] = []
    size = 0
    for name, array in arrays.items():
        if shard and size + array.nbytes > most:
            yield shard
            shard, size = [], 0
        shard.append(name)
        size += array.nbytes
    yield shard


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Inside, write to the path given: at the end it takes the place of `path` in one step, after an error it is removed."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        yield beside
        with open(beside, "rb+") as file:
            os.fsync(file.fileno())                   # the bytes before the name: else a power cut leaves an empty file
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def library() -> Any:
    """The safetensors package. Raises ImportError that names the extra."""
    try:
        import safetensors
        import safetensors.numpy
    except ImportError as error:
        raise ImportError("models are saved with safetensors: pip install tinyllm[train]") from error
    return safetensors
