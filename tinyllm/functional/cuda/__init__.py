"""CUDA bodies of the hot twins: the same formulas once more, as kernels in CUDA C++ that CuPy compiles at their first call.

Reading order: kernels (from a .cu file to a launch), common.cuh, norms, softmax, losses (cross_entropy.cu), embedding,
activations, attention, adam (for the optimiser).

A body is registered as `@layer_norm.cuda` and runs where arrays are a GPU's; NotImplemented hands the call on to the twin's
array code, which runs on every device. `formulas_only()` turns off both. The property test that runs over all twins holds every
body equal to its formula; where there is no GPU, the tests compile the same sources for the CPU.

What a kernel gains here is passes over memory and launches: a launch costs the host several microseconds, and a layer norm is
some ten of them as array code. Launches alone could be cheaper still as a captured graph (CUDA's stream capture), replayed each
step. It would need arrays that keep their addresses from step to step, a learning rate and a step number read from the device,
random masks drawn there, and matrix products through a cuBLAS handle with a workspace of its own, since CuPy refuses cuBLAS
calls while a stream is captured.
"""

from . import activations, attention, embedding, losses, norms, softmax
from .adam import adam_step

__all__ = ["adam_step"]
