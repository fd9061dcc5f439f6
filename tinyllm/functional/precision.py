"""Matrix products in fewer bits: operands of 16 bits, sums in float32. Weights, activations and gradients stay float32.

| | sign, exponent, mantissa | |
|---|---|---|
| float16 | 1, 5, 10 | overflows beyond 65,504: scale the loss (`tinyllm.training.loss_scaling`) |
| bfloat16 | 1, 8, 7 | float32's range, so nothing overflows that did not before |
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import numpy as np

from .. import backend

PRECISIONS = ("float32", "float16", "bfloat16")
_precision: ContextVar[str] = ContextVar("precision", default="float32")


@contextlib.contextmanager
def precision(name: str) -> Iterator[None]:
    """Inside, the twin of `linear` rounds both operands of its products, forward and backward, to "bfloat16" or "float16".

    The parameters are the float32 master weights: they are rounded for the product, never in place, and gradients arrive in
    float32. The gradient's way back is a product like the others, so take `backward()` inside too. Formulas as their
    definitions, attention (whose kernel keeps its sums in registers) and float64 do as always.

    On a GPU these are products of tensor cores; elsewhere the rounding is done and the product stays float32: the same numbers,
    no speed. TF32, float32 with ten bits of mantissa in products, is no mode of ours: set CUPY_TF32=1 before the first product.

    Raises ValueError for another name. Source: Micikevicius et al. 2018, §3.1; Kalamkar et al. 2019, §3.
    """
    if name not in PRECISIONS:
        raise ValueError(f"precision({name!r}): choose {', '.join(map(repr, PRECISIONS))}")
    token = _precision.set(name)
    try:
        yield
    finally:
        _precision.reset(token)


def precision_in_force() -> str:
    return _precision.get()


def product(a: Any, b: Any) -> Any:
    """a @ b of two matrices (M, K), (K, N) → (M, N), in the precision in force."""
    name = _precision.get()
    if name == "float32" or a.dtype != np.float32 or b.dtype != np.float32:
        return a @ b
    if backend.multiplies_16_bits(a):
        return backend.product_16_bits(_bits(a, name), _bits(b, name), name)
    return rounded(a, name) @ rounded(b, name)


def rounded(x: Any, name: str) -> Any:
    """float32 x with the nearest number of 16 bits in every place, halves to even."""
    if name == "float16":
        with np.errstate(over="ignore"):
            return x.astype(np.float16).astype(np.float32)
    return (_bfloat16(x).astype(np.uint32) << 16).view(np.float32)


def _bits(x: Any, name: str) -> Any:
    return x.astype(np.float16) if name == "float16" else _bfloat16(x)


ROUND = """
    const unsigned bits = __float_as_uint(x);
    y = x != x ? bits >> 16 | 0x40 : (bits + (0x7fff + (bits >> 16 & 1))) >> 16;
"""


def _bfloat16(x: Any) -> Any:
    """The upper halves of float32's bits (uint16), laid out as x is.

    Adding 0x7fff, and one more where the last bit kept is odd, carries into it when the lower half is more than a half, or a
    half and odd. The largest numbers become infinite, as they should; a NaN could too, so it gets a bit that stays.
    """
    if backend.has_kernels() and not isinstance(x, np.ndarray):
        return backend.elementwise_kernel("float32 x", "uint16 y", ROUND, "tinyllm_bfloat16")(x)
    bits = x.view(np.uint32)
    up = (bits + (0x7FFF + ((bits >> 16) & 1))) >> 16
    nan = (bits >> 16) | 0x40
    return np.where(x != x, nan, up).astype(np.uint16)
