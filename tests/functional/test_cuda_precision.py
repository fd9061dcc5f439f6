"""Products of 16-bit numbers: rounding is to the nearest, cuBLAS is called with the right strides, weights stay float32."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cupy_standin.fixtures import cupy as cupy_fixture
from tinyllm import Tensor
from tinyllm import functional as F
from tinyllm.backend import to_device, to_numpy
from tinyllm.functional.precision import _bits, product, rounded

cupy = cupy_fixture
MANTISSA = {"float16": 10, "bfloat16": 7}
KINDS = pytest.mark.parametrize("name", MANTISSA)
FLOATS = st.floats(-6e4, 6e4, width=32)


@KINDS
@given(x=FLOATS)
def test_rounding_is_to_the_nearest(name: str, x: float) -> None:
    x = np.array([x], np.float32)
    got = rounded(x, name)
    assert got.dtype == np.float32
    np.testing.assert_array_equal(rounded(got, name), got)
    if abs(x[0]) > 1e-4:
        exponent = np.floor(np.log2(np.abs(x.astype(np.float64))))
        step = 2.0 ** (exponent - MANTISSA[name])
        np.testing.assert_array_equal(got, (np.round(x / step) * step).astype(np.float32))       # np.round: halves to even


@pytest.mark.parametrize("low", [0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF])
@pytest.mark.parametrize("high", [0x3F80, 0x3F81, 0xC101, 0xC102, 0x7F7E, 0x0000, 0x0003])
def test_bfloat16_is_the_upper_half_and_at_a_half_the_even_one(high: int, low: int) -> None:
    """Between neighbours of bfloat16, `high` and the next, in the bits of float32."""
    x = np.array([high << 16 | low], np.uint32).view(np.float32)
    up = low > 0x8000 or (low == 0x8000 and high % 2 == 1)
    found = _bits(x, "bfloat16")
    assert found.dtype == np.uint16 and found.tolist() == [high + up]


def test_what_is_no_number_stays_none() -> None:
    odd = np.array([np.inf, -np.inf, np.nan, -0.0, 3.4e38], np.float32)
    odd = np.append(odd, np.array([0x7F800001], np.uint32).view(np.float32))                     # the least of the NaNs
    assert _bits(odd[-1:], "bfloat16").tolist() == [0x7FC0]
    np.testing.assert_array_equal(rounded(odd, "bfloat16"), [np.inf, -np.inf, np.nan, -0.0, np.inf, np.nan])
    np.testing.assert_array_equal(rounded(odd, "float16"), [np.inf, -np.inf, np.nan, -0.0, np.inf, np.nan])


@KINDS
@given(seed=st.integers(0, 999), shape=st.tuples(*[st.integers(0, 5)] * 3), turned=st.tuples(st.booleans(), st.booleans()))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_a_product_is_that_of_rounded_operands(
    name: str, cupy: ModuleType, seed: int, shape: tuple[int, int, int], turned: tuple[bool, bool]
) -> None:
    rng, (m, k, n) = np.random.default_rng(seed), shape
    a, b = (rng.standard_normal(s).astype(np.float32) for s in ((m, k), (k, n)))
    a, b = (np.ascontiguousarray(x.T).T if turn else x for x, turn in zip((a, b), turned))
    with F.precision(name):
        here, there = product(a, b), product(to_device(a, "cuda"), to_device(b, "cuda"))
    assert here.dtype == np.float32 and there.dtype == np.float32
    exact = rounded(a, name).astype(float) @ rounded(b, name)
    for got in (here, to_numpy(there)):
        np.testing.assert_allclose(got, exact, atol=1e-5)


@KINDS
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_linear_in_16_bits(name: str, device: str, cupy: ModuleType, rng: np.random.Generator) -> None:
    arrays = [rng.standard_normal(s).astype(np.float32) for s in ((3, 4, 9), (5, 9), (5,))]
    g = rng.standard_normal((3, 4, 5)).astype(np.float32)

    def run(place: str) -> list[np.ndarray]:
        leaves = [Tensor(to_device(a, place), requires_grad=True) for a in arrays]
        y = F.linear(*leaves)
        y.backward(to_device(g, place))
        return [to_numpy(t) for t in (y.data, *(leaf.grad for leaf in leaves))]

    exact = run("cpu")
    with F.precision(name):
        found = run(device)
    for got, want in zip(found[:3], exact[:3]):
        error = np.linalg.norm(got - want) / np.linalg.norm(want)
        assert got.dtype == np.float32 and 2.0 ** (-MANTISSA[name] - 5) < error < 2.0 ** -MANTISSA[name]
    np.testing.assert_allclose(found[3], exact[3], rtol=1e-6)                # the bias's gradient is no product of weights


def test_float64_and_the_outside_are_untouched(rng: np.random.Generator) -> None:
    a, b = rng.standard_normal((2, 3)), rng.standard_normal((3, 2))
    with F.precision("bfloat16"):
        np.testing.assert_array_equal(product(a, b), a @ b)
    a, b = a.astype(np.float32), b.astype(np.float32)
    np.testing.assert_array_equal(product(a, b), a @ b)
    with pytest.raises(ValueError, match="choose"), F.precision("float8"):
        pass
