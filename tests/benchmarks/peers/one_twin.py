"""A twin by itself: on what a training step of tinyllm gives it, against its formula."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np

from tests.benchmarks.configs import CONFIGS
from tests.benchmarks.peers.tinyllm import start
from tinyllm import Tensor, formulas_only
from tinyllm.functional import FORMULAS

BETWEEN = 0.5           # seconds of a formula's rounds, at the least: what takes microseconds gets more rounds


class Noting:
    """In a twin's place: calls it, and keeps the arguments of each kind of call and how often it came."""

    def __init__(self, twin: Callable) -> None:
        self.twin = twin
        self.calls: dict[str, tuple[tuple, dict[str, Any]]] = {}
        self.times: dict[str, int] = {}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        kind = f"{[_kind(value) for value in args]} { {name: _kind(value) for name, value in kwargs.items()} }"
        self.times[kind] = self.times.get(kind, 0) + 1
        if kind not in self.calls:
            self.calls[kind] = tuple(map(_copy, args)), {name: _copy(value) for name, value in kwargs.items()}
        return self.twin(*args, **kwargs)


def _kind(value: Any) -> Any:
    shape = getattr(value, "shape", None)
    return value if shape is None else (shape, str(value.dtype), getattr(value, "requires_grad", False))


def _copy(value: Any) -> Any:
    if isinstance(value, Tensor):
        return Tensor(value.data.copy(), value.requires_grad)
    return value.copy() if isinstance(value, np.ndarray) else value


def noted(config: str) -> dict[str, Noting]:
    """The twins that a step of this config calls, in the order of FORMULAS, and how it called them."""
    _, step = start(CONFIGS[config], 1)
    twins = {name: formula.twin for name, formula in FORMULAS.items() if formula.twin is not None}
    notes: dict[str, Any] = {name: Noting(twin) for name, twin in twins.items()}
    for name, note in notes.items():
        FORMULAS[name].twin = note
    step()
    for name, twin in twins.items():
        FORMULAS[name].twin = twin
    return {name: note for name, note in notes.items() if note.calls}


def used(config: str) -> list[str]:
    return list(noted(config))


def alone(config: str, rounds: int) -> dict[str, dict[str, float]]:
    """Twin → {"calls": a step, "twin_ms", "formula_ms": of all of them, forward and backward}. Medians, rounds in turn."""
    found = {}
    for name, note in noted(config).items():
        twin = formula = 0.0
        for kind, (args, kwargs) in note.calls.items():
            ms = _both(FORMULAS[name], args, kwargs, rounds)
            twin, formula = twin + note.times[kind] * ms[0], formula + note.times[kind] * ms[1]
        found[name] = {"calls": sum(note.times.values()), "twin_ms": twin, "formula_ms": formula}
    return found


def _both(function: Callable, args: tuple, kwargs: dict[str, Any], rounds: int) -> tuple[float, float]:
    """Milliseconds of a call and its way back, of the twin and of the formula."""
    leaves = [value for value in (*args, *kwargs.values()) if isinstance(value, Tensor) and value.requires_grad]
    g: np.ndarray | None = None

    def run() -> float:
        nonlocal g
        for leaf in leaves:
            leaf.grad = None
        begun = time.perf_counter()
        y = function(*args, **kwargs)
        if leaves:
            g = np.ones_like(y.data) if g is None else g
            y.backward(g)
        return time.perf_counter() - begun

    times: tuple[list[float], list[float]] = ([], [])
    while len(times[1]) < rounds or sum(times[1]) < BETWEEN:
        for of, mode in zip(times, (nullcontext, formulas_only), strict=True):
            with mode():
                of.append(run())
    return 1e3 * statistics.median(times[0]), 1e3 * statistics.median(times[1])
