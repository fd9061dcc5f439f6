"""The graph: any depth, any sharing, no cycles, no memory left behind, a backward pass that touches nobody's .grad."""

from __future__ import annotations

import contextvars
import gc
import threading
import tracemalloc
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyllm
from tests.autograd.checks import leaf
from tinyllm import Tensor, enable_grad, gradients, no_grad
from tinyllm.autograd.graph import backward_pass


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Only reference counting frees: a cycle would stay."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


# ---------------------------------------------------------------- depth

@pytest.mark.parametrize("depth", [100_000, pytest.param(300_000, marks=pytest.mark.slow)])
def test_a_deep_graph_differentiates_and_is_freed(depth: int, no_collector: None) -> None:
    t = leaf(1.0)
    y, slope = t, 1.0
    for i in range(depth):
        factor = 1.0 + (-1.0) ** i * 1e-3
        y, slope = y * factor, slope * factor
    watched = weakref.ref(y._node)
    y.sum().backward()
    np.testing.assert_allclose(t.grad, [slope], rtol=1e-9)
    del y
    assert watched() is None


@pytest.mark.parametrize("depth", [100_000, pytest.param(300_000, marks=pytest.mark.slow)])
def test_a_deep_graph_never_differentiated_is_freed_too(depth: int, no_collector: None) -> None:
    """Letting go of the last Tensor must not recurse through the graph."""
    t = leaf(1.0)
    y = t
    for _ in range(depth):
        y = -y
    first = weakref.ref(t._node)
    del t, y
    assert first() is None


# ---------------------------------------------------------------- sharing

def test_a_node_used_twice_adds_its_gradients() -> None:
    t = leaf(3.0)
    y = t * t
    (y * y + y).sum().backward()
    np.testing.assert_array_equal(t.grad, [4 * 27 + 6])


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.sampled_from("+-*")), min_size=1, max_size=10),
    st.integers(0, 2**16))
def test_shared_nodes_equal_the_expression_written_out(steps: list, seed: int) -> None:
    """A random graph, each of whose nodes may be used many times, against polynomials differentiated by forward mode."""
    rng = np.random.default_rng(seed)
    values = rng.uniform(-1, 1, (2, 3))
    leaves = [Tensor(v, requires_grad=True) for v in values]
    nodes = list(leaves)
    duals = [(v, [np.ones(3) if i == j else np.zeros(3) for j in range(2)]) for i, v in enumerate(values)]
    for i, j, op in steps:
        a, b = nodes[i % len(nodes)], nodes[j % len(nodes)]
        (x, dx), (y, dy) = duals[i % len(duals)], duals[j % len(duals)]
        nodes.append(a + b if op == "+" else a - b if op == "-" else a * b)
        if op == "*":
            duals.append((x * y, [p * y + x * q for p, q in zip(dx, dy, strict=True)]))
        else:
            sign = 1 if op == "+" else -1
            duals.append((x + sign * y, [p + sign * q for p, q in zip(dx, dy, strict=True)]))
    u = rng.standard_normal(3)
    nodes[-1].backward(u)
    for t, slope in zip(leaves, duals[-1][1], strict=True):
        np.testing.assert_allclose(np.zeros(3) if t.grad is None else t.grad, u * slope, atol=1e-12)


def test_a_sum_of_gradients_is_never_written_into_what_others_hold() -> None:
    """g reaches t by three paths, one of which passes the array on unchanged."""
    t = leaf(1.0, 2.0)
    y = t + 0.0
    z = y + y + y
    u = np.array([1.0, 10.0])
    z.backward(u)
    np.testing.assert_array_equal(t.grad, [3.0, 30.0])
    np.testing.assert_array_equal(u, [1.0, 10.0])


# ---------------------------------------------------------------- memory

def step(w: Tensor, x: np.ndarray) -> float:
    hidden = np.tanh(x @ w)
    loss = np.mean(np.square(np.concatenate([hidden, hidden[:, ::-1]]) - np.max(hidden, axis=-1, keepdims=True).sum()))
    loss.backward()
    with no_grad():
        w -= 1e-3 * w.grad
    w.grad = None
    return loss.item()


def test_a_thousand_steps_keep_memory_flat(no_collector: None) -> None:
    rng = np.random.default_rng(0)
    w, x = Tensor(rng.standard_normal((16, 16)), requires_grad=True), rng.standard_normal((8, 16))
    for _ in range(2000):                             # until Python's own pools of small objects are full
        step(w, x)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(1000):
            step(w, x)
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 4096                               # two matrices; a step's graph holds dozens


USES = {
    "a table row": lambda t: np.exp(t) * t,
    "indexing": lambda t: t[[0, 0]] + t[:1],
    "an operation": lambda t: cube(t),
    "a composition": lambda t: np.var(t) + np.linalg.norm(t),
    "a gradient": lambda t: tinyllm.grad(lambda x: np.sum(x**3))(t),
}


@tinyllm.operation
def cube(x: np.ndarray) -> tuple:
    return x * x * x, lambda g: (3 * x * x * g,)


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("differentiate", [False, True])
def test_no_cycle_is_left(use: str, differentiate: bool, no_collector: None) -> None:
    gc.collect()
    t = leaf(1.0, 2.0)
    y = np.sum(USES[use](t))
    if differentiate:
        y.backward()
    watched = [weakref.ref(t), weakref.ref(t._node), weakref.ref(y), weakref.ref(y._node)]
    del t, y
    assert [w() for w in watched] == [None] * 4
    assert gc.collect() == 0


