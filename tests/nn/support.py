"""What the tests of modules share: a module as a function of its parameters, and what must hold of every module."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from tinyllm import Tensor, gradcheck
from tinyllm.nn import Module, Parameter
from tinyllm.optim import SGD


@contextmanager
def standing_in(module: Module, tensors: list[Any]) -> Iterator[None]:
    """Inside, the module computes with these Tensors in the place of its parameters, in the order of `parameters()`."""
    stand_in = {id(p): t if isinstance(t, Tensor) else Tensor(t) for p, t in zip(module.parameters(), tensors, strict=True)}
    places = [
        (vars(m), name, value) for m in module.modules() for name, value in vars(m).items() if isinstance(value, Parameter)
    ]
    for attributes, name, value in places:
        attributes[name] = stand_in[id(value)]
    try:
        yield
    finally:
        for attributes, name, value in places:
            attributes[name] = value


def gradcheck_module(module: Module, *inputs: np.ndarray, call: Callable | None = None) -> bool:
    """The gradients of inputs and of every parameter agree with differences, in float64."""
    module.to(dtype=np.float64)
    call = call or module

    def f(*args: Any) -> Any:
        with standing_in(module, list(args[len(inputs):])):
            return call(*args[: len(inputs)])

    return gradcheck(f, [*inputs, *(p.data for p in module.parameters())])


def check_every_parameter_learns(module: Module, call: Callable[[], Any], rng: np.random.Generator) -> None:
    """After backward() from a random gradient every parameter has one that is not zero, and a step moves every parameter."""
    module.zero_grad()
    y = call()
    y.backward(rng.standard_normal(y.shape).astype(y.dtype))
    before = {name: p.data.copy() for name, p in module.named_parameters()}
    for name, p in module.named_parameters():
        assert p.grad is not None, f"{name} got no gradient"
        assert p.grad.shape == p.shape and p.grad.dtype == p.dtype, name
        assert np.linalg.norm(p.grad) > 0, f"{name} got a zero gradient"
    SGD(module.parameters(), lr=1.0).step()
    for name, p in module.named_parameters():
        assert not np.array_equal(p.data, before[name]), f"{name} did not move"


def shaken(module: Module, rng: np.random.Generator, std: float = 0.5) -> Module:
    """All parameters at random, biases and norms too: a start at 0 or 1 hides mistakes."""
    for p in module.parameters():
        p.data[...] = rng.standard_normal(p.shape) * std
    return module


def close(got: Any, expected: Any, tolerance: float) -> bool:
    """The error measured against the norm of what is expected."""
    got, expected = (np.asarray(x.data if isinstance(x, Tensor) else x) for x in (got, expected))
    assert got.shape == expected.shape, (got.shape, expected.shape)
    return bool(np.linalg.norm(np.ravel(got - expected)) <= tolerance * (np.linalg.norm(np.ravel(expected)) + 1e-30))
