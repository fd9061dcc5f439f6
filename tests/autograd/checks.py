"""A leaf to begin with, and what must hold of every call in the table of operations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any
from unittest import mock

import numpy as np

from tests.autograd.draws import Draw
from tests.autograd.operations import Row
from tinyllm import Tensor, grad, gradcheck
from tinyllm.autograd import graph

ROUNDING = {np.dtype(np.float32): 5e-6, np.dtype(np.float64): 1e-13}


def leaf(*values: float, dtype: type = np.float64) -> Tensor:
    """A vector that requires a gradient."""
    return Tensor(np.array(values, dtype), requires_grad=True)


def outputs(result: Any) -> list[Any]:
    return list(result) if isinstance(result, list | tuple) else [result]


def raw(x: Any) -> Any:
    return x.data if isinstance(x, Tensor) else x


def close(got: np.ndarray, expected: np.ndarray, tolerance: float) -> bool:
    """The error measured against the norm of what is expected."""
    if not np.array_equal(np.isnan(got), np.isnan(expected)):
        return False
    got, expected = np.nan_to_num(got), np.nan_to_num(expected)
    return bool(np.linalg.norm(np.ravel(got - expected)) <= tolerance * (np.linalg.norm(np.ravel(expected)) + 1e-3))


def some_vary(d: Draw, f: Callable, arrays: list[np.ndarray]) -> tuple[Callable, list[np.ndarray]]:
    """f of some of its arguments, at least one; the others stay raw arrays of their dtype."""
    fixed = {i for i in range(len(arrays)) if len(arrays) > 1 and d.integer(0, 3) == 3}
    if len(fixed) == len(arrays):
        fixed.pop()

    def of_the_rest(*xs: Any) -> Any:
        rest = iter(xs)
        dtype = xs[0].dtype
        return f(*(a.astype(dtype) if i in fixed else next(rest) for i, a in enumerate(arrays)))

    return of_the_rest, [a for i, a in enumerate(arrays) if i not in fixed]


@contextmanager
def no_gradient_is_cast() -> Iterator[None]:
    """A rule that answers another dtype than its input's has computed in it: float64 where float32 was due."""
    fit = graph._fit

    def strict(g: Any, parent: graph.Node) -> Any:
        assert g.dtype == parent.dtype, f"a rule made a {g.dtype} gradient for a {parent.dtype} input of shape {parent.shape}"
        return fit(g, parent)

    with mock.patch.object(graph, "_fit", strict):
        yield


def value_and_gradients(f: Callable, arrays: list[np.ndarray], us: list[np.ndarray]) -> tuple[list[Any], list[np.ndarray]]:
    """f's results on leaves, and what backward() leaves in their .grad for the output gradients us."""
    leaves = [Tensor(a, requires_grad=True) for a in arrays]
    results = outputs(f(*leaves))
    if len(results) == 1:
        results[0].backward(us[0].astype(results[0].dtype))
    else:
        sum((y * u.astype(y.dtype)).sum() for y, u in zip(results, us, strict=True)).backward()
    return results, [leaf.grad for leaf in leaves]


def check_values_and_dtypes(row: Row, d: Draw) -> None:
    """The value is NumPy's; gradients have their input's shape and dtype and do not depend on memory layout or precision."""
    f, arrays = some_vary(d, *row.draw(d))
    us = [d.values.standard_normal(np.shape(y)) for y in outputs(f(*arrays))]
    found = {}
    for dtype in (np.float64, np.float32):
        inputs = [d.layout(a.astype(dtype)) for a in arrays]
        expected = outputs(f(*inputs))
        with nullcontext() if row.casts else no_gradient_is_cast():
            results, gradients = value_and_gradients(f, inputs, us)
        assert len(results) == len(expected) and any(type(y) is Tensor and y.requires_grad for y in results)
        for got, y in zip(results, expected, strict=True):
            assert got.dtype == y.dtype and got.shape == y.shape
            if row.rounding:
                assert close(raw(got), y, ROUNDING[got.dtype])
            else:
                np.testing.assert_array_equal(raw(got), y)
        for a, g in zip(inputs, gradients, strict=True):
            assert type(g) is np.ndarray and g.shape == a.shape and g.dtype == a.dtype
        found[dtype] = gradients
    for single, double in zip(found[np.float32], found[np.float64], strict=True):
        assert close(single, double, 1e-5)


def check_gradients(row: Row, d: Draw, order: int = 2) -> None:
    """Gradients agree with differences of the function, and gradients of gradients with differences of those."""
    f, arrays = some_vary(d, *row.draw(d))
    seed = int(d.values.integers(2**32))
    gradcheck(f, arrays, seed=seed)
    if order == 2:                                    # squared: the gradient that comes back then depends on the arrays too
        gradcheck(lambda *xs: [np.square(y) for y in outputs(f(*xs))], arrays, order=2, seed=seed)


def check_gradient_functions_stay_in_float32(row: Row, d: Draw) -> None:
    """Under a nested grad the rules run on Tensors: same numbers, and nothing of them is float64."""
    f, arrays = some_vary(d, *row.draw(d))
    inputs = [a.astype(np.float32) for a in arrays]
    us = [d.values.standard_normal(np.shape(y)).astype(np.float32) for y in outputs(f(*inputs))]
    places = tuple(range(len(inputs)))

    def loss(*xs: Any) -> Any:
        return sum(np.sum(y * u) for y, u in zip(outputs(f(*xs)), us, strict=True))

    def length(*xs: Any) -> Any:
        return sum(np.sum(g * g) for g in grad(loss, places)(*xs))

    made = []
    wrap = Tensor._wrap

    def watched(data: Any, node: Any = None) -> Tensor:
        made.append(np.asarray(data).dtype)
        return wrap(data, node)

    with mock.patch.object(Tensor, "_wrap", watched):
        seconds = grad(length, places)(*inputs)
    assert np.dtype(np.float64) not in made
    assert all(g.dtype == np.float32 and g.shape == x.shape for g, x in zip(seconds, inputs, strict=True))
    firsts = grad(loss, places)(*inputs)
    _, by_backward = value_and_gradients(f, inputs, us)
    for a, b in zip(firsts, by_backward, strict=True):
        assert close(a, b, 2e-6)
