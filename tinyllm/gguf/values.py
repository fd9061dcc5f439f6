"""A reader of GGUF's values. It trusts no number in the file: a count is compared with the bytes that are left first."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

LARGEST_HEADER = 64 << 20
"""Metadata and the table of tensors; a vocabulary of 256,000 tokens with its merges takes about 15 MiB."""
MOST_ITEMS = 1 << 21            # in all lists together: a Python object takes more memory than its bytes in the file
DEEPEST = 4                     # arrays in arrays

SCALARS: dict[int, np.dtype] = {
    0: np.dtype("u1"), 1: np.dtype("i1"), 2: np.dtype("<u2"), 3: np.dtype("<i2"), 4: np.dtype("<u4"), 5: np.dtype("<i4"),
    6: np.dtype("<f4"), 7: np.dtype("?"), 10: np.dtype("<u8"), 11: np.dtype("<i8"), 12: np.dtype("<f8"),
}
STRING, ARRAY = 8, 9
SMALLEST_STRING, SMALLEST_ARRAY = 8, 12         # bytes of an empty one: its length; its kind and length


class Reader:
    """Reads value after value from the beginning of a file. ValueError where the bytes end too early or make no sense."""

    def __init__(self, data: np.ndarray, path: object) -> None:
        """`data` (n,) uint8: the file, or as much of it as may be a header."""
        self._bytes = data[:LARGEST_HEADER].data
        self._whole = len(data) <= LARGEST_HEADER
        self.path, self.place = path, 0
        self._items = 0

    def fail(self, message: str) -> ValueError:
        """The error to raise: what is wrong, and where."""
        return ValueError(f"{self.path}, byte {self.place:,}: {message}")

    def take(self, n: int, what: str) -> memoryview:
        """The next n bytes."""
        left = len(self._bytes) - self.place
        if n > left:
            why = "the file ends" if self._whole else f"a header has at most {LARGEST_HEADER >> 20} MiB and ends"
            raise self.fail(f"{what} needs {n:,} bytes, {why} after {left:,}: download the file again")
        self.place += n
        return self._bytes[self.place - n : self.place]

    def u32(self, what: str) -> int:
        return int(struct.unpack("<I", self.take(4, what))[0])

    def u64(self, what: str) -> int:
        return int(struct.unpack("<Q", self.take(8, what))[0])

    def string(self, what: str) -> str:
        """A length (8 bytes) and as many bytes of UTF-8."""
        length = self.u64(what)
        data = self.take(length, what)
        try:
            return str(data, "utf-8")
        except UnicodeDecodeError as error:
            raise self.fail(f"{what} is not UTF-8 ({error.reason}): this is no intact GGUF file") from None

    def value(self, what: str) -> Any:
        """The number of a kind (4 bytes), then a value of that kind: bool, int, float, str, or an array of them.

        An array of numbers answers a NumPy array of its type, any other a list.
        """
        return self._of_kind(self.u32(what), what, DEEPEST)

    def _of_kind(self, kind: int, what: str, depth: int) -> Any:
        if kind in SCALARS:
            return self._numbers(SCALARS[kind], 1, what)[0].item()
        if kind == STRING:
            return self.string(what)
        if kind == ARRAY:
            return self._array(what, depth)
        raise self.fail(f"{what} is of kind {kind}: GGUF has kinds 0 to 12")

    def _array(self, what: str, depth: int) -> Any:
        if not depth:
            raise self.fail(f"{what} has arrays in arrays more than {DEEPEST} deep: no model needs that")
        kind, length = self.u32(what), self.u64(what)
        if kind in SCALARS:
            return self._numbers(SCALARS[kind], length, what)
        smallest = {STRING: SMALLEST_STRING, ARRAY: SMALLEST_ARRAY}.get(kind, 1)
        if length * smallest > len(self._bytes) - self.place:
            raise self.fail(f"{what} claims {length:,} items, more than the file has room for: download the file again")
        self._items += length
        if self._items > MOST_ITEMS:
            raise self.fail(f"{what} brings the items of all lists to {self._items:,}: no model needs more than {MOST_ITEMS:,}")
        return [self._of_kind(kind, what, depth - 1) for _ in range(length)]

    def _numbers(self, dtype: np.dtype, length: int, what: str) -> np.ndarray:
        data = self.take(length * dtype.itemsize, what)
        if dtype.kind == "b" and max(data, default=0) > 1:
            raise self.fail(f"{what} is a truth value, a byte 0 or 1, but holds {max(data)}")
        return np.frombuffer(data, dtype).copy()
