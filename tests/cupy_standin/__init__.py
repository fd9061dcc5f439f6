"""A strict stand-in for CuPy, so that tests run the GPU's code paths on any machine.

    from tests.cupy_standin import install, no_transfers, transfers

    with install() as cupy:                         # sys.modules["cupy"] is the stand-in
        x = Tensor([1.0, 2.0]).to("cuda")
        with no_transfers():                        # a transfer raises where it happens
            y = np.sum(np.exp(x))
        assert transfers == ["to device: asarray of ndarray"]

It computes with NumPy and refuses what CuPy refuses: functions and keywords CuPy lacks (cupy_api.json, read from CuPy
itself by generate_api.py), host arrays beside its own, a silent way to the host. Where CuPy goes on in silence it is
stricter: host arrays as indices and right-hand sides, an index out of bounds, a place written twice with different
values, overlapping assignment, arrays of a device that is not the current one.

CUDA kernels run here too, by g++ (kernels, emulate.h): the very source that a GPU would get.

Reading order: api (what CuPy has), traffic, devices, dispatch, indexing, operators, array, random, kernels, module.
"""

from .array import ndarray
from .module import install
from .traffic import no_transfers, transfers

__all__ = ["install", "ndarray", "no_transfers", "transfers"]
