"""Parameters that stand side by side in memory are moved as one long vector: a few large steps in place of many small ones.

Where a training loop has laid weights and gradients out in one array each (`training.shards`), an optimiser that moves every
number by itself need not know where one parameter ends. Its state is laid out the same way; each parameter's is a view.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..backend import Array
from ..nn import Parameter

State = dict[str, Array]


class Placed(NamedTuple):
    """A parameter of an optimiser: which one it is, its group, the steps it has taken, its state."""

    place: int
    group: dict[str, Any]
    parameter: Parameter
    steps: int
    state: State


class Run(NamedTuple):
    """What one update moves: x and its gradient g, in the parameter's shape if it is one, else in a row."""

    members: list[Placed]
    x: Array
    g: Array
    state: State

    def spread(self) -> list[State]:
        """The state of each member: its part of the run's."""
        if len(self.members) == 1:
            return [self.state]
        found, start = [], 0
        for member in self.members:
            shape = member.parameter.shape
            stop = start + math.prod(shape)
            found.append({name: array[start:stop].reshape(shape) for name, array in self.state.items()})
            start = stop
        return found


def runs_of(placed: Iterable[Placed], joins: Sequence[bool]) -> list[Run]:
    """Runs as long as can be: neighbours of a group that joins, which have taken as many steps. Without gradients none."""
    several: list[list[Placed]] = []
    for one, join in zip(placed, joins, strict=True):
        if one.parameter.grad is None:
            continue
        if join and several and _continues(several[-1][-1], one):
            several[-1].append(one)
        else:
            several.append([one])
    return [_run(members) for members in several]


def _continues(before: Placed, one: Placed) -> bool:
    a, b = before.parameter, one.parameter
    together = before.group is one.group and before.steps == one.steps
    return together and _side_by_side(a.data, b.data) and _side_by_side(a.grad, b.grad)


def _side_by_side(a: Array, b: Array) -> bool:
    """Whether b begins where a ends, in one and the same array."""
    if not isinstance(a, np.ndarray) or a.base is None or a.base is not b.base or a.base.dtype != a.dtype:
        return False
    return _address(a) + a.nbytes == _address(b) and all(array.flags.c_contiguous for array in (a, b, a.base))


def _run(members: list[Placed]) -> Run:
    if len(members) == 1:
        parameter = members[0].parameter
        return Run(members, parameter.data, parameter.grad, members[0].state)
    names = members[0].state.keys()
    state = {name: np.concatenate([member.state[name].reshape(-1) for member in members]) for name in names}
    x, g = (_whole(arrays) for arrays in zip(*((m.parameter.data, m.parameter.grad) for m in members), strict=True))
    return Run(members, x, g, state)


def _whole(arrays: Sequence[Any]) -> Array:
    """Arrays that stand side by side, as one vector."""
    base = arrays[0].base.reshape(-1)
    start = (_address(arrays[0]) - _address(base)) // base.itemsize
    return base[start : start + sum(array.size for array in arrays)]


def _address(array: np.ndarray) -> int:
    address: int = array.__array_interface__["data"][0]
    return address
