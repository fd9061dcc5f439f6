"""Operations with a gradient of their own, the anomaly mode that names them, and the check that proves them."""

from __future__ import annotations

import numpy as np
import pytest

import tinyllm
from tests.autograd.checks import leaf
from tinyllm import GradientError, Tensor, detect_anomaly, formulas_only, grad, gradcheck, no_grad, operation
from tinyllm.autograd import Operation
from tinyllm.functional.formula import FORMULAS, Formula


@operation
def scaled_cube(x, k=2.0, shift=0.0):
    """k x³ + shift"""
    return k * x**3 + shift, lambda g: (3 * k * x * x * g, (x**3 * g).sum())


@operation
def fused_dot(a, b):
    return (a * b).sum(), lambda g: (g * b, g * a)


# ---------------------------------------------------------------- @operation

@pytest.mark.parametrize(
    "call",
    [lambda x: scaled_cube(x), lambda x: scaled_cube(x, 2.0), lambda x: scaled_cube(x, k=2.0),
    lambda x: scaled_cube(x=x, k=2.0, shift=0.0),
     lambda x: scaled_cube(k=2.0, x=x)],
)
def test_arguments_by_position_or_name(call) -> None:
    t = leaf(1.0, -2.0)
    y = call(t)
    np.testing.assert_array_equal(y.data, [2.0, -16.0])
    y.backward(np.array([1.0, 10.0]))
    np.testing.assert_array_equal(t.grad, [6.0, 240.0])


def test_gradients_reach_arguments_given_by_name() -> None:
    t, k = leaf(1.0, 2.0), Tensor(3.0, requires_grad=True, dtype=np.float64)
    scaled_cube(t, k=k, shift=1.0).backward(np.array([1.0, 1.0]))
    np.testing.assert_array_equal(t.grad, [9.0, 36.0])
    np.testing.assert_array_equal(k.grad, 9.0)


def test_raw_in_raw_out() -> None:
    assert type(scaled_cube(np.ones(2))) is np.ndarray
    y = scaled_cube(Tensor([1.0]))
    assert type(y) is Tensor and not y.requires_grad
    with no_grad():
        assert not scaled_cube(leaf(1.0)).requires_grad


def test_it_keeps_its_name_and_docstring() -> None:
    assert scaled_cube.__name__ == "scaled_cube" and scaled_cube.__doc__ == "k x³ + shift" and isinstance(scaled_cube,
        Operation)
    assert "from=scaled_cube" in repr(scaled_cube(leaf(1.0)))


@pytest.mark.parametrize("call", [lambda: scaled_cube(), lambda: scaled_cube(1.0, 2.0, 3.0, 4.0),
    lambda: scaled_cube(1.0, m=2.0)])
def test_wrong_arguments_are_named(call) -> None:
    with pytest.raises(TypeError, match="scaled_cube"):
        call()


@pytest.mark.parametrize("body", [lambda x, *, k: (x, None), lambda *xs: (xs, None), lambda x, **kw: (x, None)])
def test_parameters_without_a_place_are_refused(body) -> None:
    with pytest.raises(TypeError, match="by place"):
        operation(body)


def test_the_same_tensor_twice_counts_twice() -> None:
    t = leaf(2.0, 3.0)
    fused_dot(t, t).backward()
    np.testing.assert_array_equal(t.grad, [4.0, 6.0])


def test_a_second_order_without_a_formula_says_so() -> None:
    with pytest.raises(RuntimeError, match=r"scaled_cube.*no formula"):
        grad(lambda x: np.sum(grad(lambda y: np.sum(scaled_cube(y)))(x)))(np.ones(2))


def test_a_changed_input_is_caught() -> None:
    t, k = leaf(1.0, 2.0), Tensor(2.0)
    y = scaled_cube(t, k)
    k += 1.0
    with pytest.raises(RuntimeError, match=r"scaled_cube.*changed in place"):
        y.backward(np.ones(2))


# ---------------------------------------------------------------- a formula and its twin

@pytest.fixture
def softish():
    """softish(x, w) = exp(x w) / Σ exp(x w), counted: which body ran, with what."""
    ran = []

    def definition(x, w, axis=-1):
        ran.append("formula")
        e = np.exp(x * w)
        return e / np.sum(e, axis=axis, keepdims=True)

    made = Formula(definition)

    @made.fused
    def body(x, w, axis=-1):
        ran.append("twin")
        e = np.exp(x * w)
        y = e / e.sum(axis, keepdims=True)

        def vjp(g):
            gz = y * (g - (g * y).sum(axis, keepdims=True))
            return gz * w, gz * x

        return y, vjp

    made.ran = ran
    yield made
    del FORMULAS["definition"]


def test_a_formula_runs_its_twin_unless_told_otherwise(softish) -> None:
    x, w = np.array([[0.5, 1.0]]), np.array([[2.0, -1.0]])
    twin = softish(Tensor(x), w)
    with formulas_only():
        plain = softish(Tensor(x), w)
    assert softish.ran == ["twin", "formula"]
    np.testing.assert_allclose(twin.data, plain.data)
    np.testing.assert_array_equal(softish.formula(x, w), plain.data)


