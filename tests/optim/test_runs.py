"""Parameters that stand side by side are moved as one vector, to the bits they would have each by itself."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.optim.test_optimizer import KINDS
from tinyllm.nn import Linear, Module, ModuleList, Parameter, TransformerLayer
from tinyllm.optim import Optimizer
from tinyllm.optim.runs import Placed, runs_of


class Small(Module):
    """A Transformer layer, for Muon's matrices, between two maps."""

    def __init__(self) -> None:
        self.parts = ModuleList([Linear(3, 8), TransformerLayer(8, 2, 12), Linear(8, 5, bias=False)])


def together(parameters: list[Parameter], gradients: list[np.ndarray | None]) -> None:
    """Lay weights and gradients out in one array each, where there is a gradient."""
    size = sum(parameter.size for parameter in parameters)
    x, g, start = np.empty(size, np.float32), np.zeros(size, np.float32), 0
    for parameter, gradient in zip(parameters, gradients, strict=True):
        part = slice(start, start + parameter.size)
        x[part] = parameter.data.reshape(-1)
        parameter.data = x[part].reshape(parameter.shape)
        if gradient is not None:
            g[part] = gradient.reshape(-1)
            parameter.grad = g[part].reshape(parameter.shape)
        start = part.stop


@given(st.sampled_from(list(KINDS)), st.integers(0, 99), st.lists(st.floats(0, 0.6), min_size=1, max_size=5), st.integers(0, 4))
def test_one_vector_moves_as_many_arrays_do(kind, seed, missing, saved_after):
    """Some have no gradient in some steps, arrays are laid out anew each step, and the state is saved and loaded on the way."""
    models = [Small(), Small()]
    models[1].load_state_dict(models[0].state_dict())
    optimisers: list[Optimizer] = [KINDS[kind](model) for model in models]
    make: Callable = KINDS[kind]
    for step, share in enumerate(missing):
        rng = np.random.default_rng([seed, step])
        parameters = list(optimisers[0].parameters())
        gradients = [
            rng.standard_normal(p.shape).astype(np.float32) if rng.random() >= share else None for p in parameters
        ]
        for optimiser in optimisers:
            optimiser.zero_grad()
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = None if gradient is None else gradient.copy()
        together(list(optimisers[1].parameters()), gradients)
        for optimiser in optimisers:
            optimiser.step()
        if step == saved_after:
            state = optimisers[1].state_dict()
            optimisers[1] = make(models[1])
            optimisers[1].load_state_dict(state)
        assert optimisers[0].steps == optimisers[1].steps
        for p, q in zip(*(optimiser.parameters() for optimiser in optimisers), strict=True):
            np.testing.assert_array_equal(p.data, q.data)
    states = [optimiser.state_dict()["arrays"] for optimiser in optimisers]
    assert states[0].keys() == states[1].keys()
    for name, array in states[0].items():
        np.testing.assert_array_equal(array, states[1][name])


def test_runs_are_as_long_as_can_be():
    parameters = [Parameter(np.ones(n, np.float32)) for n in (3, 2, 4, 1, 2)]
    together(parameters, [np.ones(p.shape) for p in parameters])
    groups: list[dict] = [{}, {}]
    placed = [Placed(i, groups[i > 2], p, 0, {}) for i, p in enumerate(parameters)]

    def lengths(placed: list[Placed], joins: bool = True) -> list[int]:
        return [len(run.members) for run in runs_of(placed, [joins] * len(placed))]

    assert lengths(placed) == [3, 2]                                # groups have rates of their own
    assert lengths(placed, joins=False) == [1] * 5
    assert lengths([placed[0]._replace(steps=2), *placed[1:]]) == [1, 2, 2]
    assert lengths(placed[::-1]) == [1] * 5                         # not in this order
    parameters[1].grad = None
    assert lengths(placed) == [1, 1, 2]
    parameters[1].grad = np.ones(2, np.float32)                     # elsewhere
    assert lengths(placed) == [1, 1, 1, 2]
    run = runs_of(placed, [True] * 5)[-1]
    run.x[:] = 7
    assert parameters[3].data.tolist() == [7] and parameters[4].data.tolist() == [7, 7]
