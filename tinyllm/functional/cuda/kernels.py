"""From a .cu file to a launch: the source as CuPy compiles it, and the arguments as a kernel takes them."""

from __future__ import annotations

import functools
import math
from pathlib import Path
from typing import Any

import numpy as np

from ... import backend

THREADS = 128
"""In a block: four warps."""
TYPES = {np.dtype(np.float32): ("float", "3.402823466e38f"), np.dtype(np.float64): ("double", "1.797693134862315e308")}
"""NumPy's dtype → C's type, which the kernels call T, and its largest number."""


@functools.cache
def source(file: str, dtype: np.dtype, **constants: int) -> str:
    """The text of a .cu file for one dtype, with what the files share and the constants given in front."""
    folder = Path(__file__).parent
    name, largest = TYPES[dtype]
    head = [f"typedef {name} T;", f"#define LARGEST T({largest})", *(f"#define {key} {n}" for key, n in constants.items())]
    return "\n".join([*head, (folder / "common.cuh").read_text("utf-8"), (folder / f"{file}.cu").read_text("utf-8")])


def launch(file: str, name: str, blocks: tuple[int, ...], like: Any, *args: Any, **constants: int) -> None:
    """Run a kernel on `blocks` blocks of THREADS threads. T is like's dtype; of args, ints become Index, floats T, bools int.

    No blocks, no launch: an empty array is nobody's work.
    """
    if not math.prod(blocks):
        return
    kernel = backend.raw_kernel(source(file, like.dtype, **constants), name)
    kernel(blocks, (THREADS,), tuple(_argument(a, like) for a in args))


def _argument(a: Any, like: Any) -> Any:
    if isinstance(a, bool):
        return np.int32(a)
    if isinstance(a, int):
        return np.int64(a)
    return like.dtype.type(a) if isinstance(a, float) else a


def warps_for(n_rows: int) -> tuple[int]:
    """Blocks that hold one warp for each row."""
    return (-(-n_rows // (THREADS // 32)),)


def packed(x: Any) -> Any:
    """x with its entries side by side in memory, row after row, as kernels without strides walk it; itself if it is so."""
    return x.astype(x.dtype, order="C", copy=False)


def rows(x: Any) -> Any:
    """(..., C) as a packed (N, C)."""
    return packed(x).reshape(math.prod(x.shape[:-1]), x.shape[-1])
