"""A formula and its twin: the definition as the literature has it, and the same function fused, with its gradient by hand.

    @formula
    def softmax(x, axis=-1): ...                      # NumPy functions, differentiated by the table

    @softmax.fused
    def softmax(x, axis=-1): ...  return y, vjp       # raw arrays, one pass, the gradient derived in its docstring

    @softmax.cuda
    def softmax(x, axis=-1): ...  return y, vjp       # optional: the same on a GPU's arrays, as a CUDA kernel (package cuda)

    @softmax.check
    def _check(x, axis=-1): ...  raise ...            # bad arguments, once, at the edge

Calls run the twin where the arrays of floats are all float32 or all float64, else the definition. `softmax.formula` is the
definition, `formulas_only()` turns all twins off, and second derivatives go through the definition. One property test runs
over FORMULAS and holds every pair equal in value, gradient and second gradient.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..autograd import Operation, modes
from .fusing import in_kernels

FORMULAS: dict[str, Formula] = {}
"""Every formula by name."""

SINGLE, DOUBLE = {np.dtype(np.float32)}, {np.dtype(np.float64)}
FLOATS = {np.dtype(np.float16), *SINGLE, *DOUBLE, np.dtype(np.longdouble)}


class Formula:
    """Callable: the twin where there is one, else the definition."""

    def __init__(self, definition: Callable) -> None:
        functools.update_wrapper(self, definition)
        self.formula = definition
        self.twin: Operation | None = None
        self.arguments: Callable | None = None
        FORMULAS[definition.__name__] = self

    def check(self, arguments: Callable) -> Callable:
        """Decorator: a function of the same arguments that raises for bad ones. Runs before the formula, fused or not."""
        arguments.__qualname__ = self.formula.__name__  # what Python names when an argument is missing or unknown
        self.arguments = arguments
        return arguments

    def fused(self, body: Callable) -> Formula:
        """Decorator: give this formula its twin, a function on raw arrays returning (value, vjp). See `tinyllm.operation`."""
        self.twin = Operation(body, self.formula)
        return self

    def cuda(self, body: Callable) -> Formula:
        """Decorator: give the twin a second body, of the same arguments, for arrays on a GPU.

        It returns (value, vjp) too, or NotImplemented for arguments it leaves to the twin's array code.
        """
        assert self.twin is not None
        array_code = self.twin.fused

        @functools.wraps(array_code)
        def fused(*args: Any) -> Any:
            answer = body(*args) if in_kernels(*args) else NotImplemented
            return array_code(*args) if answer is NotImplemented else answer

        self.twin.fused = fused
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.arguments is not None:
            self.arguments(*args, **kwargs)
        if self.twin is None or modes.current().formulas_only or not _for_a_twin(*args, *kwargs.values()):
            return self.formula(*args, **kwargs)
        return self.twin(*args, **kwargs)


def _for_a_twin(*arguments: Any) -> bool:
    """Whether the arrays of floats among them are all float32 or all float64.

    Twins work in place and add up in the precision they are given: neither numbers nor integers give them a place, a second
    precision would be lost in it, and float16 is too short for sums.
    """
    return {getattr(a, "dtype", None) for a in arguments} & FLOATS in (SINGLE, DOUBLE)


def formula(definition: Callable) -> Formula:
    """Decorator: the definition of a formula, to which `.fused` may add a twin."""
    return Formula(definition)
