"""Where a test's choices come from: hypothesis, which shrinks a failure, or a seeded generator, which is fast.

A row of the table of operations draws its arguments from a `Draw` and does not know which of the two it is.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Sequence
from typing import Any

import hypothesis
import numpy as np
from hypothesis import strategies as st


class Rejected(Exception):
    """A seeded draw that a row does not want; draw with another seed."""


class Draw(abc.ABC):
    """Shapes, axes and values for one call."""

    values: np.random.Generator

    @abc.abstractmethod
    def integer(self, low: int, high: int) -> int:
        """low ≤ n ≤ high; a smaller one is simpler."""

    @abc.abstractmethod
    def require(self, condition: bool) -> None:
        """Start over unless the condition holds."""

    def boolean(self) -> bool:
        return bool(self.integer(0, 1))

    def choice(self, options: Sequence) -> Any:
        return options[self.integer(0, len(options) - 1)]

    def shape(self, low: int = 0, high: int = 3, zero: bool = True) -> tuple[int, ...]:
        """low to high axes of up to 3 entries; one in eight has an axis of none, unless `zero` is off."""
        shape = [self.integer(1, 3) for _ in range(self.integer(low, high))]
        if zero and shape and self.integer(0, 7) == 7:
            shape[self.integer(0, len(shape) - 1)] = 0
        return tuple(shape)

    def broadcastable(self, n: int = 2, low: int = 0) -> list[tuple[int, ...]]:
        """n shapes that broadcast together: a common one, from which each drops leading axes and shrinks others to 1."""
        whole = self.shape(low)
        shapes = []
        for _ in range(n):
            shape = whole[self.integer(0, len(whole) - low):]
            shapes.append(tuple(1 if self.integer(0, 3) == 3 else side for side in shape))
        return shapes

    def axis(self, ndim: int, none: bool = False) -> Any:
        """One axis, from either end; None too if asked for."""
        if none and (not ndim or self.integer(0, 3) == 0):
            return None
        return self.integer(0, ndim - 1) - ndim * self.boolean()

    def axes(self, ndim: int) -> Any:
        """What reductions take: None, one axis, or a tuple of several."""
        if self.integer(0, 3) < 3:
            return self.axis(ndim, none=True)
        chosen = [a for a in range(ndim) if self.boolean()]
        return tuple(a - ndim * self.boolean() for a in chosen)

    def array(self, shape: tuple[int, ...], domain: str = "real") -> np.ndarray:
        """Values of a domain, away from the kinks and poles that give it its name."""
        r = self.values
        if domain == "real":
            return r.uniform(-2.0, 2.0, shape)
        if domain == "positive":
            return r.uniform(0.5, 2.0, shape)
        if domain == "nonzero":
            return r.uniform(0.3, 2.0, shape) * r.choice([-1.0, 1.0], shape)
        if domain == "unit":
            return r.uniform(-0.9, 0.9, shape)
        if domain == "above one":
            return r.uniform(1.2, 3.0, shape)
        if domain == "distinct":                      # no two closer than 0.1, none closer to 0
            n = math.prod(shape)
            return ((r.permutation(n) - n // 2) * 0.2 + r.uniform(0.05, 0.15, n)).reshape(shape)
        if domain == "fraction":                      # between whole numbers
            return r.integers(-3, 3, shape) + r.uniform(0.1, 0.9, shape)
        raise ValueError(domain)

    def arrays(self, shapes: Sequence[tuple[int, ...]], domain: str = "real") -> list[np.ndarray]:
        """Several; "distinct" holds across them all."""
        flat = self.array((sum(math.prod(s) for s in shapes),), domain)
        ends = np.cumsum([math.prod(s) for s in shapes])[:-1]
        return [part.reshape(s) for part, s in zip(np.split(flat, ends), shapes, strict=True)]

    def square(self, batch: tuple[int, ...] | None = None) -> np.ndarray:
        """Well-conditioned matrices (…, n, n): a diagonal that outweighs the rest, of either sign."""
        n = self.integer(1, 3)
        shape = (self.shape(0, 1, zero=False) if batch is None else batch) + (n, n)
        return self.array(shape, "unit") + 3.0 * np.eye(n) * self.values.choice([-1.0, 1.0], (*shape[:-1], 1))

    def mask(self, shape: tuple[int, ...]) -> np.ndarray:
        return self.values.random(shape) < 0.6

    def layout(self, x: np.ndarray) -> np.ndarray:
        """The same values, laid out in memory in some way a user's view may have."""
        kind = self.choice(["rows first", "columns first", "reversed", "every second"])
        if kind == "columns first":
            return np.asfortranarray(x) if x.ndim else x
        if kind == "reversed":
            return np.flip(np.ascontiguousarray(np.flip(x))) if x.ndim else x
        if kind == "every second" and x.ndim:
            wide = np.full((*x.shape[:-1], 2 * x.shape[-1]), np.nan, x.dtype)
            wide[..., ::2] = x
            return wide[..., ::2]
        return x


class FromHypothesis(Draw):
    def __init__(self, data: st.DataObject) -> None:
        self.data = data
        self.values = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1), label="seed of the values"))

    def integer(self, low: int, high: int) -> int:
        return self.data.draw(st.integers(low, high))

    def require(self, condition: bool) -> None:
        hypothesis.assume(condition)


class FromSeed(Draw):
    def __init__(self, seed: int) -> None:
        self.values = np.random.default_rng(seed)

    def integer(self, low: int, high: int) -> int:
        return int(self.values.integers(low, high, endpoint=True))

    def require(self, condition: bool) -> None:
        if not condition:
            raise Rejected
