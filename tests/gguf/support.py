"""A writer of GGUF files, small enough to be seen right: what the reader's tests read."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)
CODES = {U8: "B", I8: "b", U16: "H", I16: "h", U32: "I", I32: "i", F32: "f", BOOL: "?", U64: "Q", I64: "q", F64: "d"}
Typed = tuple[int, Any]         # (kind, value); an array: (ARRAY, (kind, [values]))


def string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def value(kind: int, what: Any) -> bytes:
    if kind == STRING:
        return string(what)
    if kind == ARRAY:
        inner, items = what
        return struct.pack("<IQ", inner, len(items)) + b"".join(value(inner, item) for item in items)
    return struct.pack("<" + CODES[kind], what)


def entry(name: str, shape: tuple[int, ...], number: int, offset: int) -> bytes:
    """A row of the table of tensors; shape as NumPy has it."""
    sizes = struct.pack(f"<{len(shape)}Q", *reversed(shape))
    return string(name) + struct.pack("<I", len(shape)) + sizes + struct.pack("<IQ", number, offset)


def gguf(
    metadata: dict[str, Typed], tensors: dict[str, tuple[tuple[int, ...], int, bytes]], alignment: int = 32, version: int = 3
) -> bytes:
    """The file with this metadata and these tensors: name → (shape, number of the format, bytes)."""
    pairs = b"".join(string(key) + struct.pack("<I", kind) + value(kind, what) for key, (kind, what) in metadata.items())
    table, data = b"", b""
    for name, (shape, number, content) in tensors.items():
        data += bytes(-len(data) % alignment)
        table += entry(name, shape, number, len(data))
        data += content
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(metadata)) + pairs + table
    return head + bytes(-len(head) % alignment) + data


def floats(array: np.ndarray) -> tuple[tuple[int, ...], int, bytes]:
    """An array as a tensor in format F32."""
    return array.shape, 0, np.ascontiguousarray(array, "<f4").tobytes()
