"""Every twin is its formula: the same value, the same gradient, the same second gradient, whatever it is called with."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.autograd.draws import Draw, FromHypothesis, FromSeed, Rejected
from tests.cupy_standin.fixtures import cupy as cupy_fixture
from tests.functional.calls import ROWS, Call
from tinyllm import Tensor, formulas_only, grad, gradients
from tinyllm import functional as F
from tinyllm.backend import device_of, to_device, to_numpy

cupy = cupy_fixture
TWINS = sorted(name for name, f in F.FORMULAS.items() if f.twin is not None)
ROUNDING = {np.dtype(np.float32): 1e-5, np.dtype(np.float64): 2e-14}


@contextmanager
def small_tiles(small: bool) -> Iterator[None]:
    """Tiles and blocks so small that a drawn array takes several."""
    attention, fusing = (sys.modules[f"tinyllm.functional.{name}"] for name in ("attention", "fusing"))
    block, tile = (2, 5) if small else (attention.BLOCK, fusing.TILE)
    with mock.patch.object(attention, "BLOCK", block), mock.patch.object(fusing, "TILE", tile):
        yield


def locked(x: np.ndarray) -> np.ndarray:
    """An array that raises when it is written: a twin works in memory of its own."""
    x = x.view()
    x.flags.writeable = False
    return x


def close(got: np.ndarray, expected: np.ndarray, floor: float, condition: float) -> None:
    """The error against the norm of what is expected, or of what went in, where the parts of the answer cancel."""
    assert got.dtype == expected.dtype and got.shape == expected.shape
    error = np.linalg.norm(np.ravel(got - expected))
    assert error <= ROUNDING[got.dtype] * condition * (np.linalg.norm(np.ravel(expected)) + floor), (got, expected)


def drawn(name: str, d: Draw) -> tuple[Call, list[np.ndarray]]:
    call = ROWS[name](d)
    dtype = d.choice([np.float32, np.float64])
    return call, [locked(d.layout(np.asarray(a, dtype))) for a in call.arrays]


def test_every_formula_has_a_row():
    assert set(ROWS) == set(F.FORMULAS)
    assert len(TWINS) >= 12


@pytest.mark.parametrize("name", TWINS)
@given(data=st.data())
def test_value_and_gradients(name, data):
    d = FromHypothesis(data)
    call, arrays = drawn(name, d)
    with formulas_only():
        expected = call(*(leaves := [Tensor(a, requires_grad=True) for a in arrays]))
        g = locked(d.layout(np.asarray(d.values.standard_normal(expected.shape), expected.dtype)))
        expected_gradients = gradients(expected, leaves, g)
    with small_tiles(d.boolean()):
        got = call(*(leaves := [Tensor(a, requires_grad=True) for a in arrays]))
        once = gradients(got, leaves, g, retain_graph=True)
        again = gradients(got, leaves, g)
        on_arrays = call(*arrays)
    close(got.data, expected.data, 1.0, call.condition)
    assert not isinstance(on_arrays, Tensor)
    np.testing.assert_array_equal(on_arrays, got.data)
    for a, b, e in zip(once, again, expected_gradients, strict=True):
        close(a, e, float(np.linalg.norm(np.ravel(g))), call.condition)
        np.testing.assert_array_equal(a, b)             # the way back can be gone twice


def second_gradients(f: Callable, arrays: list[np.ndarray], u: np.ndarray, vs: list[np.ndarray]) -> tuple[np.ndarray, ...]:
    """The gradient of Σ v · ∇(Σ u · f)."""
    places = tuple(range(len(arrays)))

    def slope(*xs: Any) -> Any:
        firsts = grad(lambda *zs: np.sum(f(*zs) * u), places)(*xs)
        return sum(np.sum(first * v) for first, v in zip(firsts, vs, strict=True))

    return grad(slope, places)(*arrays)


@pytest.mark.parametrize("name", TWINS)
@given(data=st.data())
def test_second_gradients(name, data):
    d = FromHypothesis(data)
    call, arrays = drawn(name, d)
    u = np.asarray(d.values.standard_normal(np.shape(call(*arrays))), arrays[0].dtype)
    vs = [np.asarray(d.values.standard_normal(a.shape), a.dtype) for a in arrays]
    with formulas_only():
        expected = second_gradients(call, arrays, u, vs)
    got = second_gradients(call, arrays, u, vs)
    floor = float(np.linalg.norm(np.ravel(u)))
    for a, e in zip(got, expected, strict=True):
        close(a, e, floor, call.condition**2)


@pytest.mark.parametrize("name", sorted(ROWS))
def test_on_cupy_arrays(name: str, cupy: ModuleType) -> None:
    """Where arrays are CuPy's, formula and twin have the values and gradients of the CPU, and refuse nothing on the way."""
    for mode in (nullcontext, formulas_only):
        for seed in range(12):
            results = [_run_on(device, mode, name, seed) for device in ("cpu", "cuda")]
            for (got, condition), (expected, _) in zip(results[1], results[0], strict=True):
                close(got, expected, 1.0, condition)


def _run_on(device: str, mode: Callable, name: str, seed: int) -> list[tuple[np.ndarray, float]]:
    d = FromSeed(seed)
    try:
        call = ROWS[name](d)
    except Rejected:
        return []
    leaves = [Tensor(to_device(np.asarray(a, np.float32), device), requires_grad=True) for a in call.arrays]
    with mode():
        y = call(*leaves)
        g = to_device(np.asarray(d.values.standard_normal(y.shape), np.float32), device)
        results = [y.data, *gradients(y, leaves, g)]
    assert all(device_of(x).startswith(device) for x in results)
    return [(to_numpy(x), call.condition) for x in results]
