"""The derivative table where functions have kinks, zeros and limits: what is chosen there, and that nothing is NaN."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

import tinyllm
from tests.autograd.checks import raw
from tinyllm import Tensor, grad, gradcheck

F64 = np.float64


def gradient(f: Callable, *arrays: np.ndarray, u: np.ndarray | None = None) -> list[np.ndarray]:
    """The gradients of Σ u f, u = 1, 2, 3, … unless given."""
    leaves = [Tensor(np.asarray(a, F64), requires_grad=True) for a in arrays]
    y = f(*leaves)
    u = np.arange(1.0, y.size + 1).reshape(y.shape) if u is None else u
    y.backward(u)
    return [leaf.grad for leaf in leaves]


@pytest.mark.parametrize("fn", [np.maximum, np.minimum, np.fmax, np.fmin])
def test_equal_arguments_share_the_gradient(fn: Callable) -> None:
    a, b = gradient(fn, [1.0, 2.0, 3.0], [1.0, 5.0, 0.0])
    larger = fn in (np.maximum, np.fmax)
    np.testing.assert_array_equal(a, [0.5, 0.0, 3.0] if larger else [0.5, 2.0, 0.0])
    np.testing.assert_array_equal(b, [0.5, 2.0, 0.0] if larger else [0.5, 0.0, 3.0])


@pytest.mark.parametrize("fn", [np.max, np.min, np.nanmax, np.nanmin, np.amax, np.amin])
def test_equal_extremes_share_the_gradient(fn: Callable) -> None:
    x = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0], [0.0, 0.0, 4.0]])
    if fn.__name__.endswith("min"):
        x = -x
    (g,) = gradient(lambda x: fn(x, axis=1), x)
    np.testing.assert_allclose(g, [[0, 0.5, 0.5], [2 / 3] * 3, [0, 0, 3]])
    (g,) = gradient(lambda x: fn(x), x, u=np.array(6.0))
    np.testing.assert_allclose(g, [[0, 0, 0], [0, 0, 0], [0, 0, 6]])


def test_nan_takes_no_part_in_functions_that_ignore_it() -> None:
    x = np.array([[np.nan, 1.0, 3.0], [2.0, np.nan, 5.0]])
    for fn in (np.nansum, np.nanmean, np.nanmax, np.nanmin, np.nanprod, np.nanvar, np.nanstd, np.nancumsum, np.nancumprod):
        (g,) = gradient(lambda x, fn=fn: fn(x, axis=1), x)
        assert np.isfinite(g[~np.isnan(x)]).all(), fn
        assert not np.nan_to_num(g[np.isnan(x)]).any(), fn
        assert np.any(g[~np.isnan(x)] != 0), fn


def test_maximum_answers_nan_and_fmax_the_number() -> None:
    a, b = gradient(np.fmax, [np.nan, 1.0], [2.0, np.nan])
    np.testing.assert_array_equal(a, [0.0, 2.0])
    np.testing.assert_array_equal(b, [1.0, 0.0])


@pytest.mark.parametrize("fn", [np.absolute, np.fabs, np.sinc, np.linalg.norm, lambda x: np.linalg.vector_norm(x, axis=-1)])
def test_at_zero_the_gradient_is_zero_by_symmetry(fn: Callable) -> None:
    (g,) = gradient(fn, [0.0, 0.0])
    np.testing.assert_array_equal(g, [0.0, 0.0])


def test_sinc_at_zero_and_near_it() -> None:
    """sin(πx)/(πx) = 1 − π²x²/6 + π⁴x⁴/120 − …"""
    assert math.isclose(grad(grad(np.sinc))(0.0), -math.pi**2 / 3, rel_tol=1e-6)
    for x in (1e-7, -1e-3, 0.02999, 0.03, 0.031):
        exact = -math.pi**2 * x / 3 + math.pi**4 * x**3 / 30 - math.pi**6 * x**5 / 840 + math.pi**8 * x**7 / 45360
        assert math.isclose(grad(np.sinc)(np.array(x)), exact, rel_tol=1e-9)
        tinyllm.gradcheck(np.sinc, np.array(x), order=2, step=1e-5 if abs(x) > 0.02 else 1e-4, rtol=1e-5)


@pytest.mark.parametrize("zeros", [0, 1, 2, 3])
@pytest.mark.parametrize("order", [1, 2])
def test_products_with_zeros(zeros: int, order: int) -> None:
    """∂Πx/∂x_i is the product of the others: no division by x_i."""
    x = np.array([2.0, -3.0, 0.5, 4.0])
    x[:zeros] = 0.0
    tinyllm.gradcheck(np.prod, x, order=order)
    tinyllm.gradcheck(np.cumprod, x, order=order)


@pytest.mark.parametrize(
    ("exponent", "expected"), [(0, [0, 0, 0]), (1, [1, 1, 1]), (2, [-4, 0, 6]), (3, [12, 0, 27]), (0.0, [0, 0, 0]),
    (2.0, [-4, 0, 6])]
)
def test_power_by_a_number_of_negative_and_zero_bases(exponent: float, expected: list[float]) -> None:
    (g,) = gradient(lambda x: x**exponent, [-2.0, 0.0, 3.0], u=np.ones(3))
    np.testing.assert_array_equal(g, expected)
    (g,) = gradient(lambda x: np.power(x, np.full(3, float(exponent))), [-2.0, 0.0, 3.0], u=np.ones(3))
    np.testing.assert_allclose(g, expected)


def test_power_of_zero() -> None:
    base, exponent = gradient(np.power, [0.0, 0.0, 0.0], [2.0, 1.0, 0.0], u=np.ones(3))
    np.testing.assert_array_equal(base, [0.0, 1.0, 0.0])
    np.testing.assert_array_equal(exponent, [0.0, 0.0, 0.0])


def test_square_root_of_zero_is_steep_but_no_nan() -> None:
    with np.errstate(divide="ignore"):
        (g,) = gradient(np.sqrt, [0.0, 4.0])
    np.testing.assert_array_equal(g, [np.inf, 0.5])


def test_logaddexp_of_extremes() -> None:
    """Shares of e^a and e^b, however far apart."""
    a, b = gradient(np.logaddexp, [1e4, -1e4, 0.0], [0.0, 0.0, 0.0], u=np.ones(3))
    np.testing.assert_array_equal(a, [1.0, 0.0, 0.5])
    np.testing.assert_array_equal(b, [0.0, 1.0, 0.5])


def test_tanh_of_extremes_is_flat() -> None:
    (g,) = gradient(np.tanh, [-1e4, 0.0, 1e4], u=np.ones(3))
    np.testing.assert_array_equal(g, [0.0, 1.0, 0.0])


def test_where_keeps_what_is_not_chosen_out() -> None:
    """The branch not taken gets a zero gradient, and an infinity there does not leak when its own input is kept finite."""
    x = Tensor(np.array([0.0, 4.0]), requires_grad=True)
    np.sum(np.where(x.data > 0, np.sqrt(np.where(x.data > 0, x, 1.0)), 0.0)).backward()
    np.testing.assert_array_equal(x.grad, [0.0, 0.25])


def test_clip_at_its_bounds() -> None:
    """On the bound the gradient passes, outside it goes to the bound."""
    x, low, high = gradient(np.clip, [-2.0, -1.0, 0.0, 1.0, 2.0], np.full(5, -1.0), np.full(5, 1.0))
    np.testing.assert_array_equal(x, [0, 2, 3, 4, 0])
    np.testing.assert_array_equal(low, [1, 0, 0, 0, 0])
    np.testing.assert_array_equal(high, [0, 0, 0, 0, 5])


def test_clip_between_equal_bounds() -> None:
    """From below the gradient goes to the lower, from above to the upper."""
    x, low, high = gradient(np.clip, [-1.0, 1.0], np.zeros(2), np.zeros(2))
    np.testing.assert_array_equal([x, low, high], [[0, 0], [1, 0], [0, 2]])


def test_copysign_of_zero_and_minus_zero() -> None:
    y = np.copysign(Tensor(np.array([3.0, -3.0, 3.0, -3.0]), requires_grad=True), np.array([0.0, 0.0, -0.0, -0.0]))
    np.testing.assert_array_equal(y.data, [3.0, 3.0, -3.0, -3.0])
    x = Tensor(np.array([3.0, -3.0, 3.0, -3.0]), requires_grad=True)
    np.copysign(x, np.array([0.0, 0.0, -0.0, -0.0])).backward(np.ones(4))
    np.testing.assert_array_equal(x.grad, [1.0, -1.0, -1.0, 1.0])


def test_copysign_of_what_is_zero() -> None:
    """|a| sign(b) has a kink at a = 0: the side of positive a is chosen."""
    (g,) = gradient(lambda a: np.copysign(a, np.array([2.0, -2.0])), [0.0, 0.0], u=np.ones(2))
    np.testing.assert_array_equal(g, [1.0, -1.0])


def test_nan_to_num_is_flat_where_it_replaced() -> None:
    (g,) = gradient(np.nan_to_num, [np.nan, np.inf, 2.0])
    np.testing.assert_array_equal(g, [0.0, 0.0, 3.0])


def test_sort_and_median_of_equal_entries_give_every_gradient_once() -> None:
    (g,) = gradient(np.sort, [2.0, 1.0, 2.0, 1.0])
    np.testing.assert_array_equal(g, [3.0, 1.0, 4.0, 2.0])
    (g,) = gradient(np.median, [1.0, 1.0, 1.0], u=np.array(1.0))
    assert g.sum() == 1.0


def test_places_picked_twice_add_up() -> None:
    (g,) = gradient(lambda x: x[[0, 0, 2, 0]], [5.0, 6.0, 7.0])
    np.testing.assert_array_equal(g, [1 + 2 + 4, 0, 3])
    (g,) = gradient(lambda x: np.take(x, [2, 2]), [5.0, 6.0, 7.0])
    np.testing.assert_array_equal(g, [0, 0, 3])
    (g,) = gradient(lambda x: np.broadcast_to(x, (3, 2)), [5.0, 6.0])
    np.testing.assert_array_equal(g, [1 + 3 + 5, 2 + 4 + 6])


def test_interpolation_is_flat_beyond_the_points() -> None:
    points = np.array([0.0, 1.0, 3.0])
    x, f = gradient(lambda x, f: np.interp(x, points, f), [-1.0, 0.5, 2.0, 9.0], [0.0, 2.0, 8.0])
    np.testing.assert_allclose(x, [0, 2 * 2, 3 * 3, 0])
    np.testing.assert_allclose(f, [1 + 1, 1 + 1.5, 1.5 + 4])
    points, values = [0.0, 1.0, 3.0], [0.0, 2.0, 8.0]
    np.testing.assert_allclose(np.interp([0.5, 2.0], points, Tensor(values)).data, [1.0, 5.0])
    np.testing.assert_allclose(np.interp(Tensor([0.5, 2.0]), points, values).data, [1.0, 5.0])
    with pytest.raises(TypeError, match="xp"):
        np.interp(0.5, Tensor(points, requires_grad=True), points)


@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0)])
@pytest.mark.parametrize("axis", [None, 0, -1])
def test_sums_and_products_of_nothing(shape: tuple[int, ...], axis: int | None) -> None:
    for fn in (np.sum, np.prod):
        x = Tensor(np.zeros(shape, np.float32), requires_grad=True)
        y = fn(x, axis=axis)
        np.testing.assert_array_equal(y.data, fn(x.data, axis=axis), strict=True)
        kept = fn(x, axis=axis, keepdims=True)
        np.testing.assert_array_equal(kept.data, fn(x.data, axis=axis, keepdims=True), strict=True)
        y.backward(np.ones_like(y.data))
        assert x.grad.shape == shape


def test_constants_of_functions_are_raw_or_zero() -> None:
    x = Tensor(np.eye(2) * 2.0, requires_grad=True)
    assert not isinstance(np.linalg.matrix_power(x, 0), Tensor) or not np.linalg.matrix_power(x, 0).requires_grad
    np.testing.assert_array_equal(np.linalg.norm(x.ravel(), ord=0), 2.0)
    batch = Tensor(np.zeros((2, 1, 3, 3), np.float32))
    np.testing.assert_array_equal(raw(np.linalg.matrix_power(batch, 0)), np.linalg.matrix_power(batch.data, 0), strict=True)
    counted = np.linalg.vector_norm(Tensor(np.array([[1.0, 0.0], [3.0, 4.0]])), ord=0, axis=1, keepdims=True)
    np.testing.assert_array_equal(counted, [[1.0], [2.0]], strict=True)
    count = np.linalg.vector_norm(Tensor(np.array([[1.0, 0.0], [3.0, 4.0]], np.float32)), ord=0, axis=1)
    np.testing.assert_array_equal(count, [1.0, 2.0])
    assert count.dtype == np.float32
    np.testing.assert_array_equal(np.where(Tensor([0.0, 2.0, 3.0]))[0], [1, 2])


def test_indices_may_be_tensors() -> None:
    x, places = Tensor([1.0, 2.0, 3.0]), Tensor([2, 0])
    for got in (x[places], np.take(x, places), np.take_along_axis(x, places, 0), np.take(x, [2, 0])):
        np.testing.assert_array_equal(got.data, [3.0, 1.0])


def test_parts_that_carry_no_gradient_are_right_too() -> None:
    matrices = np.array([[[2.0, 1.0], [0.0, -3.0]], [[1.0, 0.0], [0.0, 4.0]]])
    sign, size = np.linalg.slogdet(Tensor(matrices, requires_grad=True))
    np.testing.assert_array_equal(sign, [-1.0, 1.0])
    np.testing.assert_allclose(size.data, np.log([6.0, 4.0]))
    filled = np.full_like(Tensor(np.zeros((2, 2), np.float32)), Tensor([1.0, 2.0], requires_grad=True), dtype=np.float64)
    assert filled.dtype == np.float64 and filled.requires_grad
    np.testing.assert_array_equal(np.full_like(Tensor(np.zeros(2, np.float32)), 3.0), np.full(2, 3.0, np.float32), strict=True)


# ---------------------------------------------------------------- what the rules refuse, by name

BAD = [
    (lambda x: np.ravel(x, order="F"), TypeError, "order"),
    (lambda x: np.einsum("ij,jk->ik", x), ValueError, "2 operands, 1"),
    (lambda x: np.einsum(x, [0, 1]), TypeError, "string"),
    (lambda x: np.quantile(x, [0.1, 0.2]), ValueError, "one number between 0 and 1"),
    (lambda x: np.quantile(x, 1.5), ValueError, "1.5"),
    (lambda x: np.average(x, axis=0, weights=np.ones(2)), TypeError, "same shape"),
    (lambda x: np.cross(x, x), ValueError, "need 3"),
    (lambda x: np.cross(x[0], np.ones(3)), ValueError, "need 3"),
    (lambda x: np.cross(np.ones(3), x[0]), ValueError, "need 3"),
    *((lambda x, f=f: f(x), np.exceptions.AxisError, "out of bounds") for f in (
        lambda x: np.prod(x, axis=2), lambda x: np.take(x, [0], axis=5), lambda x: np.diff(x, axis=-3),
       
        lambda x: np.take_along_axis(x, np.zeros((2, 2), int), 2), lambda x: np.tensordot(x, x, axes=([3], [0])),
        lambda x: np.rollaxis(x, 2), lambda x: np.diff(x[0, 0]), lambda x: np.sort(x, axis=2),
        
    )),
    (lambda x: np.pad(x, 1, mode="edge"), TypeError, "edge"),
    (lambda x: np.pad(x, {0: 1}), TypeError, "pad_width"),
    *((lambda x, n=n: np.split(x, n, axis=1), ValueError, "does not split into 3") for n in (3, np.int64(3))),
    (lambda x: np.linalg.matrix_norm(x, ord=2), TypeError, "singular"),
    (lambda x: np.linalg.norm(x, ord="nuc"), TypeError, "nuc"),
    (lambda x: np.cumulative_sum(x), TypeError, "axis"),
    (lambda x: np.compress([[True]], x), ValueError, "one dimension"),
    (lambda x: np.sum(x, initial=2.0), TypeError, "initial"),
    (lambda x: np.sum(x, where=np.ones((2, 2), bool)), TypeError, "where"),
    (lambda x: np.max(x, initial=2.0), TypeError, "initial"),
    (lambda x: np.mean(x, where=np.ones((2, 2), bool)), TypeError, "where"),
    (lambda x: np.cumsum(x, out=np.zeros(4)), TypeError, "out"),
    (lambda x: np.exp(x, dtype=np.float64), TypeError, "dtype"),
    (lambda x: np.matmul(x, np.ones((3, 1))), ValueError, "matmul"),
    (lambda x: x + np.ones((3, 3)), ValueError, "add|broadcast"),
    (lambda x: np.sum(x, axis=5), ValueError, "axis 5"),
    (lambda x: x[5], IndexError, "index 5"),
    (lambda x: np.sort(x, kind="stable"), TypeError, "kind"),
    (lambda x: np.diff(x, prepend=0.0), TypeError, "prepend"),
    (lambda x: np.reshape(x, (3, 3)), ValueError, "reshape"),
]


@pytest.mark.parametrize(("call", "error", "match"), BAD)
def test_what_has_no_rule_or_no_meaning_is_refused(call: Callable, error: type, match: str) -> None:
    with pytest.raises(error, match=match):
        call(Tensor(np.array([[1.0, 2.0], [3.0, 4.0]]), requires_grad=True))


@pytest.mark.parametrize(("spec", "shapes"), [
    ("ij,ij->i", [(3, 1), (3, 4)]), ("ij,jk->ik", [(2, 1), (4, 3)]), ("i,ij->j", [(1,), (3, 2)]), ("ij,j->", [(2, 1), (3,)]),
])
def test_einsum_broadcasts_a_letter_of_size_one(spec: str, shapes: list[tuple[int, ...]]) -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(shape) for shape in shapes]
    np.testing.assert_allclose(np.einsum(spec, *map(Tensor, arrays)).data, np.einsum(spec, *arrays))
    assert gradcheck(lambda *x: np.einsum(spec, *x), arrays)


def test_clip_between_crossed_bounds_is_the_upper_one() -> None:
    x, low, high = (Tensor(np.array(v), requires_grad=True) for v in ([0.0, 5.0, 2.0], [3.0, 3.0, 3.0], [1.0, 1.0, 1.0]))
    y = np.clip(x, low, high)
    np.testing.assert_array_equal(y.data, [1.0, 1.0, 1.0])
    y.sum().backward()
    np.testing.assert_array_equal([x.grad, low.grad, high.grad], [np.zeros(3), np.zeros(3), np.ones(3)])


def test_counts_may_be_numpys_integers() -> None:
    x = Tensor(np.arange(4.0), requires_grad=True)
    assert [part.shape for part in np.split(x, np.int64(2))] == [(2,), (2,)]
    assert [part.shape for part in np.array_split(x, np.int64(3))] == [(2,), (1,), (1,)]
    assert np.tile(x, np.array([2, 2])).shape == (2, 8)
