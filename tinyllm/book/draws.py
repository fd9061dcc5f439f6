"""What exercises are tried on: small arrays of plain numbers, which still read well when a failing case is shown."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy


def arrays(*shapes: str, low: float = -3.0, high: float = 3.0, step: float = 0.25, **sizes: Any) -> SearchStrategy[tuple]:
    """A tuple of float64 arrays, one a shape; a letter has one size throughout a draw: `arrays("T D", "S D")`.

    A shape is names and numbers with spaces between them ("" is a single number, 0-dimensional). Sizes are drawn from 1 to 4,
    or from `sizes`, where D=(2, 6) is a range and D=3 a number. Entries are multiples of `step` from low to high, distinct
    values mostly, and shrink towards 0.
    """
    from hypothesis import strategies as st

    names = sorted({name for shape in shapes for name in shape.split() if not name.isdigit()})
    if unknown := sorted(sizes.keys() - set(names)):
        raise ValueError(f"no axis is called {', '.join(unknown)}: the shapes name {', '.join(names)}")
    lowest, highest = math.ceil(low / step), math.floor(high / step)

    @st.composite
    def draw_arrays(draw: Any) -> tuple[np.ndarray, ...]:
        size = {}
        for name in names:
            bounds = sizes.get(name, (1, 4))
            size[name] = draw(st.integers(*bounds)) if isinstance(bounds, tuple) else bounds
        result = []
        for shape in shapes:
            dims = tuple(int(name) if name.isdigit() else size[name] for name in shape.split())
            n = math.prod(dims)
            entries = draw(st.lists(st.integers(lowest, highest), min_size=n, max_size=n))
            result.append(np.reshape(np.array(entries, np.float64) * step, dims))
        return tuple(result)

    return draw_arrays()


def token_ids(*shapes: str, vocab_size: int = 8, **sizes: Any) -> SearchStrategy[tuple]:
    """The same for integers from 0 to below vocab_size."""
    drawn = arrays(*shapes, low=0, high=vocab_size - 1, step=1, **sizes)
    return drawn.map(lambda args: tuple(array.astype(np.int64) for array in args))
