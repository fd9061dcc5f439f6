"""cupy.RawKernel and cupy.ElementwiseKernel: the same CUDA source, compiled by g++ and run on the CPU (emulate.h).

A launch is as strict as nothing is on a GPU: the number of arguments, their dtypes and their device are checked, and a barrier
that some threads never reach is an error instead of a hang. Compiled libraries are kept in __pycache__, by what is in them.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from . import devices
from .array import ndarray
from .dispatch import SCALARS, compute, refuse_host

HEADER = Path(__file__).with_name("emulate.h")
CACHE = Path(__file__).parent / "__pycache__"
KERNEL = re.compile(r"__global__\s+void\s+(\w+)\s*\(")
MOST_THREADS, MOST_BLOCKS = 1024, (2**31 - 1, 65535, 65535)

descending = False
"""In which order the threads of a block run; a test looks whether it matters."""
flags: list[str] = []
"""More options for the compiler, such as -fsanitize=address."""
launches: list[str] = []
"""The name of every kernel launched since the stand-in was installed."""


def compiler() -> str | None:
    """None where there is none that emulate.h is known to work with: kernels do not run then."""
    return shutil.which("g++") if sys.platform == "linux" else None


@functools.cache
def library(code: str) -> ctypes.PyDLL:
    """The source compiled, with two functions for each kernel in it. PyDLL keeps Python's lock: shared memory is static."""
    names = KERNEL.findall(code)
    text = "\n".join([f'#include "{HEADER}"', code, *(f"EMULATE({name})" for name in names)])
    digest = hashlib.sha256((HEADER.read_text("utf-8") + text + str(flags)).encode()).hexdigest()[:24]
    folder = CACHE if os.access(CACHE.parent, os.W_OK) else Path(tempfile.mkdtemp())
    folder.mkdir(exist_ok=True)
    path = folder / f"kernel-{digest}.so"
    if not path.exists():
        _compile(text, path)
    return ctypes.PyDLL(str(path))


