"""The table of operations: for each function that has a derivative, how a test calls it.

A row draws one call: the function of its differentiable arguments (all else is captured), and those arguments, away from kinks
and poles. `covers` names the entries of the derivative table that the row is there for; a test holds the table complete.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import tinyllm
from tests.autograd.draws import Draw
from tinyllm.backend import device_of, to_device

Call = tuple[Callable, list[np.ndarray]]


@dataclass(frozen=True)
class Row:
    name: str
    draw: Callable[[Draw], Call]
    covers: tuple
    """Keys of the derivative table."""
    rounding: bool = False
    """Ours computes in another order than NumPy: equal within rounding, not to the bit."""
    casts: bool = False
    """The call asks for another dtype."""

    def __str__(self) -> str:
        return self.name


ROWS: list[Row] = []


def row(*covers: Any, **options: Any) -> Callable:
    """Decorator: a row named like its function."""

    def register(draw: Callable[[Draw], Call]) -> Callable[[Draw], Call]:
        ROWS.append(Row(draw.__name__.strip("_"), draw, covers, **options))
        return draw

    return register


def near(captured: Any, x: Any) -> Any:
    """A captured array where x lives: on a GPU everything that takes part must be there."""
    return to_device(captured, x.device if isinstance(x, tinyllm.Tensor) else device_of(x))
