"""grad and value_and_grad: which argument, which order, what is captured, and that nobody's .grad is touched."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyllm
from tinyllm import Tensor, grad, no_grad, value_and_grad

point = st.floats(0.2, 1.5)

# f and its derivatives of orders 1 to 4
CLOSED = {
    "sin": (np.sin, [math.cos, lambda x: -math.sin(x), lambda x: -math.cos(x), math.sin]),
    "exp(2x)": (lambda x: np.exp(2 * x), [lambda x, n=n: 2**n * math.exp(2 * x) for n in (1, 2, 3, 4)]),
    "log": (np.log, [lambda x: 1 / x, lambda x: -1 / x**2, lambda x: 2 / x**3, lambda x: -6 / x**4]),
    "x^5": (lambda x: x**5, [lambda x: 5 * x**4, lambda x: 20 * x**3, lambda x: 60 * x**2, lambda x: 120 * x]),
    "1/x": (lambda x: 1 / x, [lambda x: -1 / x**2, lambda x: 2 / x**3, lambda x: -6 / x**4, lambda x: 24 / x**5]),
    "tanh": (
        np.tanh,
        [
            lambda x: 1 - math.tanh(x) ** 2,
            lambda x: -2 * math.tanh(x) * (1 - math.tanh(x) ** 2),
            lambda x: (1 - math.tanh(x) ** 2) * (6 * math.tanh(x) ** 2 - 2),
            lambda x: (1 - math.tanh(x) ** 2) * (16 * math.tanh(x) - 24 * math.tanh(x) ** 3),
        ],
    ),
    "sqrt": (np.sqrt, [lambda x: 0.5 * x**-0.5, lambda x: -0.25 * x**-1.5, lambda x: 0.375 * x**-2.5,
    lambda x: -0.9375 * x**-3.5]),
    "sum of shared parts": (lambda x: np.sum(np.stack([x, x * x]) * x),
    [lambda x: 2 * x + 3 * x * x, lambda x: 2 + 6 * x, lambda x: 6, lambda x: 0]),
}


@pytest.mark.parametrize("name", CLOSED)
@given(x=point)
def test_nested_grads_to_order_four(name: str, x: float) -> None:
    f, derivatives = CLOSED[name]
    for derivative in derivatives:
        f = grad(f)
        got = f(np.array(x))
        assert type(got) is np.ndarray and got.shape == () and got.dtype == np.float64
        assert math.isclose(got, derivative(x), rel_tol=1e-9, abs_tol=1e-9)


def test_argnums() -> None:
    def f(a: Tensor, b: Tensor, c: Tensor, *, k: float = 1.0) -> Tensor:
        return np.sum(a * b * b * k + np.exp(c))

    a, b, c = np.array([1.0, 2.0]), np.array([3.0, 4.0]), np.array(0.5)
    np.testing.assert_array_equal(grad(f)(a, b, c), b * b)
    np.testing.assert_array_equal(grad(f, 1)(a, b, c, k=2.0), 4 * a * b)
    np.testing.assert_array_equal(grad(f, -2)(a, b, c), 2 * a * b)
    gb, ga = grad(f, (1, 0))(a, b, c)
    np.testing.assert_array_equal(ga, b * b)
    np.testing.assert_array_equal(gb, 2 * a * b)
    (gc,) = grad(f, [2])(a, b, c)
    assert gc.shape == () and math.isclose(gc, 2 * math.exp(0.5))
    value, slopes = value_and_grad(f, (0, 1))(a, b, c)
    np.testing.assert_array_equal(value, np.sum(a * b * b + np.exp(c)))
    np.testing.assert_array_equal(slopes[0], b * b)


def test_values_and_gradients_are_raw_and_ones_own() -> None:
    """They share memory with no argument: writing into a result changes nothing else."""
    x = np.array([1.0, 2.0])
    value, slope = value_and_grad(lambda t: np.sum(t))(x)
    assert type(slope) is np.ndarray and not isinstance(value, Tensor)
    slope += 5.0
    np.testing.assert_array_equal(x, [1.0, 2.0])
    a, b = grad(lambda s, t: np.sum(s + t), (0, 1))(x, x)
    a += 1.0
    np.testing.assert_array_equal(b, [1.0, 1.0])


@pytest.mark.parametrize("x", [2.0, np.float32(2.0), np.array(2.0, np.float32), Tensor(2.0), Tensor(2.0, requires_grad=False)])
def test_numbers_arrays_and_tensors_are_taken(x: object) -> None:
    got = grad(lambda t: t**3)(x)
    assert got.dtype == np.float32 and got == 12.0


def test_an_argument_that_does_not_matter_has_a_gradient_of_zeros() -> None:
    x = np.ones((2, 3))
    np.testing.assert_array_equal(grad(lambda a, b: np.sum(b))(x, x), np.zeros((2, 3)))
    np.testing.assert_array_equal(grad(lambda a: 3.0)(x), np.zeros((2, 3)))
    np.testing.assert_array_equal(grad(lambda a: np.float64(np.sum(np.argmax(a))))(x), np.zeros((2, 3)))
    assert grad(grad(lambda a: 5.0 * a))(2.0) == 0.0
    assert grad(lambda a: grad(lambda b: 3.0)(a) * a + a)(2.0) == 1.0


def test_the_same_tensor_in_two_places_counts_twice() -> None:
    t = Tensor(np.array(3.0), requires_grad=True)
    a, b = grad(lambda x, y: x * x * y, (0, 1))(t, t)
    assert a.item() == 18.0 and b.item() == 9.0
    assert grad(lambda x: grad(lambda p, q: p * q * q, 0)(x, x))(np.array(3.0)) == 6.0
    both = grad(lambda x: sum(grad(lambda p, q: p * q * q, (0, 1))(x, x)))(np.array(3.0))
    assert both == 2 * 3.0 + 4 * 3.0                  # d(x² + 2x²)
    np.testing.assert_array_equal(np.array(t.grad, object), None)


# ---------------------------------------------------------------- captured variables

@given(x=point, y=point)
def test_an_inner_grad_captures_an_outer_variable(x: float, y: float) -> None:
    """d/dx [x · d/dy (x² y³)] = d/dx [3 x³ y²] = 9 x² y²"""
    outer = grad(lambda a: a * grad(lambda b: a * a * b**3)(np.array(y)))
    assert math.isclose(outer(np.array(x)), 9 * x * x * y * y, rel_tol=1e-12)
    mixed = grad(lambda a: grad(lambda b: np.sin(a * b))(a))(np.array(x))      # d/da [a cos a²]
    assert math.isclose(mixed, math.cos(x * x) - 2 * x * x * math.sin(x * x), rel_tol=1e-9, abs_tol=1e-12)


def test_perturbations_are_not_confused() -> None:
    """d/dx (x · d/dy (x + y) at y = 1) = 1, not 2: the inner derivative is of y alone."""
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(1.0) == 1.0


def test_a_captured_leaf_keeps_its_grad_and_takes_part_in_an_outer_backward() -> None:
    w = Tensor(np.array([2.0, 3.0]), requires_grad=True)
    slope = grad(lambda x: np.sum(w * x * x))(np.array([1.0, 1.0]))
    np.testing.assert_array_equal(slope, [4.0, 6.0])
    assert w.grad is None
    by_w = grad(lambda v: np.sum(grad(lambda x: np.sum(v * x**3))(np.array([1.0, 2.0]))))(w)
    np.testing.assert_array_equal(getattr(by_w, "data", by_w), [3.0, 12.0])
    assert w.grad is None


def test_a_gradient_penalty() -> None:
    """‖∂ₓ f(w, x)‖² differentiated for w, against differences."""
    rng = np.random.default_rng(0)
    w, x = rng.standard_normal((3, 2)), rng.standard_normal((4, 3))

    def penalty(w: Tensor) -> Tensor:
        return np.sum(np.square(grad(lambda x: np.sum(np.tanh(x @ w)))(x)))

    tinyllm.gradcheck(penalty, w)
    tinyllm.gradcheck(penalty, w, order=2)


def test_a_gradient_penalty_by_backward() -> None:
    """grad at a Tensor that carries a gradient answers Tensors: the penalty goes back into the leaf."""
    w = Tensor(np.array([0.5, -1.0]), requires_grad=True)
    slope = grad(lambda v: np.sum(v**3))(w)
    assert isinstance(slope, Tensor) and slope.requires_grad
    np.sum(slope * slope).backward()
    np.testing.assert_allclose(w.grad, 36 * w.data**3)


def test_hessian_is_symmetric_and_right() -> None:
    """Of f = x₀² x₁ + sin(x₁): [[2 x₁, 2 x₀], [2 x₀, −sin x₁]]"""
    x = np.array([1.5, -0.5])
    f = lambda t: t[0] * t[0] * t[1] + np.sin(t[1])
    rows = [grad(lambda t, e=e: np.sum(grad(f)(t) * e))(x) for e in np.eye(2)]
    np.testing.assert_allclose(rows, [[-1.0, 3.0], [3.0, math.sin(0.5)]], rtol=1e-12)


# ---------------------------------------------------------------- with the rest

def test_inside_no_grad_a_grad_still_differentiates() -> None:
    with no_grad():
        assert grad(lambda x: x**3)(2.0) == 12.0
        assert grad(grad(lambda x: x**3))(2.0) == 12.0


def test_no_grad_inside_cuts() -> None:
    def f(x: Tensor) -> Tensor:
        with no_grad():
            scale = x * 10.0
        return x * scale

    assert grad(f)(2.0) == 20.0


def test_detach_cuts_for_every_order() -> None:
    assert grad(lambda x: x * x.detach())(3.0) == 3.0
    assert grad(grad(lambda x: x * x * x.detach()))(3.0) == 6.0


def test_touches_no_grad_of_arguments_or_captured() -> None:
    a, b = Tensor(2.0, requires_grad=True), Tensor(3.0, requires_grad=True)
    grad(lambda x: x * b)(a)
    value_and_grad(grad(lambda x: x * x * b))(a)
    assert a.grad is None and b.grad is None


def test_the_graph_of_an_argument_stays_usable() -> None:
    t = Tensor(np.array(2.0), requires_grad=True)
    y = t * t
    assert grad(lambda x: x**3)(y).item() == 48.0
    y.backward()
    np.testing.assert_array_equal(t.grad, 4.0)


def test_a_method_and_a_closure_differentiate() -> None:
    class Line:
        def __init__(self, slope: float) -> None:
            self.slope = slope

        def at(self, x: Tensor) -> Tensor:
            return self.slope * x

    assert grad(Line(4.0).at)(1.0) == 4.0


@pytest.mark.parametrize(
    ("f", "args", "argnums", "match"),
    [
        (lambda x: x * 2, (np.ones(3),), 0, r"shape \(3,\)"),
        (lambda x: np.ones(2), (1.0,), 0, r"shape \(2,\)"),
        (lambda x: x, (3,), 0, "argument 0 is int.*3.0 rather than 3"),
        (lambda x, y: y, (1.0, np.arange(3)), 1, "argument 1 is int"),
        (lambda x: x, (1.0,), 1, "argnums=1 of a call with 1"),
        (lambda x: x, (1.0,), (0, -2), "argnums="),
        (lambda x: "text", (1.0,), 0, "number"),
    ],
)
def test_errors(f: Callable, args: tuple, argnums: object, match: str) -> None:
    with pytest.raises(TypeError, match=match):
        grad(f, argnums)(*args)


def test_an_error_inside_leaves_the_mode_as_it_was() -> None:
    def broken(x: Tensor) -> Tensor:
        raise KeyError("broken")

    with pytest.raises(KeyError):
        grad(broken)(1.0)
    t = Tensor(1.0, requires_grad=True)
    assert not isinstance(grad(lambda x: x * 2)(1.0), Tensor) and (t * 2).requires_grad
