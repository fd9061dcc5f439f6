"""What the fused twins share. A twin is the same formula in fewer passes over memory; four measures bring most of the speed:

- one node in the graph instead of ten, and nothing kept but what the gradient needs;
- work in place (`out=`) in arrays that the twin made itself;
- chains of elementwise steps run over tiles that stay in the cache between the steps;
- sums over rows and columns are products with a vector of ones, which BLAS does at several times the speed of `sum`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import backend
from ..autograd import Tensor, modes

KERNEL_DTYPES = {np.dtype(np.float32), np.dtype(np.float64)}
TILE = 1 << 16
"""Elements in a tile: 256 KiB of float32. On a GPU, where a launch costs more than a pass, the tile is everything."""


def in_kernels(*arguments: Any) -> bool:
    """Whether a formula called with these runs as CUDA kernels: twins are on, and arrays of floats are a GPU's, of one dtype
    (float32 or float64). Numbers and arrays of other kinds may stand among them."""
    if not backend.has_kernels() or modes.current().formulas_only:
        return False
    arrays = [a.data if isinstance(a, Tensor) else a for a in arguments]
    dtypes = {a.dtype for a in arrays if backend.is_array(a) and a.dtype.kind == "f"}
    return len(dtypes) == 1 and dtypes <= KERNEL_DTYPES and not any(isinstance(a, np.ndarray) for a in arrays)


def matrix(x: Any) -> Any:
    """(..., C) as (N, C); a view where x's strides allow."""
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


def ones(n: int, like: Any) -> Any:
    """n ones of the dtype and place of `like`: `x @ ones(C, x)` sums rows, `ones(N, x) @ x` sums columns."""
    return np.ones_like(like, shape=n)


def tile_size(like: Any, width: int = 1) -> int:
    """How many rows of this width make a tile."""
    return max(1, TILE // max(1, width)) if isinstance(like, np.ndarray) else max(1, len(like))


def tiles(x: Any) -> Iterator[slice]:
    """Slices of x's first axis, a tile each."""
    step = tile_size(x, math.prod(x.shape[1:]))
    for start in range(0, len(x), step):
        yield slice(start, min(start + step, len(x)))


def scratch(x: Any) -> Any:
    """An array to work in, as large as the largest of x's tiles."""
    return np.empty_like(x, shape=(min(tile_size(x, math.prod(x.shape[1:])), len(x)), *x.shape[1:]))
