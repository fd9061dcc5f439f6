"""Modes: what operations do besides computing. One context variable, so threads and nested calls don't disturb each other.

Hold a mode in a `with` block or on a function; never across a `yield`, where the mode would leak into the caller.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Mode:
    """What is in force. Read with `current()`."""

    recording: bool = True
    """Operations on Tensors that carry a gradient leave a node in the graph."""
    formulas_only: bool = False
    """Fused twins are off: every formula runs as its definition."""
    anomalies: bool = False
    """The first NaN or infinity raises, with the operation that made it."""
    nested: bool = False
    """A `grad` is running its function: gradients taken inside are themselves recorded."""
    rebuilding: bool = False
    """Gradients of what runs now will be differentiated again: fused operations keep their inputs, to replay the formula."""


_mode: ContextVar[Mode] = ContextVar("mode", default=Mode())  # noqa: B039  (frozen: a shared default is safe)

current = _mode.get


@contextlib.contextmanager
def _set(**changes: object) -> Iterator[None]:
    token = _mode.set(replace(_mode.get(), **changes))  # type: ignore[arg-type]
    try:
        yield
    finally:
        _mode.reset(token)


def no_grad() -> contextlib.AbstractContextManager[None]:
    """Nothing is recorded inside: evaluation, generation, and writing parameters in place.

    Usable as `with no_grad():` and as the decorator `@no_grad()`.
    """
    return _set(recording=False)


def enable_grad() -> contextlib.AbstractContextManager[None]:
    """Recording again, inside a `no_grad()`."""
    return _set(recording=True)


def formulas_only() -> contextlib.AbstractContextManager[None]:
    """Every formula runs as its definition, no fused twin: for reading, debugging, and measuring what fusion buys."""
    return _set(formulas_only=True)


def detect_anomaly() -> contextlib.AbstractContextManager[None]:
    """The first NaN or infinity, forward or backward, raises FloatingPointError naming its operation and shapes.

    Reads every result once more: use it to find a fault, not to train. (The name is PyTorch's.)
    """
    return _set(anomalies=True)


def differentiating(rebuilding: bool) -> contextlib.AbstractContextManager[None]:
    """While `grad` runs a function: recording is on, and inner gradients build a graph of their own."""
    return _set(recording=True, nested=True, rebuilding=rebuilding)
