"""What all optimisers share: groups of parameters with options of their own, a step, a state that can be saved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import backend
from ..backend import Array
from ..nn import Parameter

Group = dict[str, Any]


@dataclass
class _Run:
    """Parameters of a group that stand side by side in memory, with their gradients and states: moved as one long vector."""

    group: Group
    places: list[int]
    x: Array
    g: Array
    state: dict[str, Array] = field(default_factory=dict)


class Optimizer:
    """Moves parameters along their gradients. A subclass says how, in `update`.

    `params`: parameters, or groups, `[{"params": [...], "lr": 1e-3}, {"params": [...]}]`; what a group leaves out is taken from
    the defaults. `groups` may be read and written between steps: `group["lr"]` is what a schedule changes.

    Raises ValueError for no parameters, one that stands in two groups, an unknown option, a negative rate.
    """

    def __init__(self, params: Iterable[Parameter] | Iterable[Group], **defaults: Any) -> None:
        entries: list[Any] = list(params)
        if not entries:
            raise ValueError("an optimiser needs at least one parameter: pass model.parameters()")
        groups = entries if isinstance(entries[0], dict) else [{"params": entries}]
        self.groups: list[Group] = [_group(group, defaults) for group in groups]
        self.steps = [0 for _ in self.parameters()]   # of each parameter: one that had no gradient did not step
        self.state: list[dict[str, Array]] = [{} for _ in self.steps]
        self._known: dict[tuple[int, ...], tuple[list[Any], list[_Run]]] = {}       # places → arrays, runs
        seen = set[int]()
        for parameter in self.parameters():
            if id(parameter) in seen:
                raise ValueError(f"a parameter of shape {parameter.shape} is given twice: it would move twice a step")
            seen.add(id(parameter))

    def parameters(self) -> Iterator[Parameter]:
        """All parameters, group by group: the order in which the state is saved."""
        return (parameter for group in self.groups for parameter in group["params"])

    def zero_grad(self) -> None:
        """Forget the gradients: each `grad` becomes None."""
        for parameter in self.parameters():
            parameter.grad = None

    def scale_lr(self, factor: float) -> None:
        """Set every group's rate to factor × the rate it was made with: what a schedule calls before a step."""
        for group in self.groups:
            group["lr"] = group["initial_lr"] * factor

    def step(self, places: Sequence[int] | None = None) -> None:
        """Move every parameter that has a gradient, in place; of several workers each moves those at its `places`."""
        for run in self._runs(range(len(self.steps)) if places is None else places):
            t = self.steps[run.places[0]] + 1
            self.update(run.x, run.g, run.state, t, run.group)
            for place in run.places:
                self.steps[place] = t
            if t == 1:
                self._spread(run)

    def keep(self, places: Sequence[int]) -> None:
        """Forget the state of all parameters but these: others move the rest."""
        kept = set(places)
        for place in range(len(self.steps)):
            if place not in kept:
                self.steps[place], self.state[place] = 0, {}

    def elementwise(self, group: Group) -> bool:
        """Whether each number of a parameter moves by itself, so that it does not matter where one parameter ends."""
        return False

    def update(self, x: Array, g: Array, state: dict[str, Array], t: int, group: Group) -> None:
        """Move x, given its gradient g, for the t-th time (from 1). `state` holds arrays of x's shape; empty when t is 1."""
        raise NotImplementedError

    # ------------------------------------------------------------ long vectors

    def _runs(self, places: Sequence[int]) -> list[_Run]:
        """What is to be moved, remembered while it is the same arrays."""
        every = [(group, parameter) for group in self.groups for parameter in group["params"]]
        chosen = [(place, *every[place]) for place in places]
        arrays = [array for _, _, parameter in chosen for array in (parameter.data, parameter.grad)]
        known, runs = self._known.get(tuple(places), ([], []))
        if len(known) != len(arrays) or any(a is not b for a, b in zip(known, arrays, strict=True)):
            runs = self._joined(chosen)
            self._known.pop(tuple(places), None)
            if len(runs) < len(chosen):
                self._known[tuple(places)] = arrays, runs
        for _, _, parameter in chosen:
            if parameter.grad is not None:
                parameter._written()
        return runs

    def _joined(self, chosen: list[tuple[int, Group, Parameter]]) -> list[_Run]:
        several: list[list[tuple[int, Group, Parameter]]] = []
        for entry in chosen:
            place, group, parameter = entry
            if parameter.grad is None:
                continue
            before = several[-1][-1] if several else None
            if (
                before is not None and before[1] is group and self.elementwise(group)
                and self.steps[before[0]] == self.steps[place]
                and _side_by_side(before[2].data, parameter.data) and _side_by_side(before[2].grad, parameter.grad)
            ):
                several[-1].append(entry)
            else:
                several.append([entry])
        return [self._run(entries) for entries in several]

    def _run(self, entries: list[tuple[int, Group, Parameter]]) -> _Run:
        places, group = [place for place, *_ in entries], entries[0][1]
        parameters = [parameter for *_, parameter in entries]
        if len(entries) == 1:
            return _Run(group, places, parameters[0].data, parameters[0].grad, self.state[places[0]])
        run = _Run(group, places, _whole([p.data for p in parameters]), _whole([p.grad for p in parameters]))
        run.state = {
            name: np.concatenate([self.state[place][name].reshape(-1) for place in places]) for name in self.state[places[0]]
        }
        self._spread(run)
        return run

    def _spread(self, run: _Run) -> None:
        """Each parameter's state is its part of the run's."""
        if len(run.places) == 1:
            return
        shapes = {place: p.shape for place, p in enumerate(self.parameters())}
        start = 0
        for place in run.places:
            stop = start + int(np.prod(shapes[place]))
            self.state[place] = {name: array[start:stop].reshape(shapes[place]) for name, array in run.state.items()}
            start = stop

    # ------------------------------------------------------------ saving and loading

    def state_dict(self) -> dict[str, Any]:
        """{"steps": …, "groups": options, "arrays": {"<place>.<name>": NumPy array}}, all but "arrays" fit for JSON."""
        options = [{key: value for key, value in group.items() if key != "params"} for group in self.groups]
        arrays = {
            f"{place}.{name}": np.array(backend.to_numpy(array))
            for place, state in enumerate(self.state) for name, array in state.items()
        }
        return {"steps": list(self.steps), "groups": options, "arrays": arrays}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Go on from `state_dict()`: the next step is the one that would have come.

        Raises ValueError when the groups or the shapes are not those of this optimiser.
        """
        if len(saved["groups"]) != len(self.groups):
            raise ValueError(f"the saved optimiser has {len(saved['groups'])} groups, this one {len(self.groups)}")
        for i, (group, options) in enumerate(zip(self.groups, saved["groups"], strict=True)):
            if options.keys() != group.keys() - {"params"}:
                different = ", ".join(sorted(options.keys() ^ (group.keys() - {"params"})))
                raise ValueError(f"group {i} of the saved optimiser is another kind's: {different} stands in one of them only")
        parameters = list(self.parameters())
        if len(saved["steps"]) != len(parameters):
            raise ValueError(f"the saved optimiser moved {len(saved['steps'])} parameters, this one has {len(parameters)}")
        state: list[dict[str, Array]] = [{} for _ in parameters]
        for key, array in saved["arrays"].items():
            place, _, name = key.partition(".")
            if not (place.isdecimal() and int(place) < len(parameters)):
                raise ValueError(f"saved state {key} belongs to no parameter: there are {len(parameters)}")
            parameter = parameters[int(place)]
            if array.shape != parameter.shape:
                raise ValueError(f"saved state {key} has shape {array.shape}, parameter {place} has {parameter.shape}")
            state[int(place)][name] = backend.to_device(np.array(array), parameter.device)
        for group, options in zip(self.groups, saved["groups"], strict=True):
            group.update(options)
        self.steps, self.state, self._known = list(saved["steps"]), state, {}


def _side_by_side(a: Array | None, b: Array | None) -> bool:
    """Whether b begins where a ends, in one and the same array."""
    if not isinstance(a, np.ndarray) or not isinstance(b, np.ndarray) or a.base is None or a.base is not b.base:
        return False
    return _address(a) + a.nbytes == _address(b) and all(array.flags.c_contiguous for array in (a, b, a.base))


def _whole(arrays: list[Any]) -> Array:
    """Arrays that stand side by side, as one vector."""
    base = arrays[0].base.reshape(-1)
    start = (_address(arrays[0]) - _address(base)) // base.itemsize
    return base[start : start + sum(array.size for array in arrays)]


def _address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def _group(group: Group, defaults: dict[str, Any]) -> Group:
    unknown = group.keys() - defaults.keys() - {"params"}
    if unknown:
        raise ValueError(f"unknown option {', '.join(sorted(unknown))}: a group has params, {', '.join(defaults)}")
    made = {**defaults, **group, "params": list(group["params"])}
    for parameter in made["params"]:
        if not isinstance(parameter, Parameter):
            raise TypeError(f"an optimiser moves Parameters, not {type(parameter).__name__}")
    for option in ("lr", "weight_decay"):
        if made.get(option, 0.0) < 0:
            raise ValueError(f"{option} is {made[option]}: it must not be negative")
    return {**made, "initial_lr": made["lr"]}
