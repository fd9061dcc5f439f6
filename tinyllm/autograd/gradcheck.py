"""Is a gradient right? Compare it with differences of the function itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import modes
from .tensor import Tensor
from .transforms import grad


class GradientError(AssertionError):
    """A gradient that differs from the function's differences; the message names the worst entry, got and expected."""


def gradcheck(
    f: Callable, inputs: Any, order: int = 1, seed: int = 0, step: float = 1e-4, rtol: float = 1e-6, atol: float = 1e-8
) -> bool:
    """Check f's gradients at `inputs` (an array or a sequence of them); f answers a Tensor or several.

    With u drawn at random for the outputs and v for the inputs, L(x) = Σ u · f(x) has the slope Σ ∇L · v in direction v, and

        slope ≈ (8 [L(x + h v) − L(x − h v)] − [L(x + 2h v) − L(x − 2h v)]) / 12 h        (error h⁴, h = step)

    A random u matters: an all-ones u hides errors wherever outputs sum to a constant, as a softmax's do. Everything runs in
    float64. `order=2` then checks the gradient of L in the same way. Keep inputs further than 2h from kinks.
    The two slopes must agree to atol + rtol · ‖∇L‖ ‖v‖. Returns True, raises GradientError otherwise.
    """
    if order not in (1, 2):
        raise ValueError(f"order={order}: gradients of order 1 and 2 can be checked")
    xs = [np.array(_data(x), np.float64) for x in (inputs if isinstance(inputs, list | tuple) else [inputs])]
    rng = np.random.default_rng(seed)
    us = [rng.standard_normal(y.shape) for y in _outputs(f, xs)]
    places = tuple(range(len(xs)))

    def loss(*args: Any) -> Any:
        return sum(np.sum(y * u) for y, u in zip(_outputs(f, args), us, strict=True))

    got = grad(loss, places)(*xs)
    vs = [rng.standard_normal(x.shape) for x in xs]
    expected = _slope(loss, xs, vs, step)
    slope = sum(float(np.sum(g * v)) for g, v in zip(got, vs, strict=True))
    size = np.sqrt(sum(np.sum(g * g) for g in got)) * np.sqrt(sum(np.sum(v * v) for v in vs))
    if not abs(slope - expected) <= atol + rtol * size:
        worst = _worst(loss, xs, got, step)
        raise GradientError(f"slope is {slope:.9g}, differences say {expected:.9g}. {worst}")
    if order == 2:
        try:
            gradcheck(lambda *args: grad(loss, places)(*map(_as_variable, args)), xs, 1, seed + 1, step, rtol, atol)
        except GradientError as error:
            raise GradientError(f"of the gradient (order 2): {error}") from None
    return True


def _as_variable(x: Any) -> Any:
    """A Tensor that carries a gradient is one of an outer `grad`; a raw array is made one, so that f always sees Tensors."""
    return x if isinstance(x, Tensor) else Tensor(x)


def _data(x: Any) -> Any:
    return x.data if isinstance(x, Tensor) else x


def _outputs(f: Callable, args: Sequence[Any]) -> list[Any]:
    result = f(*args)
    return list(result) if isinstance(result, list | tuple) else [result]


def _slope(loss: Callable, xs: list, vs: list, h: float) -> float:
    def at(k: int) -> float:
        with modes.no_grad():
            return float(np.asarray(_data(loss(*(Tensor(x + k * h * v) for x, v in zip(xs, vs, strict=True))))))

    return (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * h)


def _worst(loss: Callable, xs: list, got: Sequence, h: float, at_most: int = 1000) -> str:
    """The entry that is off the most, found by differences along single entries."""
    worst, text = -1.0, "no entry to compare"
    for place, (x, g) in enumerate(zip(xs, got, strict=True)):
        for index in list(np.ndindex(x.shape))[:at_most]:
            v = [np.zeros_like(z) for z in xs]
            v[place][index] = 1.0
            expected = _slope(loss, xs, v, h)
            error = abs(float(g[index]) - expected)
            if not error <= worst:
                worst = error
                text = f"worst entry: input {place}{list(index)}, got {float(g[index]):.9g}, expected {expected:.9g}"
    return text
