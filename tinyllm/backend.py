"""Where arrays live: NumPy on the CPU, CuPy on the GPU. The only module that names cupy.

Formulas need nothing from here: NumPy's functions dispatch on the array they are given, `np.exp(cupy_array)` runs on the GPU.
What dispatch can't decide is decided here: where a new array is made, what its dtype is, and which random generator draws.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import math
import os
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np

DTYPE = np.float32
"""What Python floats and new parameters become. Gradient checks ask for float64 by name."""

Array = Any
"""numpy.ndarray or cupy.ndarray: one name, so that the core imports without CuPy."""


# ---------------------------------------------------------------- devices

def available_cores() -> int:
    """The cores that this process may use, which may be fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cupy() -> ModuleType:
    try:
        import cupy
    except ImportError as error:
        raise RuntimeError("device 'cuda' needs CuPy: pip install tinyllm[gpu], on a machine with an NVIDIA GPU") from error
    return cupy


def _cupy_if_loaded() -> ModuleType | None:
    """An array can only be CuPy's when somebody imported it: looking does not import it."""
    return sys.modules.get("cupy")


def on_gpu() -> bool:
    """Whether arrays of a GPU can be about: CuPy is in use."""
    return "cupy" in sys.modules


def is_array(x: object) -> bool:
    """Whether x is a raw array of either library (a Tensor is not, nor is a NumPy scalar)."""
    if isinstance(x, np.ndarray):
        return True
    cupy = _cupy_if_loaded()
    return cupy is not None and isinstance(x, cupy.ndarray)


def device_of(array: Array) -> str:
    """'cpu', or 'cuda:0', 'cuda:1', …"""
    if isinstance(array, np.ndarray | np.generic):
        return "cpu"
    return f"cuda:{array.device.id}"


def _cuda_index(device: str) -> int:
    name, _, index = device.partition(":")
    if name != "cuda" or not (index.isdecimal() or index == ""):
        raise ValueError(f"no device {device!r}: choose 'cpu', 'cuda' or 'cuda:N'")
    return int(index or 0)


def to_device(array: Array, device: str) -> Array:
    """The array itself if it is there already, else a copy on the device.

    Raises ValueError for a name that is no device, RuntimeError where CuPy or the GPU is missing.
    """
    if device == "cpu":
        return to_numpy(array)
    index = _cuda_index(device)
    cupy = _cupy()
    count = cupy.cuda.runtime.getDeviceCount()
    if index >= count:
        raise RuntimeError(f"no device {device!r}: this machine has {count} GPU(s); choose 'cpu' or a smaller number")
    if is_array(array) and device_of(array) == f"cuda:{index}":
        return array
    with cupy.cuda.Device(index):
        return cupy.asarray(array)


def use_device(device: str) -> str:
    """Make a GPU the one that this thread computes on; the name, made whole. CuPy asks for it where it is not the first.

    Raises as `to_device`.
    """
    if device == "cpu":
        return device
    device = f"cuda:{_cuda_index(device)}"
    to_device(np.zeros(0), device)                      # is there one?
    _cupy().cuda.Device(_cuda_index(device)).use()
    return device


def to_numpy(array: Array) -> np.ndarray:
    """The array on the host: itself if it is NumPy's, a copy if it is on a GPU."""
    cupy = _cupy_if_loaded()
    if cupy is not None and isinstance(array, cupy.ndarray):
        return cupy.asnumpy(array)
    return np.asarray(array)


def asarray(data: Any, dtype: Any = None, device: str | None = None) -> Array:
    """An array of data: arrays keep their dtype and place, Python floats (and lists of them) become float32.

    NumPy would make them float64, and one float64 array turns everything it meets into float64.
    Raises TypeError for what is no rectangular array of numbers or booleans.
    """
    if not is_array(data):
        from_python = not isinstance(data, np.generic)
        try:
            data = np.asarray(data)
        except ValueError as error:
            raise TypeError(f"not a rectangular array of numbers: {error}") from None
        if from_python and dtype is None and data.dtype == np.float64:
            data = data.astype(DTYPE)
    if data.dtype.kind not in "biuf" and dtype is None:
        raise TypeError(f"dtype {data.dtype} is none of bool, integer, float: convert the data to numbers first")
    if dtype is not None and data.dtype != dtype:
        data = data.astype(dtype)
    return data if device is None else to_device(data, device)


# ---------------------------------------------------------------- kernels

def has_kernels() -> bool:
    """Whether CuPy is in use and can compile CUDA (a stand-in for it may lack the compiler)."""
    return hasattr(_cupy_if_loaded(), "RawKernel")


def raw_kernel(source: str, name: str) -> Any:
    """A function of CUDA C++, `kernel(blocks, threads, arguments)`; compiled at its first call, made once."""
    return _raw_kernel(_cupy(), source, name)


def elementwise_kernel(inputs: str, outputs: str, body: str, name: str) -> Any:
    """CuPy's `ElementwiseKernel`: the body runs for every entry of arrays that broadcast together; made once."""
    return _elementwise_kernel(_cupy(), inputs, outputs, body, name)


@functools.lru_cache(maxsize=256)
def _raw_kernel(cupy: ModuleType, source: str, name: str) -> Any:
    return cupy.RawKernel(source, name)


@functools.lru_cache(maxsize=256)
def _elementwise_kernel(cupy: ModuleType, inputs: str, outputs: str, body: str, name: str) -> Any:
    return cupy.ElementwiseKernel(inputs, outputs, body, name)


# ---------------------------------------------------------------- products of 16-bit numbers