def _compile(text: str, path: Path) -> None:
    """Into a file of its own first: two processes may compile the same."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        made = Path(folder) / path.name
        options = ["-std=c++17", "-O1", "-U_FORTIFY_SOURCE", "-shared", "-fPIC", *flags]
        command = [str(compiler()), *options, "-x", "c++", "-", "-o", str(made)]
        done = subprocess.run(command, input=text, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"g++ refuses a kernel:\n{done.stderr}")
        made.replace(path)


class RawKernel:
    def __init__(self, code: str, name: str, options: tuple[str, ...] = (), backend: str = "nvrtc") -> None:
        self.code, self.name, self.options = code, name, options

    def __call__(self, grid: tuple[int, ...], block: tuple[int, ...], args: tuple[Any, ...], *, shared_mem: int = 0) -> None:
        if not isinstance(grid, tuple) or not isinstance(block, tuple) or shared_mem:
            raise TypeError(f"{self.name}: a launch takes a tuple of blocks, a tuple of threads; the stand-in no shared_mem")
        blocks, threads = (*grid, 1, 1)[:3], (*block, 1, 1)[:3]
        if not all(0 < n <= most for n, most in zip(blocks, MOST_BLOCKS)) or threads[1:] != (1, 1):
            raise ValueError(f"{self.name}: cannot launch {grid} blocks of {block} threads")
        if not 0 < threads[0] <= MOST_THREADS:
            raise ValueError(f"{self.name}: a block has 1 to {MOST_THREADS} threads, not {threads[0]}")
        made = library(self.code)
        values = [_argument(a) for a in args]
        self._check(made, args)
        addresses = (ctypes.c_void_p * len(values))(*(v.ctypes.data for v in values))
        run = getattr(made, f"run_{self.name}")
        run.restype = ctypes.c_bool
        launches.append(self.name)
        if not run(addresses, (ctypes.c_uint * 3)(*blocks), (ctypes.c_uint * 3)(*threads), ctypes.c_bool(descending)):
            raise RuntimeError(f"{self.name}: a barrier waits for threads that have left the kernel")

    def _check(self, made: ctypes.PyDLL, args: tuple[Any, ...]) -> None:
        text = ctypes.create_string_buffer(512)
        getattr(made, f"parameters_{self.name}")(text)
        wanted = re.findall(r"\*?[bfi]\d", text.value.decode())
        if len(wanted) != len(args):
            raise TypeError(f"{self.name} takes {len(wanted)} arguments, not {len(args)}")
        for i, (want, a) in enumerate(zip(wanted, args)):
            got = f"{'*' * isinstance(a, ndarray)}{a.dtype.kind}{a.dtype.itemsize}"
            # The host may pass any array where the kernel will not look: one that stands in for a mask that is not there.
            if got != want and not (want == "*b1" and got[0] == "*"):
                raise TypeError(f"{self.name}: argument {i} is {got}, the kernel takes {want} (* = an array)")


def _argument(a: Any) -> np.ndarray:
    """What a kernel gets by value: a number, or the address of an array."""
    refuse_host(a)
    if isinstance(a, ndarray):
        if a._device != devices.current():
            raise ValueError(f"array on device {a._device}, current device {devices.current()}: `with Device(…)`")
        return np.array(a._values.ctypes.data, np.uint64)
    if type(a) not in SCALARS or not isinstance(a, np.generic):
        raise TypeError(f"a kernel takes arrays and NumPy's numbers, not {type(a).__name__}: its width decides")
    return np.array(a)


C_TYPES = {
    "float32": "float", "float64": "double", "int64": "long long", "int32": "int", "uint16": "unsigned short", "bool": "bool",
}


class ElementwiseKernel:
    """Parameters are "T x, bool flag": a capital letter is a dtype that the arrays decide, a name is NumPy's."""

    def __init__(self, in_params: str, out_params: str, operation: str, name: str = "kernel") -> None:
        self.inputs, self.outputs = ([p.split() for p in params.split(",")] for params in (in_params, out_params))
        self.operation, self.name = operation, name

    def __call__(self, *args: Any) -> Any:
        n_in, n_out = len(self.inputs), len(self.outputs)
        if len(args) not in (n_in, n_in + n_out):
            raise TypeError(f"{self.name} takes {n_in} arguments, and {n_out} more to write to; got {len(args)}")
        return compute(ndarray, functools.partial(self._run, self._types(args)), args, {})

    def _types(self, args: tuple[Any, ...]) -> dict[str, np.dtype]:
        types: dict[str, np.dtype] = {}
        for (kind, name), a in zip([*self.inputs, *self.outputs], args):
            if isinstance(a, ndarray):
                dtype = types.setdefault(kind, a.dtype) if len(kind) == 1 else np.dtype(kind)
                if a.dtype != dtype:
                    raise TypeError(f"{self.name}: {name} is {a.dtype}, {kind} is {dtype}")
        return types

    def _run(self, types: dict[str, np.dtype], *args: Any) -> Any:
        of = lambda kind: types[kind] if len(kind) == 1 else np.dtype(kind)
        inputs, outputs = args[: len(self.inputs)], args[len(self.inputs):]
        shape = np.broadcast_shapes(*(np.shape(a) for a in args))
        if any(out.shape != shape for out in outputs):
            raise ValueError(f"{self.name}: what is written has the shape of the whole, {shape}")
        read = [np.array(np.broadcast_to(np.asarray(a, of(kind)), shape), order="C")
                for (kind, _), a in zip(self.inputs, inputs)]
        written = [np.array(out, order="C") for out in outputs] or [np.empty(shape, of(kind)) for kind, _ in self.outputs]
        arrays = [*read, *written]
        addresses = (ctypes.c_void_p * len(arrays))(*(a.ctypes.data for a in arrays))
        library_of = library(self.source(types))
        launches.append(self.name)
        library_of.run(addresses, ctypes.c_longlong(arrays[-1].size))
        for out, values in zip(outputs, written):
            out[...] = values
        answers = list(outputs) or written
        return answers[0] if len(answers) == 1 else tuple(answers)

    def source(self, types: dict[str, np.dtype]) -> str:
        """C++: a loop over the entries around the operation."""
        lines = [f"typedef {C_TYPES[dtype.name]} {letter};" for letter, dtype in sorted(types.items()) if len(letter) == 1]
        lines += ['extern "C" void run(void** arrays, long long size) {', "for (long long i = 0; i < size; i++) {"]
        for place, (kind, name) in enumerate([*self.inputs, *self.outputs]):
            c_type = C_TYPES.get(kind, kind)
            const = "const " if place < len(self.inputs) else ""
            lines.append(f"{const}{c_type}& {name} = static_cast<{c_type}*>(arrays[{place}])[i];")
        return "\n".join([*lines, self.operation, "}}"])
