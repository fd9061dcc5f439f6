"""No function that NumPy lets others override slips through: each has its place in the table."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.testing.overrides import get_overridable_numpy_array_functions, get_overridable_numpy_ufuncs

from tinyllm import Tensor
from tinyllm.autograd.operators import TABLE
from tinyllm.autograd.table import Composition, Primitive, Raw, Refused


def _public(fn: Callable) -> bool:
    return getattr(np, fn.__name__, None) is fn or not isinstance(fn, np.ufunc)


def _numeric(fn: Callable) -> bool:
    """Excluded by rule: strings (np.strings, np.char) and records (numpy.lib.recfunctions) are no numbers; ufuncs that are
    no public name of numpy serve its own code (np.clip's, np.ones_like's), which Tensors never reach."""
    if isinstance(fn, np.ufunc):
        return _public(fn)
    return not fn.__module__.startswith(("numpy.strings", "numpy.char", "numpy.rec", "numpy.lib.recfunctions"))


FUNCTIONS = sorted(
    (fn for fn in get_overridable_numpy_array_functions() | get_overridable_numpy_ufuncs() if _numeric(fn)),
    key=lambda fn: (fn.__module__ or "", fn.__name__),
)


def _entry(fn: Callable) -> object:
    """Makers of arrays (np.ones, np.eye, …) arrive under their public name when given `like=`."""
    return TABLE.get(fn) or TABLE.get(getattr(np, fn.__name__, None))


def test_what_is_excluded_is_about_strings_records_or_internals() -> None:
    excluded = {fn for fn in get_overridable_numpy_ufuncs() if not _numeric(fn)}
    numbers = {fn.__name__ for fn in excluded if fn.types}
    assert numbers <= {"_ones_like", "clip"}
    assert len(FUNCTIONS) > 300


@pytest.mark.parametrize("fn", FUNCTIONS, ids=lambda fn: fn.__name__)
def test_every_overridable_function_is_classed(fn: Callable) -> None:
    entry = _entry(fn)
    assert isinstance(entry, Primitive | Composition | Raw | Refused), (
        f"{fn.__module__}.{fn.__name__} has no place in the derivative table: give it a rule, or class it in rules/classes.py"
    )


def _refused() -> list:
    return [key for key, entry in TABLE.items() if isinstance(entry, Refused)]


@pytest.mark.parametrize("fn", _refused(), ids=lambda fn: fn.__name__)
def test_a_refused_function_says_why(fn: Callable) -> None:
    t = Tensor([0.25, 0.5], requires_grad=True)
    with pytest.raises(TypeError, match=f"{TABLE[fn].name} does not take Tensors: .{{20,}}"):
        TABLE[fn]((t,), {})


def test_a_refused_function_is_named_with_its_module() -> None:
    with pytest.raises(TypeError, match=r"^np\.linalg\.svd does not take Tensors"):
        np.linalg.svd(Tensor(np.eye(2)))
    with pytest.raises(TypeError, match=r"^np\.unwrap does not take Tensors"):
        np.unwrap(Tensor(np.ones(2)))


MAKERS = [
    lambda t: np.ones(3, like=t), lambda t: np.full(3, 1.0, like=t), lambda t: np.eye(3, like=t),
    lambda t: np.arange(3, like=t),
    lambda t: np.array([1.0], like=t), lambda t: np.asarray(1.0, like=t), lambda t: np.tri(3, like=t),
    lambda t: np.zeros(3, like=t),
    lambda t: np.identity(3, like=t), lambda t: np.require([1.0], like=t), lambda t: np.loadtxt("x", like=t),
    lambda t: np.genfromtxt("x", like=t), lambda t: np.fromfunction(lambda i: i, (3,), like=t), lambda t: np.empty(3, like=t),
]


@pytest.mark.parametrize("make", MAKERS)
def test_making_an_array_like_a_tensor_is_refused_by_name(make: Callable) -> None:
    with pytest.raises(TypeError, match="does not take Tensors"):
        make(Tensor([1.0]))


@pytest.mark.parametrize("fn", [k for k, e in TABLE.items() if isinstance(e, Raw)], ids=lambda fn: fn.__name__)
def test_a_raw_function_answers_no_tensor(fn: Callable) -> None:
    t, u = Tensor([[0.25, 0.5], [1.5, 2.0]], requires_grad=True), np.array([[0.25, 1.0], [1.0, 3.0]])
    answered = 0
    bins = np.array([0.1, 1.0])
    for args in [(t,), (t, u), (u, t), (t, 1), ([1, 1], t), (t, bins)]:
        try:
            result = TABLE[fn](args, {})
        except (TypeError, ValueError, IndexError, AttributeError):
            continue
        answered += 1
        assert not isinstance(result, Tensor)
        raw_args = tuple(a.data if isinstance(a, Tensor) else a for a in args)
        expected = fn(*raw_args)
        if fn is not np.empty_like:
            for got, y in zip(*((r if isinstance(r, tuple) else [r]) for r in (result, expected)), strict=True):
                np.testing.assert_array_equal(got, y)
    # integers and indices only: a Tensor of floats is refused by NumPy itself
    integers = "bitwise invert shift gcd lcm bincount unravel_index ravel_multi_index min_scalar_type can_cast einsum_path"
    assert answered or any(word in fn.__name__ for word in integers.split())


def _arguments() -> list[tuple]:
    t = Tensor(np.array([[0.25, 0.5], [0.75, 0.9]]), requires_grad=True)
    v = Tensor(np.array([0.25, 0.5, 0.75]), requires_grad=True)
    a = np.array([[0.5, 0.25], [0.1, 0.9]])
    return [
        (t,), (v,), (t, t), (t, a), (a, t), (t, 0), (t, 1), (0, t), (t, 2), (t, (2, 2)), ([t, t],), ([v, a],), ([a, t],),
        (v, v),
        (a > 0.3, t), ([a > 0.3], [t]), (t, a > 0.3), ("ij->i", t), (v, 0, -1), (t, 0, 1), (t, 0.2, 0.6), (t, t, t),
        (a, a, t), (t[0, 0],),
        (a.astype(int), t), (t, a.astype(int), 0), (t, [0, 1]), (v, 1, v), (t, a.astype(int), a), (a, v, v), ((2, 2), t),
        (2, t[0, 0]),
    ]


@pytest.mark.parametrize("fn", FUNCTIONS, ids=lambda fn: fn.__name__)
def test_no_function_drops_a_gradient_silently(fn: Callable, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An array of floats computed from a Tensor that carries a gradient is a Tensor that carries one, or there is an error.

    What is piecewise constant may answer raw; NumPy's values there do not change when the Tensor moves a little.
    """
    monkeypatch.chdir(tmp_path)
    if isinstance(_entry(fn), Raw) or fn is np.empty:     # whose answer is whatever the memory held
        return
    for args in _arguments():
        try:
            result = fn(*args)
        except Exception as error:
            assert not isinstance(error, AssertionError)
            continue
        if isinstance(_entry(fn), Refused) and not any(isinstance(a, Tensor | list) for a in args):
            continue
        for part in result if isinstance(result, list | tuple) else [result]:
            if isinstance(part, Tensor):
                assert part.requires_grad, (fn, args)
            elif isinstance(part, np.ndarray | np.generic) and part.dtype.kind == "f":
                assert _independent(fn, args, part), (fn, args)


