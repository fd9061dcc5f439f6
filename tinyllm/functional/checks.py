"""What several formulas ask of their arguments. Each names the rule, what it got and the fix."""

from __future__ import annotations

from typing import Any


def check_kind(name: str, array: Any, kinds: str, wanted: str) -> None:
    """Raise TypeError unless array has a dtype of one of these kinds (NumPy's letters: b boolean, i and u integers)."""
    dtype = getattr(array, "dtype", None)
    if dtype is None or dtype.kind not in kinds:
        raise TypeError(f"{name} is {type(array).__name__ if dtype is None else dtype}: pass an array of {wanted}")


def check_broadcasts(name: str, shape: tuple[int, ...], to: tuple[int, ...]) -> None:
    """Raise ValueError unless an array of the one shape broadcasts to the other."""
    if len(shape) > len(to) or any(m not in (1, n) for m, n in zip(reversed(shape), reversed(to))):
        raise ValueError(f"{name} has shape {shape}, which does not broadcast to {to}: each axis must be equal or 1")


def check_width(name: str, x: Any, **vectors: Any) -> None:
    """Raise ValueError unless each vector (None passes) is as wide as x's last axis, and that is not empty."""
    if x.ndim == 0 or not x.shape[-1]:
        raise ValueError(f"{name}: x has shape {x.shape}: it needs a last axis with something in it")
    for what, vector in vectors.items():
        if vector is not None and vector.shape != x.shape[-1:]:
            raise ValueError(f"{name}: {what} has shape {vector.shape}, x {x.shape}: {what} must be as wide as x's last axis")
