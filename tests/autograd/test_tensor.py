"""Tensor behaves as an ndarray does, and no way out of it loses a gradient silently."""

from __future__ import annotations

import copy
import math
import operator
import pickle
from collections.abc import Callable

import numpy as np
import pytest

import tinyllm
from tests.autograd.checks import leaf
from tinyllm import Tensor, no_grad

# ---------------------------------------------------------------- making one

@pytest.mark.parametrize(
    ("data", "dtype"),
    [(1.5, np.float32), ([1.5, 2.0], np.float32), ([[1, 2]], np.int64), (True, np.bool_), (np.float64(1), np.float64),
     (np.ones(2), np.float64), (np.ones(2, np.float16), np.float16), (np.arange(2, dtype=np.int8), np.int8)],
)
def test_dtype_of_data(data: object, dtype: type) -> None:
    """Python's floats become float32; arrays and NumPy's scalars keep theirs."""
    t = Tensor(data)
    assert t.dtype == dtype and type(t.data) is np.ndarray
    assert Tensor(data, dtype=np.float16).dtype == np.float16


def test_an_array_is_shared_not_copied() -> None:
    a = np.ones(3, np.float32)
    t = Tensor(a)
    assert t.data is a and Tensor(t).data is a and t.numpy() is a and t.detach().data is a
    assert Tensor(a, dtype=np.float64).data is not a


@pytest.mark.parametrize("data", ["text", [[1.0], [1.0, 2.0]], [None], {"a": 1}, 1j])
def test_what_is_no_array_of_numbers_is_refused(data: object) -> None:
    with pytest.raises(TypeError, match=r"numbers|bool, integer, float"):
        Tensor(data)


@pytest.mark.parametrize("data", [1, [1, 2], True, np.arange(3)])
def test_integers_have_no_gradient(data: object) -> None:
    with pytest.raises(TypeError, match=r"only floats have gradients.*astype"):
        Tensor(data, requires_grad=True)
    assert not Tensor(data).requires_grad


def test_a_tensor_of_one_that_carries_a_gradient_is_refused() -> None:
    with pytest.raises(TypeError, match="would drop it"):
        Tensor(leaf(1.0))
    with pytest.raises(TypeError, match="would drop it"):
        Tensor(leaf(1.0) * 2, requires_grad=True)


def test_requires_grad_is_assignable_on_leaves_only() -> None:
    t = Tensor([1.0])
    t.requires_grad = True
    y = t * 2
    assert t.is_leaf and t.requires_grad and not y.is_leaf and y.requires_grad
    with pytest.raises(RuntimeError, match="leaves only"):
        y.requires_grad = False
    t.requires_grad = False
    assert not (t * 2).requires_grad


# ---------------------------------------------------------------- ndarray's operators

