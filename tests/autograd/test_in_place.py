"""What would write over a recorded graph is refused, or caught when the gradient is asked for."""

from __future__ import annotations

import operator
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.autograd.checks import leaf
from tinyllm import Tensor, no_grad


def test_out_where_at_and_outer_are_refused_by_name() -> None:
    t, a = leaf(1.0, 2.0), np.ones(2)
    for call, match in [
        (lambda: np.add(t, t, out=a), "out="), (lambda: np.add(t, a, a), "out="), (lambda: np.exp(t, out=a), "out="),
        (lambda: np.add(a, a, out=t), "out="), (lambda: np.exp(t, where=a > 0), "where="),
        (lambda: np.add.at(a, [0], t), r"add\.at"),
        (lambda: np.add.at(t, [0], 1.0), r"add\.at"), (lambda: np.multiply.outer(t, t), r"multiply\.outer"),
        (lambda: np.add.reduceat(t, [0]), "reduceat"), (lambda: np.subtract.reduce(t), r"subtract\.reduce"),
        (lambda: np.maximum.accumulate(t), r"maximum\.accumulate"),
    ]:
        with pytest.raises(TypeError, match=match):
            call()
    np.testing.assert_array_equal(a, [1.0, 1.0])


IN_PLACE = [operator.iadd, operator.isub, operator.imul, operator.itruediv, operator.ipow]


@pytest.mark.parametrize("op", IN_PLACE)
def test_in_place_arithmetic(op: Callable) -> None:
    """In place on leaves under no_grad, an error otherwise; constants at any time."""
    t = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match="no_grad"):
        op(t, 1.0)
    with pytest.raises(RuntimeError, match="recorded result"):
        op(t * 1, 1.0)
    data = t.data
    with no_grad():
        after = op(t, np.array([2.0, 4.0]))
    assert after is t and t.data is data
    np.testing.assert_array_equal(data, op(np.array([1.0, 2.0]), np.array([2.0, 4.0])))
    constant = Tensor(np.ones(2))
    assert op(constant, 2.0) is constant
    with pytest.raises(RuntimeError, match="would drop it"):
        op(constant, t)
    with pytest.raises(TypeError, match="out="):
        op(np.ones(2), t)


def test_item_assignment() -> None:
    t = leaf(1.0, 2.0, 3.0)
    with pytest.raises(RuntimeError, match="no_grad"):
        t[0] = 1.0
    with pytest.raises(RuntimeError, match="recorded result"):
        (t * 1)[0] = 1.0
    with no_grad():
        t[1:] = Tensor([7.0, 8.0])
        t[Tensor([0])] = t[1] * 2
        np.testing.assert_array_equal(t.data, [14, 7, 8])
        assert t.copy_(5.0) is t
        np.testing.assert_array_equal(t.data, [5, 5, 5])
    constant = Tensor(np.zeros(3))
    constant[1] = 4.0
    np.testing.assert_array_equal(constant.data, [0, 4, 0])
    with pytest.raises(RuntimeError, match="would drop it"):
        constant[0] = t[0]
    array = np.zeros(3)
    with pytest.raises((TypeError, ValueError)):
        array[0] = t[0]
    with pytest.raises(TypeError, match="drop the gradient"):
        array[:] = t


def write_through(t: Tensor) -> None:
    t += 1.0


WRITERS = [write_through, lambda t: t.copy_(0.5), lambda t: operator.setitem(t, 0, 3.0)]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("view", [lambda t: t, lambda t: t[:1], lambda t: t.reshape(2, 1), lambda t: t.T, Tensor.detach])
def test_a_leaf_changed_after_recording_is_caught(write: Callable, view: Callable) -> None:
    """Also through a view of it made under no_grad: it is the same memory."""
    t = leaf(2.0, 3.0)
    y = (t * t).sum()
    with no_grad():
        write(view(t))
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()


def test_a_constant_changed_after_recording_is_caught() -> None:
    t, k = leaf(2.0, 3.0), Tensor(np.array([5.0, 6.0]))
    y = (t * k).sum()
    k += 1.0
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()
    y = (t * k).sum()
    y.backward()
    np.testing.assert_array_equal(t.grad, [6.0, 7.0])


@given(st.lists(st.sampled_from(["use", "write", "backward"]), max_size=12))
def test_any_order_of_use_and_writing_is_right_or_an_error(steps: list[str]) -> None:
    """A model of the rules: backward after a write that came after the use is an error, everything else is exact."""
    t, expected, stale = leaf(3.0), 0.0, []
    outputs: list[tuple[Tensor, float]] = []
    for step in steps:
        if step == "use":
            outputs.append(((t * t).sum(), 2.0 * t.item()))
        elif step == "write":
            with no_grad():
                t += 1.0
            stale = [y for y, _ in outputs]
        elif outputs:
            y, slope = outputs.pop()
            if any(y is s for s in stale):
                with pytest.raises(RuntimeError, match="changed in place"):
                    y.backward()
            else:
                y.backward()
                expected += slope
    assert (0.0 if t.grad is None else t.grad.item()) == expected


@pytest.mark.parametrize("other", [Tensor, np.squeeze, np.ravel])
def test_another_tensor_of_the_same_memory_is_watched(other: Callable) -> None:
    t = leaf(2.0, 3.0)
    y = np.sum(t * t)
    same = other(t.detach())
    same += 5.0
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()
