"""cublasGemmEx as cupy.cuda.cublas has it: addresses in, a product in memory. Columns first, as cuBLAS counts."""

from __future__ import annotations

import ctypes
import types

import numpy as np

FLOAT32, FLOAT16, BFLOAT16, COMPUTE_32F = 0, 2, 14, 68
HANDLE = 1


def get_cublas_handle() -> int:
    return HANDLE


def _columns(address: int, rows: int, columns: int, leading: int, kind: int) -> np.ndarray:
    """The matrix at an address: entry (i, j) at j * leading + i."""
    if leading < rows:
        raise ValueError(f"a column of {rows} does not fit a leading dimension of {leading}")
    c_type = ctypes.c_float if kind == FLOAT32 else ctypes.c_uint16
    flat = np.ctypeslib.as_array(ctypes.cast(address, ctypes.POINTER(c_type)), (columns * leading,))
    return flat.reshape(columns, leading)[:, :rows].T


def _numbers(x: np.ndarray, kind: int) -> np.ndarray:
    if kind == FLOAT16:
        return np.ascontiguousarray(x).view(np.float16).astype(np.float32)
    return (x.astype(np.uint32) << 16).view(np.float32)


def gemmEx(
    handle: int, turn_a: int, turn_b: int, m: int, n: int, k: int, alpha: int, a: int, a_kind: int, lda: int, b: int,
    b_kind: int, ldb: int, beta: int, c: int, c_kind: int, ldc: int, compute: int, algorithm: int,
) -> None:
    """C = op(A) op(B), (m, n) = (m, k) (k, n), of 16-bit operands into float32."""
    if (handle, c_kind, compute) != (HANDLE, FLOAT32, COMPUTE_32F) or a_kind != b_kind or a_kind not in (FLOAT16, BFLOAT16):
        raise ValueError("the stand-in multiplies 16-bit numbers of one kind into float32")
    if [ctypes.cast(p, ctypes.POINTER(ctypes.c_float))[0] for p in (alpha, beta)] != [1.0, 0.0]:
        raise ValueError("the stand-in knows alpha = 1 and beta = 0")
    left = _columns(a, *((k, m) if turn_a else (m, k)), lda, a_kind)
    right = _columns(b, *((n, k) if turn_b else (k, n)), ldb, b_kind)
    left, right = _numbers(left, a_kind), _numbers(right, b_kind)
    _columns(c, m, n, ldc, c_kind)[...] = (left.T if turn_a else left) @ (right.T if turn_b else right)


def module() -> types.ModuleType:
    made = types.ModuleType("cupy.cuda.cublas")
    made.gemmEx = gemmEx
    return made
