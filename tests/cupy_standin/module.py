"""The module that stands in for cupy, and its installation as sys.modules["cupy"]."""

from __future__ import annotations

import contextlib
import functools
import sys
import types
from collections.abc import Iterator
from typing import Any

import numpy as np

from . import api, cublas, devices, indexing, kernels, nccl, random
from .array import ndarray
from .dispatch import SCALARS, call_function, call_ufunc
from .traffic import transfers

CONSTANTS = {"newaxis", "pi", "e", "inf", "nan", "bool_", *(scalar.__name__ for scalar in SCALARS)}


def asnumpy(a: Any, stream: Any = None, order: str = "C", out: Any = None, *, blocking: bool = True) -> np.ndarray:
    return a.get(stream, order, out) if isinstance(a, ndarray) else np.asarray(a)


def get_array_module(*args: Any) -> types.ModuleType:
    return sys.modules["cupy"] if any(isinstance(x, ndarray) for x in args) else np


class Ufunc:
    """cupy.add and the like. Called by CuPy's own name, `at` takes every key that x[key] takes; np.add.at does not."""

    def __init__(self, ufunc: np.ufunc) -> None:
        self.ufunc = ufunc
        for method in ("reduce", "accumulate", "reduceat", "outer"):
            setattr(self, method, functools.partial(self._call, method))

    def _call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        return call_ufunc(ndarray, self.ufunc, method, args, kwargs)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._call("__call__", *args, **kwargs)

    def at(self, a: ndarray, indices: Any, b: Any) -> None:
        api.check_ufunc(self.ufunc, "at", {})
        api.check_at(self.ufunc, a.dtype)
        indexing.at(self.ufunc, a._values, indices, b, ndarray)


class Module(types.ModuleType):
    """cupy, cupy.linalg, cupy.fft: the functions CuPy and NumPy share, checked and computed like dispatched ones."""

    def __getattr__(self, name: str) -> Any:
        numpys = np if self.__name__ == "cupy" else getattr(np, self.__name__.removeprefix("cupy."))
        function = getattr(numpys, name, None)
        if self.__name__ == "cupy" and name in CONSTANTS:
            return function
        if isinstance(function, np.ufunc) and name in api.UFUNCS:
            return Ufunc(function)
        if callable(function) and not isinstance(function, type) and api.find_function(function):
            return lambda *args, **kwargs: call_function(ndarray, function, args, kwargs)
        raise AttributeError(f"the stand-in's {self.__name__} has no {name}")


def modules(with_kernels: bool) -> dict[str, types.ModuleType]:
    """The entries of sys.modules."""
    cupy = Module("cupy", "A stand-in for CuPy that computes on the CPU.")
    cupy.__version__ = api.API["cupy"]
    cupy.ndarray = ndarray
    cupy.asarray = cupy.array = ndarray._asarray
    cupy.asnumpy, cupy.get_array_module = asnumpy, get_array_module
    cupy.cuda = devices.module()
    cupy.cuda.nccl = nccl.module()
    if with_kernels:
        cupy.ElementwiseKernel, cupy.RawKernel = kernels.ElementwiseKernel, kernels.RawKernel
        cupy.cuda.cublas, cupy.cuda.device = cublas.module(), cublas
    cupy.is_available = cupy.cuda.is_available
    cupy.linalg, cupy.fft = Module("cupy.linalg"), Module("cupy.fft")
    cupy.random = types.ModuleType("cupy.random")
    cupy.random.Generator, cupy.random.default_rng = random.Generator, random.Generator
    parts = [cupy, cupy.cuda, cupy.cuda.nccl, cupy.cuda.runtime, cupy.linalg, cupy.fft, cupy.random]
    return {part.__name__: part for part in parts}


@contextlib.contextmanager
def install(count: int = 1, with_kernels: bool | None = None) -> Iterator[types.ModuleType]:
    """Inside, `import cupy` finds the stand-in, with `count` devices and empty logs of transfers and launches.

    It runs CUDA kernels where there is a g++ to compile them, unless told otherwise; a library that finds no RawKernel in CuPy
    has to do without.
    """
    outside = {name: module for name, module in sys.modules.items() if name == "cupy" or name.startswith("cupy.")}
    for name in outside:
        del sys.modules[name]
    ours = modules(kernels.compiler() is not None if with_kernels is None else with_kernels)
    sys.modules.update(ours)
    devices.set_count(count)
    transfers.clear()
    kernels.launches.clear()
    try:
        yield ours["cupy"]
    finally:
        for name in ours:
            del sys.modules[name]
        sys.modules.update(outside)