def _independent(fn: Callable, args: tuple, part: np.ndarray) -> bool:
    """Whether NumPy's answer stays when every Tensor moves by a little."""

    def moved(x: object) -> object:
        if isinstance(x, Tensor):
            return Tensor(x.data + 1e-3)
        return [moved(i) for i in x] if isinstance(x, list) else x

    again = fn(*(moved(a) for a in args))
    parts = [p.data if isinstance(p, Tensor) else p for p in (again if isinstance(again, list | tuple) else [again])]
    return any(np.shape(p) == part.shape and np.array_equal(p, part, equal_nan=True) for p in parts)


def test_a_function_without_a_row_says_what_to_do() -> None:
    with pytest.raises(TypeError, match="would drop the gradient"):
        np.vectorize(lambda x: x / 2)(Tensor([1.0], requires_grad=True))
    homemade = np.frompyfunc(lambda x: x, 1, 1)
    with pytest.raises(TypeError, match=r"no row in the derivative table.*@tinyllm.operation.*detach"):
        homemade(Tensor([1.0]))


@pytest.mark.parametrize("outside", [math.exp, math.sqrt, math.floor, float, int, complex, round])
def test_scalar_functions_of_python_do_not_take_what_carries_a_gradient(outside: Callable) -> None:
    with pytest.raises(TypeError):
        outside(Tensor(0.5, requires_grad=True))