ARITHMETIC = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.mod]
COMPARISONS = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]
OTHERS = {
    "float": 0.5, "int": 2, "float32 scalar": np.float32(0.5), "0-d": np.array(0.5), "array": np.array([0.5, 1.0, 2.0]),
    "column": np.array([[0.5], [2.0]]), "list": [0.5, 1.0, 2.0], "bool": True,
}


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("op", ARITHMETIC, ids=lambda op: op.__name__)
@pytest.mark.parametrize("swapped", [False, True])
def test_arithmetic_with_anything_on_either_side(op: Callable, name: str, swapped: bool) -> None:
    a, other = np.array([1.25, 2.25, 3.25]), OTHERS[name]
    t = Tensor(a, requires_grad=True)
    got, expected = (op(other, t), op(other, a)) if swapped else (op(t, other), op(a, other))
    assert type(got) is Tensor and got.requires_grad and got.dtype == expected.dtype
    np.testing.assert_allclose(got.data, expected, rtol=1e-15)
    u = np.random.default_rng(0).standard_normal(got.shape)
    got.backward(u)
    f = (lambda x: np.sum(u * op(np.asarray(other), x))) if swapped else (lambda x: np.sum(u * op(x, np.asarray(other))))
    h = 1e-6
    slopes = [(f(a + h * e) - f(a - h * e)) / (2 * h) for e in np.eye(3)]
    np.testing.assert_allclose(t.grad, slopes, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("op", COMPARISONS, ids=lambda op: op.__name__)
def test_comparisons_answer_raw_booleans(op: Callable, name: str) -> None:
    a, other = np.array([0.5, 2.25, 2.0]), OTHERS[name]
    for got, expected in [(op(Tensor(a, requires_grad=True), other), op(a, other)), (op(other, Tensor(a)), op(other, a))]:
        assert not isinstance(got, Tensor) and got.dtype == bool
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("op", [operator.add, operator.sub, operator.mul, operator.truediv])
@pytest.mark.parametrize("number", [2, 0.5, True])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_python_numbers_do_not_change_the_dtype(op: Callable, number: float, dtype: type) -> None:
    t = leaf(1.0, 2.0, dtype=dtype)
    assert op(t, number).dtype == dtype and op(number, t).dtype == dtype


def test_unary_operators_and_matmul() -> None:
    a, b = np.array([[1.0, -2.0], [3.0, 4.0]]), np.array([[0.5, 1.0], [1.5, -1.0]])
    t = Tensor(a, requires_grad=True)
    for got, expected in [(-t, -a), (+t, +a), (abs(t), abs(a)), (t @ b, a @ b), (b @ t, b @ a), (b.tolist() @ t, b @ a),
        (t @ b[0], a @ b[0])]:
        assert type(got) is Tensor and got.requires_grad
        np.testing.assert_array_equal(got.data, expected)
    u = np.array([[1.0, -3.0], [0.5, 2.0]])
    for product, slope in [(t @ b.tolist(), u @ b.T), (b.tolist() @ t, b.T @ u)]:
        t.grad = None
        product.backward(u)
        np.testing.assert_allclose(t.grad, slope)
    assert type(t // 2) is np.ndarray and type(2 // t) is np.ndarray
    np.testing.assert_array_equal(t // 2, a // 2)


METHODS = [
    ("sum", (), {}), ("sum", (0,), {"keepdims": True}), ("mean", (-1,), {}), ("var", (), {"ddof": 1}), ("std", (0,), {}),
    ("prod", (1,), {}),
    ("max", (), {}), ("min", (0,), {}), ("cumsum", (1,), {}), ("cumprod", (0,), {}), ("clip", (0.0, 2.0), {}),
    ("reshape", (3, 2), {}),
    ("reshape", ((-1,),), {}), ("ravel", (), {}), ("flatten", (), {}), ("transpose", (), {}), ("transpose", (1, 0), {}),
    ("transpose", ((1, 0),), {}), ("swapaxes", (0, 1), {}), ("squeeze", (), {}), ("dot", (np.ones((3, 2)),), {}),
    ("repeat", (2, 1), {}),
    ("take", ([0, 2], 1), {}), ("diagonal", (1,), {}), ("trace", (), {}), ("copy", (), {}), ("round", (), {}),
    ("argmax", (1,), {}),
    ("argmin", (), {}), ("argsort", (0,), {}), ("nonzero", (), {}), ("any", (1,), {}), ("all", (), {}),
    ("astype", (np.float32,), {}),
    ("tolist", (), {}), ("__len__", (), {}),
]


@pytest.mark.parametrize(("name", "args", "kwargs"), METHODS)
def test_methods_are_those_of_an_array(name: str, args: tuple, kwargs: dict) -> None:
    a = np.array([[1.5, -2.0, 0.25], [3.0, 0.5, 4.0]])
    expected = getattr(a, name)(*args, **kwargs)
    with no_grad() if name == "tolist" else tinyllm.enable_grad():
        got = getattr(Tensor(a, requires_grad=True), name)(*args, **kwargs)
    if name in ("round", "argmax", "argmin", "argsort", "nonzero", "any", "all", "tolist", "__len__"):
        assert not isinstance(got, Tensor)
    else:
        assert type(got) is Tensor and got.requires_grad and got.dtype == expected.dtype
        got = got.data
    np.testing.assert_allclose(got, expected, rtol=1e-15)


@pytest.mark.parametrize("name", ["shape", "ndim", "size", "dtype", "nbytes", "T", "mT"])
def test_properties_are_those_of_an_array(name: str) -> None:
    a = np.arange(6.0).reshape(2, 3)
    got = getattr(Tensor(a, requires_grad=True), name)
    if name in ("T", "mT"):
        assert got.requires_grad
        got = got.data
    np.testing.assert_array_equal(got, getattr(a, name))


def test_len_iteration_membership_and_truth() -> None:
    t = Tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    rows = list(t)
    assert len(t) == len(rows) == 2 and all(row.requires_grad and row.shape == (3,) for row in rows)
    (rows[0] * 2 + rows[1]).sum().backward()
    np.testing.assert_array_equal(t.grad, [[2, 2, 2], [1, 1, 1]])
    assert 5.0 in t and 7.0 not in t
    assert Tensor([1.0]) and not Tensor(0.0)
    with pytest.raises(ValueError, match="ambiguous"):
        bool(t)
    with pytest.raises(TypeError, match="0-dimensional"):
        iter(Tensor(1.0))
    with pytest.raises(TypeError):
        len(Tensor(1.0))


def test_it_reads_well() -> None:
    assert repr(Tensor([1.0, 2.5])) == "Tensor([1. , 2.5])"
    assert repr(leaf(1.0)) == "Tensor([1.], dtype=float64, requires_grad=True)"
    assert repr(Tensor([1.0], requires_grad=True) * 2) == "Tensor([2.], from=np.multiply)"
    assert f"{Tensor(2.0):.3f}" == "2.000" and f"{leaf(2.0):.1f}" == "2.0" and f"{Tensor([1.0, 2.0])}" == "Tensor([1., 2.])"
    assert len(repr(Tensor(np.zeros((500, 500))))) < 1000
    assert "[[0., 1.],\n        [2., 3.]]" in repr(Tensor(np.arange(4.0, dtype=np.float32).reshape(2, 2)))


def test_hash_is_identity() -> None:
    a, b = Tensor([1.0]), Tensor([1.0])
    assert len({a, b, a}) == 2 and {a: 1}[a] == 1


# ---------------------------------------------------------------- the ways out

EXITS = [
    np.asarray, np.array, float, int, complex, operator.index, math.exp, Tensor.tolist, lambda t: np.ones(3)[t],
    lambda t: [0, 1][t],
    lambda t: np.ma.array(t), lambda t: np.array([t, t]), lambda t: range(t), lambda t: np.ones(3) * [t, t, t],
]


@pytest.mark.parametrize("way", EXITS)
@pytest.mark.parametrize("made", [lambda: leaf(1.0)[0], lambda: Tensor(1.0, requires_grad=True), lambda: leaf(1.0).sum() * 1])
def test_nothing_leaves_silently_while_recording(way: Callable, made: Callable) -> None:
    with pytest.raises(TypeError, match="drop the gradient"):
        way(made())


def test_the_exits_that_are_meant() -> None:
    t = leaf(2.5)
    assert t.item() == 2.5 and t.numpy() is t.data and not t.detach().requires_grad
    with no_grad():
        assert float(t) == 2.5 and int(t) == 2 and math.sqrt(t) == math.sqrt(2.5) and t.tolist() == [2.5] and complex(t) == 2.5
        np.testing.assert_array_equal(np.asarray(t), [2.5])
        assert np.asarray(t, np.float32).dtype == np.float32 and np.array(t, copy=True) is not t.data
    constant = Tensor([1.5, 2.5])
    np.testing.assert_array_equal(np.asarray(constant), [1.5, 2.5])
    assert [10, 20][Tensor(1)] == 20 and operator.index(Tensor(3)) == 3
    with pytest.raises(TypeError):
        operator.index(Tensor(1.0))
    for way in (Tensor.item, float):
        with pytest.raises(ValueError, match=r"exactly one entry, shape \(2,\)"):
            way(constant)


# ---------------------------------------------------------------- copies and files

def test_copies_are_independent_leaves() -> None:
    t = leaf(1.0, 2.0)
    (t * t).sum().backward()
    for duplicate in (copy.copy(t), copy.deepcopy(t), pickle.loads(pickle.dumps(t))):
        assert duplicate is not t and duplicate.requires_grad and duplicate.is_leaf and duplicate.grad is None
        assert not np.shares_memory(duplicate.data, t.data) and duplicate.dtype == t.dtype
        np.testing.assert_array_equal(duplicate.data, t.data)
        (duplicate * 3).sum().backward()
        np.testing.assert_array_equal(t.grad, [2.0, 4.0])
    assert not copy.deepcopy(Tensor([1.0])).requires_grad
    for way in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="detach"):
            way(t * 2)


def test_copy_the_method_is_recorded() -> None:
    t = leaf(1.0, 2.0)
    t.copy().sum().backward()
    np.testing.assert_array_equal(t.grad, [1.0, 1.0])


class Weight(Tensor):
    """A subclass, as nn.Parameter is."""


def test_a_subclass_survives_copying_but_not_arithmetic() -> None:
    w = Weight([1.0, 2.0], requires_grad=True)
    assert type(w * 2) is Tensor and type(w.detach()) is Tensor
    assert type(copy.deepcopy(w)) is Weight and type(pickle.loads(pickle.dumps(w))) is Weight
    assert repr(w).startswith("Weight(")
