"""Whether there is a GPU to test on: `python -m tests.gpu` names it, or says what is missing and fails.

    make test-gpu       every test with the mark `gpu`, on CuPy itself
    make bench-gpu      a training step against PyTorch's
"""

from __future__ import annotations

import ctypes
import sys


def why_none(cupy_too: bool = True) -> str:
    """What is missing, in words; empty where a CUDA device is found (and CuPy with it, if asked for)."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return "no GPU: there is no NVIDIA driver on this machine"
    count = ctypes.c_int()
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)) or not count.value:
        return "no GPU: the NVIDIA driver finds no device"
    if cupy_too:
        try:
            import cupy

            cupy.cuda.runtime.getDeviceCount()
        except Exception as error:
            return f"no CuPy that works: {error}"
    return ""


def main() -> None:
    if missing := why_none(cupy_too="--driver" not in sys.argv):
        raise SystemExit(f"{missing}. Nothing was tested. Without a GPU, `make test` runs the kernels' source on the CPU.")
    if "--driver" not in sys.argv:
        import cupy

        properties = cupy.cuda.runtime.getDeviceProperties(0)
        print(f"== On {properties['name'].decode()}, CuPy {cupy.__version__}")


if __name__ == "__main__":
    main()
