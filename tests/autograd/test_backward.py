"""backward() and .grad: what may be asked for, how gradients add up, whose memory they are, in which dtype they come."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.autograd.checks import leaf
from tinyllm import Tensor, no_grad


def test_backward_needs_something_to_differentiate_and_a_fitting_gradient() -> None:
    with pytest.raises(RuntimeError, match="nothing to differentiate"):
        Tensor(1.0).backward()
    with no_grad():
        y = leaf(1.0) * 2
    with pytest.raises(RuntimeError, match="nothing to differentiate"):
        y.backward()
    y = leaf(1.0, 2.0) * 2
    with pytest.raises(RuntimeError, match=r"shape \(2,\) needs a gradient"):
        y.backward()
    for wrong in (np.ones(3), np.ones((1, 2)), 1.0):
        with pytest.raises(ValueError, match="they must be equal"):
            y.backward(wrong)
    y.backward(Tensor(np.ones(2)))


def test_one_entry_of_any_shape_needs_no_gradient() -> None:
    t = leaf(3.0)
    (t * t).reshape(1, 1).backward()
    np.testing.assert_array_equal(t.grad, [6.0])


def test_gradients_add_up_and_keep_their_array() -> None:
    t = leaf(1.0, 2.0)
    (t * 2).sum().backward()
    first = t.grad
    (t * 3).sum().backward()
    np.testing.assert_array_equal(t.grad, [5.0, 5.0])
    assert t.grad is first
    t.grad = None
    (t * 3).sum().backward()
    np.testing.assert_array_equal(t.grad, [3.0, 3.0])
    np.testing.assert_array_equal(first, [5.0, 5.0])


SHARERS = [
    lambda a, b: a + b, lambda a, b: a - (-b), lambda a, b: np.stack((a, b)).sum(0), lambda a, b: a[:] + b[:], lambda a,
    b: (a.T + b.T).T,
    lambda a, b: np.concatenate((a, b)), lambda a, b: np.where([True, False], a, a) + b, lambda a,
    b: np.positive(a) + np.copy(b),
    lambda a, b: np.broadcast_to(a, (1, 2)) + b, lambda a, b: a.reshape(2) + b.reshape(2), lambda a, b: a + b + a,
]


@pytest.mark.parametrize("f", SHARERS)
def test_gradients_share_memory_with_nothing(f: Callable) -> None:
    """Not with each other, the user's gradient, the data, or an output: writing into one changes one."""
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    y = f(a, b)
    u = np.arange(1.0, y.size + 1).reshape(y.shape)
    kept = u.copy()
    y.backward(u)
    arrays = [a.grad, b.grad, u, a.data, b.data, y.data]
    for i, x in enumerate(arrays):
        for z in arrays[:i]:
            assert not np.shares_memory(x, z) or (x is y.data and z in (a.data, b.data)) or x is z is y.data
    a.grad += 100.0
    np.testing.assert_array_equal(u, kept)
    assert a.grad.flags.writeable and b.grad.flags.writeable


def test_the_output_itself_may_be_a_leaf() -> None:
    t, u = leaf(1.0, 2.0), np.array([5.0, 7.0])
    t.backward(u)
    np.testing.assert_array_equal(t.grad, u)
    assert not np.shares_memory(t.grad, u)


def test_a_freed_graph_says_so() -> None:
    t = leaf(2.0)
    middle = t * t
    y = middle.sum()
    y.backward()
    with pytest.raises(RuntimeError, match=r"freed.*retain_graph"):
        y.backward()
    with pytest.raises(RuntimeError, match="freed"):
        (middle * 3).sum().backward()
    y = (t * t).sum()
    y.backward(retain_graph=True)
    y.backward()
    np.testing.assert_array_equal(t.grad, [12.0])


def test_a_gradient_of_another_dtype_is_cast() -> None:
    t = leaf(1.0, 2.0, dtype=np.float32)
    (t * 2).backward(np.array([1.0, 3.0]))
    assert t.grad.dtype == np.float32
    np.testing.assert_array_equal(t.grad, [2.0, 6.0])
    t.grad = None
    (t * 2).backward(np.array([1, 3]))
    np.testing.assert_array_equal(t.grad, [2.0, 6.0])


def test_mixed_precision_flows_back_in_each_inputs_dtype() -> None:
    half, double = leaf(1.0, 2.0, dtype=np.float16), leaf(3.0, 4.0)
    y = half * double
    assert y.dtype == np.float64
    y.sum().backward()
    assert half.grad.dtype == np.float16 and double.grad.dtype == np.float64
    np.testing.assert_array_equal(half.grad, [3.0, 4.0])


def test_astype_and_to() -> None:
    t = leaf(1.5, 2.5)
    assert t.to("cpu") is t
    y = t.to(np.float32) * t.astype("float32")
    assert y.dtype == np.float32
    y.sum().backward()
    assert t.grad.dtype == np.float64
    np.testing.assert_array_equal(t.grad, [3.0, 5.0])
    assert t.astype(np.int64).dtype == np.int64
    assert type(t.astype(np.int64)) is np.ndarray and type(t.astype(bool)) is np.ndarray
    for device in ("gpu", "cpu:1", "cuda:x"):
        with pytest.raises((ValueError, TypeError)):
            t.to(device)


@pytest.mark.parametrize("made", [Tensor, np.asarray])
def test_the_gradient_given_is_not_written_into(made: Callable) -> None:
    t, u = leaf(1.0, 2.0), np.array([1.0, 3.0])
    for _ in range(3):
        (t + 0.0).backward(made(u))
    np.testing.assert_array_equal(t.grad, [3.0, 9.0])
    np.testing.assert_array_equal(u, [1.0, 3.0])