def test_no_tensor_survives_its_last_name(no_collector: None) -> None:
    t = leaf(1.0, 2.0)
    y = np.exp(t) * t
    dead = [weakref.ref(t), weakref.ref(y), weakref.ref(y._node)]
    del t, y
    assert [r() for r in dead] == [None, None, None]


def test_grad_leaves_no_cycle(no_collector: None) -> None:
    curvature = tinyllm.grad(tinyllm.grad(lambda x: np.sum(np.sin(x) ** 3)))
    curvature(0.5)
    gc.collect()
    for _ in range(10):
        curvature(0.5)
    assert gc.collect() == 0


def test_backward_frees_on_the_way(no_collector: None) -> None:
    """The arrays of a graph whose output is still held are gone after backward(), kept with retain_graph."""
    for retain in (False, True):
        t = leaf(*np.ones(10))
        middle = np.exp(t)
        data = weakref.ref(middle._node)
        y = np.sum(np.square(middle))
        del middle
        y.backward(retain_graph=retain)
        assert (data() is not None) == retain


# ---------------------------------------------------------------- a pure function, for threads

def test_gradients_touches_no_grad() -> None:
    a, b, c = leaf(1.0, 2.0), leaf(3.0, 4.0), leaf(5.0)
    a.grad = before = np.array([9.0, 9.0])
    y = np.sum(a * b * b)
    got = gradients(y, [b, a, c], retain_graph=True)
    np.testing.assert_array_equal(got[0], [6.0, 16.0])
    np.testing.assert_array_equal(got[1], [9.0, 16.0])
    assert got[2] is None and b.grad is None and c.grad is None and a.grad is before
    np.testing.assert_array_equal(before, [9.0, 9.0])
    np.testing.assert_array_equal(gradients(y, [a], 2.0)[0], [18.0, 32.0])
    with pytest.raises(RuntimeError, match="freed"):
        gradients(y, [a])


def test_gradients_of_what_is_no_leaf_are_refused() -> None:
    t = leaf(1.0)
    y = t * 2
    for wrong in (y, Tensor([1.0])):
        with pytest.raises(ValueError, match="leaves"):
            gradients(y, [wrong])
    with pytest.raises(RuntimeError, match="nothing to differentiate"):
        gradients(Tensor(1.0), [t])


def test_paths_that_lead_to_no_stop_are_not_walked() -> None:
    """Pruned: for a's gradient, b's part of the graph is not computed."""
    walked = []

    @tinyllm.operation
    def noted(x: np.ndarray, name: str) -> tuple:
        def vjp(g: np.ndarray) -> tuple:
            walked.append(name)
            return (g,)

        return x + 0.0, vjp

    a, b = leaf(1.0), leaf(2.0)
    y = np.sum(noted(a, "a") * noted(b, "b"))
    found = list(backward_pass(y._node, np.ones(()), {a._node.serial}))
    assert walked == ["a"] and [node for node, _ in found] == [a._node]


def test_threads_that_share_parameters_get_the_gradients_of_a_serial_run() -> None:
    rng = np.random.default_rng(0)
    w, b = Tensor(rng.standard_normal((8, 4)), requires_grad=True), Tensor(rng.standard_normal(4), requires_grad=True)
    parts = [rng.standard_normal((16, 8)) for _ in range(24)]

    def work(x: np.ndarray) -> list:
        y = np.tanh(x @ w + b)
        return gradients(np.mean(np.exp(y) * y), [w, b])

    serial = [work(x) for x in parts]
    with ThreadPoolExecutor(8) as pool:
        parallel = list(pool.map(work, parts))
    for one, other in zip(serial, parallel, strict=True):
        for p, q in zip(one, other, strict=True):
            np.testing.assert_array_equal(p, q)
    assert w.grad is None and b.grad is None


def test_modes_belong_to_their_thread() -> None:
    """A new thread records whatever its maker does; a copied context hands the mode over."""
    t, seen = leaf(1.0), {}

    def look(name: str) -> None:
        seen[name] = (t * 2).requires_grad

    with no_grad():
        fresh = threading.Thread(target=look, args=("fresh",))
        handed = threading.Thread(target=contextvars.copy_context().run, args=(look, "handed over"))
        for thread in (fresh, handed):
            thread.start()
            thread.join()
        look("here")
    assert seen == {"fresh": True, "handed over": False, "here": False}


def test_no_grad_and_enable_grad_nest_and_end_with_an_error() -> None:
    t = leaf(1.0)
    with no_grad():
        assert not (t * 2).requires_grad and (t * 2).is_leaf
        with enable_grad():
            assert (t * 2).requires_grad
        assert not (t * 2).requires_grad
    with pytest.raises(KeyError), no_grad():
        raise KeyError
    assert (t * 2).requires_grad

    @no_grad()
    def evaluate(x: Tensor) -> Tensor:
        return x * 2

    assert not evaluate(t).requires_grad and not evaluate(t).requires_grad and (t * 2).requires_grad


def test_constants_leave_no_graph() -> None:
    y = Tensor([1.0]) * 2 + np.exp(Tensor([2.0]))
    assert y._node is None and y.is_leaf and not y.requires_grad