def multiplies_16_bits(array: Array) -> bool:
    """Whether `product_16_bits` works where the array lives: on a GPU, through cuBLAS."""
    cupy = _cupy_if_loaded()
    return cupy is not None and isinstance(array, cupy.ndarray) and hasattr(cupy.cuda, "cublas")


def product_16_bits(a: Array, b: Array, kind: str) -> Array:
    """a @ b in float32, (M, K) times (K, N), of float16 or bfloat16 numbers (CuPy lacks these: their bits, as uint16).

    cuBLAS reads columns first, so our rows are its columns: it is asked for (a b)ᵀ = bᵀ aᵀ, and a matrix that lies in memory
    row after row is its transpose, ready made.
    """
    cupy = _cupy()
    blas, (m, k), n = cupy.cuda.cublas, a.shape, b.shape[1]
    y = cupy.zeros((m, n), cupy.float32)
    if not y.size or not k:
        return y
    (a, a_turned), (b, b_turned) = (
        (x.T, 1) if x.T.flags.c_contiguous else (x.astype(x.dtype, order="C", copy=False), 0) for x in (a, b)
    )
    one, zero = np.ones((), np.float32), np.zeros((), np.float32)
    bits, full = (CUDA_TYPES[name] for name in (kind, "float32"))
    blas.gemmEx(
        cupy.cuda.device.get_cublas_handle(), b_turned, a_turned, n, m, k, one.ctypes.data, b.data.ptr, bits, b.shape[1],
        a.data.ptr, bits, a.shape[1], zero.ctypes.data, y.data.ptr, full, n, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT,
    )
    return y


CUDA_TYPES = {"float32": 0, "float16": 2, "bfloat16": 14}         # cudaDataType_t
CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT = 68, -1                  # 0 and 1 say: as it is, transposed


# ---------------------------------------------------------------- several GPUs

def nccl() -> ModuleType:
    """NCCL, NVIDIA's library that sends between GPUs, through CuPy. Raises RuntimeError where it is missing."""
    _cupy()
    from cupy.cuda import nccl

    if not nccl.available:
        raise RuntimeError("several ranks with a GPU each need NCCL: install it beside CuPy (pip install nvidia-nccl-cu12)")
    return nccl


class Stream:
    """A queue of its own on the current GPU: what stands in it runs beside what the program asks for otherwise."""

    def __init__(self) -> None:
        self._stream = _cupy().cuda.Stream(non_blocking=True)
        self.ptr: int = self._stream.ptr

    def after_what_was_asked(self) -> None:
        """What is put into this queue from now on waits for all that the program has asked for."""
        self._stream.wait_event(_cupy().cuda.get_current_stream().record())

    def before_what_will_be_asked(self) -> None:
        """What the program asks for from now on waits for all that is in this queue."""
        _cupy().cuda.get_current_stream().wait_event(self._stream.record())


def current_stream() -> int:
    """The queue of what the program asks for, as a number that CUDA's libraries take."""
    ptr: int = _cupy().cuda.get_current_stream().ptr
    return ptr


# ---------------------------------------------------------------- randomness

_default_generator: np.random.Generator | None = None    # made when it is first needed: np.random takes a while to import
_generator: contextvars.ContextVar[np.random.Generator | None] = contextvars.ContextVar("generator", default=None)


def manual_seed(seed: int) -> None:
    """Start the process-wide generator anew: the same seed gives the same numbers on the same machine."""
    global _default_generator
    _default_generator = np.random.default_rng(seed)


def generator() -> np.random.Generator:
    """The generator every draw of the library comes from: the one of `randomness` in force, else the process-wide one."""
    global _default_generator
    if _default_generator is None:
        _default_generator = np.random.default_rng(0)
    return _generator.get() or _default_generator


@contextlib.contextmanager
def randomness(*key: int) -> Iterator[np.random.Generator]:
    """Inside, draws depend on the key alone: `with randomness(seed, step, worker): …`.

    A run that names its draws this way has no generator state to save: it resumes from the numbers in the key. The
    generator is a context variable, so two threads draw independently. Raises ValueError for negative numbers.
    """
    if min(key, default=0) < 0:
        raise ValueError(f"randomness{key} has a negative number: keys are integers >= 0")
    # NumPy reads a sequence as one number of 32-bit digits, to which zeros at the end add nothing: (1, 0) would equal (1,).
    digits = [digit for number in key for digit in (number % 2**32, number >> 32)]
    token = _generator.set(np.random.default_rng([len(key), *digits]))
    try:
        yield _generator.get()  # type: ignore[misc]
    finally:
        _generator.reset(token)


def random_normal(shape: tuple[int, ...], std: float = 1.0, dtype: Any = DTYPE, device: str = "cpu") -> Array:
    """Independent draws from N(0, std²). Drawn on the host on every device: one seed, one set of numbers."""
    return to_device((generator().standard_normal(shape) * std).astype(dtype), device)


def random_uniform(
    shape: tuple[int, ...], low: float = 0.0, high: float = 1.0, dtype: Any = DTYPE, device: str = "cpu"
) -> Array:
    """Independent draws from the interval [low, high)."""
    return to_device(generator().uniform(low, high, shape).astype(dtype), device)


def random_keep(shape: tuple[int, ...], p: float, like: Array) -> Array:
    """Booleans, True with probability p, where `like` lives.

    16 random bits an element and one comparison, a third of the time of floating-point draws: p is met to 2⁻¹⁷.
    """
    size = math.prod(shape)
    bits = np.frombuffer(generator().bytes(2 * size), np.uint16).reshape(shape)
    return to_device(bits < round(p * 65536), device_of(like))
