"""How close is close: the error against the norm of PyTorch's result, 1e-5 in float32 and 1e-10 in float64."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

TOLERANCE = {np.dtype(np.float32): 1e-5, np.dtype(np.float64): 1e-10}


def to_torch(array: Any, requires_grad: bool = False) -> torch.Tensor:
    return torch.tensor(np.asarray(array), requires_grad=requires_grad)


def assert_equal(got: Any, expected: Any, what: str, scale: float = 0.0, tolerance: float | None = None) -> None:
    """`scale`: the size of what was cancelled, where a result is nearly zero and its own norm says little."""
    got, expected = (np.asarray(x.detach() if isinstance(x, torch.Tensor) else x) for x in (got, expected))
    assert got.shape == expected.shape, f"{what}: shape {got.shape}, PyTorch's {expected.shape}"
    assert got.dtype == expected.dtype, f"{what}: {got.dtype}, PyTorch's {expected.dtype}"
    error = float(np.linalg.norm(np.ravel(got - expected).astype(np.float64)))
    norm = max(float(np.linalg.norm(np.ravel(expected).astype(np.float64))), scale)
    tolerance = TOLERANCE[got.dtype] if tolerance is None else tolerance
    assert error <= tolerance * norm + 1e-30, f"{what}: error {error:.3g} against the norm {norm:.3g}"


def assert_all_equal(
    names: Sequence[str], got: Sequence[Any], expected: Sequence[Any], tolerance: float | None = None
) -> None:
    """Arrays one by one; against the mean norm of all where its own is tiny: a gradient that is 0 but for rounding, as that
    of a bias on all keys, which moves every score of a row alike.
    """
    norms = [float(np.linalg.norm(np.ravel(np.asarray(e.detach() if isinstance(e, torch.Tensor) else e)))) for e in expected]
    mean = float(np.mean(norms)) if norms else 0.0
    for name, a, b, norm in zip(names, got, expected, norms, strict=True):
        assert_equal(a, b, name, scale=mean if norm < 0.01 * mean else 0.0, tolerance=tolerance)
