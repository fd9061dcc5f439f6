"""The container: magic, version, metadata, the table of tensors, then their bytes."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .formats import FORMATS, Format, dequantize
from .values import Reader

MAGIC, VERSIONS = b"GGUF", (2, 3)
LONGEST_KEY, LONGEST_NAME, MOST_DIMENSIONS = 65535, 64, 4       # bytes, bytes; the format's own limits
MOST_ENTRIES = 1 << 16                                          # of metadata, and tensors
LARGEST_TENSOR = 1 << 36                                        # weights; no product beyond it is looked at further
ALIGNMENT = "general.alignment"


class TensorInfo(NamedTuple):
    """A tensor as the table has it; its bytes are `start` to `start` + `n_bytes` of the file."""

    shape: tuple[int, ...]
    format: Format
    start: int
    n_bytes: int


class GGUF:
    """A GGUF file, versions 2 and 3, little-endian. The file is mapped, not read: only what is used costs memory.

        file = GGUF("model.gguf")
        file.version, file.metadata["llama.block_count"], file.tensors["blk.0.attn_q.weight"].shape
        file.tensor("blk.0.attn_q.weight")                          # (out, in) float32

    `metadata` maps keys to bool, int, float, str, NumPy arrays (of numbers) and lists (of strings or arrays). Shapes are
    NumPy's: the file's first size is the last axis, along which values lie side by side.

    Raises FileNotFoundError without the file, and ValueError for whatever is not as the format has it: every count and every
    offset is compared with the file's size before anything is read there, and no two tensors share bytes.

    Source: ggml's description of the format (docs/gguf.md).
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise FileNotFoundError(f"there is no file {self.path}: name a .gguf file")
        if not self.path.stat().st_size:
            raise ValueError(f"{self.path} is empty: download the file again")
        self._data = np.memmap(self.path, np.uint8, mode="r")
        reader = Reader(self._data, self.path)
        self.version = _version(reader)
        n_tensors, n_entries = _count(reader, "tensors"), _count(reader, "metadata entries")
        self.metadata: dict[str, Any] = {}
        for _ in range(n_entries):
            key = _name(reader, "a key", LONGEST_KEY, self.metadata)
            self.metadata[key] = reader.value(key)
        table: dict[str, tuple[tuple[int, ...], Format, int, int]] = {}
        for _ in range(n_tensors):
            name = _name(reader, "a tensor's name", LONGEST_NAME, table)
            table[name] = _entry(reader, name)
        alignment = self.metadata.get(ALIGNMENT, 32)
        if type(alignment) is not int or not 1 <= alignment <= 1 << 20 or alignment & alignment - 1:
            raise ValueError(f"{self.path}: {ALIGNMENT} is {alignment!r}: it must be a power of two, at most {1 << 20:,}")
        start = -(-reader.place // alignment) * alignment
        self.tensors = {name: self._placed(name, entry, start, alignment) for name, entry in table.items()}
        self._check_apart()

    def tensor(self, name: str) -> np.ndarray:
        """A tensor's weights, float32, in its shape. Raises KeyError for a name that the file does not have."""
        if name not in self.tensors:
            raise KeyError(f"{self.path} has no tensor {name!r}")
        info = self.tensors[name]
        return dequantize(np.asarray(self._data[info.start : info.start + info.n_bytes]), info.format).reshape(info.shape)

    def _placed(
        self, name: str, entry: tuple[tuple[int, ...], Format, int, int], start: int, alignment: int
    ) -> TensorInfo:
        shape, kind, n_bytes, offset = entry
        if offset % alignment:
            raise ValueError(f"{self.path}: tensor {name} begins at {offset:,}, not at a multiple of {alignment}")
        if start + offset + n_bytes > len(self._data):
            raise ValueError(
                f"{self.path}: tensor {name} ends at byte {start + offset + n_bytes:,}, the file at {len(self._data):,}: "
                "download the file again"
            )
        return TensorInfo(shape, kind, start + offset, n_bytes)

    def _check_apart(self) -> None:
        """A small file must not hold many large tensors, all of the same bytes."""
        end, before = 0, ""
        for name, info in sorted(self.tensors.items(), key=lambda item: item[1].start):
            if info.start < end:
                raise ValueError(f"{self.path}: tensors {before} and {name} share bytes: this is no intact GGUF file")
            end, before = info.start + info.n_bytes, name

    def __repr__(self) -> str:
        what = self.metadata.get("general.architecture", "of no architecture")
        return f"GGUF({str(self.path)!r}: {what}, {len(self.tensors)} tensors)"


def _version(reader: Reader) -> int:
    if bytes(reader.take(4, "the magic number")) != MAGIC:
        raise ValueError(f"{reader.path} is no GGUF file: it does not begin with the letters GGUF")
    version = reader.u32("the version")
    if version not in VERSIONS:
        swapped = int.from_bytes(version.to_bytes(4, "little"), "big")
        what = "is big-endian" if swapped in VERSIONS else f"is of version {version}"
        raise ValueError(f"{reader.path} {what}: this code reads versions 2 and 3, little-endian; convert the file anew")
    return version


def _count(reader: Reader, what: str) -> int:
    count = reader.u64(f"the number of {what}")
    if count > MOST_ENTRIES:
        raise reader.fail(f"the file claims {count:,} {what}: no model needs more than {MOST_ENTRIES:,}")
    return count


def _name(reader: Reader, what: str, longest: int, taken: dict[str, Any]) -> str:
    name = reader.string(what)
    if not name or len(name.encode()) > longest:
        raise reader.fail(f"{what} has {len(name.encode()):,} bytes: 1 to {longest:,} are allowed")
    if not name.isprintable():
        raise reader.fail(f"{what} is {name!r}: names are letters and signs that can be printed")
    if name in taken:
        raise reader.fail(f"{name!r} comes twice: this is no intact GGUF file")
    return name


def _entry(reader: Reader, name: str) -> tuple[tuple[int, ...], Format, int, int]:
    """shape, format, number of bytes and offset of the next tensor in the table."""
    n_dimensions = reader.u32(name)
    if not 1 <= n_dimensions <= MOST_DIMENSIONS:
        raise reader.fail(f"tensor {name} has {n_dimensions} dimensions: 1 to {MOST_DIMENSIONS} are allowed")
    shape = tuple(reader.u64(name) for _ in range(n_dimensions))[::-1]
    size = math.prod(shape)                         # Python's integers do not overflow
    if not 1 <= size <= LARGEST_TENSOR:
        raise reader.fail(f"tensor {name} has shape {shape}: sizes are at least 1, their product at most {LARGEST_TENSOR:,}")
    number = reader.u32(name)
    if number not in FORMATS:
        known = ", ".join(kind.name for kind in FORMATS.values())
        raise reader.fail(f"tensor {name} is in format {number}, which this code does not read: convert it to one of {known}")
    kind = FORMATS[number]
    if shape[-1] % kind.block_size:
        raise reader.fail(f"tensor {name} has rows of {shape[-1]}: {kind.name} needs a multiple of {kind.block_size}")
    return shape, kind, size // kind.block_size * kind.block_bytes, reader.u64(name)