def test_second_derivatives_replay_the_formula(softish) -> None:
    """One leaf a place: the same tensor in both places counts in both."""
    x = np.array([[0.3, -0.2, 0.5]])
    gradcheck(lambda x, w: softish(x, w), [x, x + 1.0], order=2)
    gradcheck(lambda x: softish(x, x), x, order=2)
    softish.ran.clear()
    with formulas_only():
        expected = grad(lambda x: np.sum(grad(lambda y: np.sum(softish(y, y) ** 2))(x) ** 2))(x)
    assert "twin" not in softish.ran
    got = grad(lambda x: np.sum(grad(lambda y: np.sum(softish(y, y) ** 2))(x) ** 2))(x)
    np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_first_derivatives_do_not_replay(softish) -> None:
    grad(lambda x: np.sum(softish(x, x) ** 2))(np.ones((1, 2)))
    assert softish.ran == ["twin"]


# ---------------------------------------------------------------- the mode that names the first NaN

def test_an_anomaly_names_its_operation_and_shapes_forward() -> None:
    t = leaf(1.0, -1.0)
    with np.errstate(all="ignore"), detect_anomaly():
        with pytest.raises(FloatingPointError, match=r"np\.log .*NaN.*\(2,\)"):
            np.exp(np.log(t) * 2)
        with pytest.raises(FloatingPointError, match=r"np\.divide .*infinity.*\(2,\)"):
            t / np.zeros(2)
        with pytest.raises(FloatingPointError, match="scaled_cube"):
            scaled_cube(leaf(1e200))
        np.exp(t)


def test_an_anomaly_names_its_operation_and_shapes_backward() -> None:
    t = Tensor(np.array([[0.0, 4.0]]), requires_grad=True)
    with np.errstate(all="ignore"), detect_anomaly():
        y = np.sum(np.sqrt(t), axis=1)
        with pytest.raises(FloatingPointError, match=r"gradient of np\.sqrt .*infinity.*\(1, 2\)"):
            y.backward(np.ones(1))


def test_outside_the_mode_nothing_is_checked() -> None:
    with np.errstate(all="ignore"):
        assert np.isnan(np.log(leaf(-1.0)).data).all()


# ---------------------------------------------------------------- gradcheck

def wrong_softmax(x):
    """Whose gradient forgets the sum: y g instead of y (g − Σ g y). Under an all-ones g the true one is zero, and the slope
    along any direction of Σ y is zero too."""

    @operation
    def softmax(x):
        e = np.exp(x - x.max(-1, keepdims=True))
        y = e / e.sum(-1, keepdims=True)
        return y, lambda g: (y * (g - g.mean(-1, keepdims=True)),)

    return softmax(x)


def test_gradcheck_catches_what_an_all_ones_gradient_hides() -> None:
    x = np.array([[0.1, 0.7, -0.4], [1.0, 0.2, 0.3]])
    t = Tensor(x, requires_grad=True)
    wrong_softmax(t).sum().backward()
    np.testing.assert_allclose(t.grad, 0.0, atol=1e-15)        # as it should be: the error does not show
    with pytest.raises(GradientError):
        gradcheck(wrong_softmax, x)


@operation
def half_wrong(a, b):
    def vjp(g):
        gb = g * a
        gb[1, 2] *= 1.5
        return g * b, gb

    return a * b, vjp


def test_gradcheck_prints_the_worst_entry_with_got_and_expected() -> None:
    a, b = np.full((2, 3), 2.0), np.full((2, 3), 3.0)
    with pytest.raises(GradientError) as failure:
        gradcheck(half_wrong, [a, b], seed=4)
    text = str(failure.value)
    assert text.startswith("slope is") and "input 1[1, 2]" in text and "got" in text and "expected" in text
    got, expected = (float(text.split(word)[1].split(",")[0].strip(" .")) for word in ("got ", "expected "))
    assert abs(got / expected - 1.5) < 1e-6


def test_gradcheck_catches_wrong_second_order() -> None:
    """The formula a gradient is replayed with is another function than the twin: order 1 passes, order 2 does not."""
    twisted = Operation(lambda x: (x**3, lambda g: (3 * x * x * g,)), lambda x: x**3 + x**2)
    x = np.array([0.5, 1.5])
    assert gradcheck(twisted, x)
    with pytest.raises(GradientError, match="order 2"):
        gradcheck(twisted, x, order=2)


@pytest.mark.parametrize("factor", [1.001, 0.999, -1.0, 0.0])
def test_gradcheck_is_sharp(factor: float) -> None:
    almost = Operation(lambda x: (np.sin(x), lambda g: (factor * np.cos(x) * g,)))
    with pytest.raises(GradientError):
        gradcheck(almost, np.array([0.3, 0.7]))


def test_gradcheck_takes_one_input_or_several_outputs_or_several() -> None:
    assert gradcheck(np.sin, 0.5)
    assert gradcheck(np.sin, Tensor([0.5, 1.0]))
    assert gradcheck(lambda a, b: (a * b, a - b), (np.ones(2), np.ones(2)), order=2)
    assert gradcheck(lambda x: np.array_split(x, 2), np.arange(5.0), order=2)
    assert gradcheck(lambda x: np.zeros_like(x), np.ones(3))
    assert gradcheck(np.sin, np.ones((0, 3)), order=2)
    with pytest.raises(ValueError, match="order=3"):
        gradcheck(np.sin, 0.5, order=3)


def test_gradcheck_fails_on_nan() -> None:
    with np.errstate(all="ignore"), pytest.raises(GradientError):
        gradcheck(np.log, np.array([-1.0]))


def test_gradcheck_in_its_public_place() -> None:
    assert tinyllm.gradcheck is gradcheck and issubclass(GradientError, AssertionError)
