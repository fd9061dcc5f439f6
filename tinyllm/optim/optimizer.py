"""What all optimisers share: groups of parameters with options of their own, a step, a state that can be saved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from .. import backend
from ..backend import Array
from ..nn import Parameter
from .runs import Placed, Run, runs_of

Group = dict[str, Any]


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
        self._known: dict[tuple[int, ...], tuple[list[Any], list[Run]]] = {}       # places → arrays, runs
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
            first = run.members[0]
            t = self.steps[first.place] + 1
            self.update(run.x, run.g, run.state, t, first.group)
            if t == 1:
                self._keep_state([run])
            for member in run.members:
                self.steps[member.place] = t
                member.parameter._written()

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

    def _runs(self, places: Sequence[int]) -> list[Run]:
        """What is to be moved, remembered while it is the same arrays."""
        entries = [(group, parameter) for group in self.groups for parameter in group["params"]]
        chosen = [Placed(place, *entries[place], self.steps[place], self.state[place]) for place in places]
        arrays = [array for one in chosen for array in (one.parameter.data, one.parameter.grad)]
        known, runs = self._known.pop(tuple(places), ([], []))
        if len(known) != len(arrays) or any(a is not b for a, b in zip(known, arrays, strict=True)):
            runs = runs_of(chosen, [self.elementwise(one.group) for one in chosen])
            self._keep_state(runs)
        if len(runs) < len(chosen):                     # else there is nothing to gain, and arrays to hold
            self._known[tuple(places)] = arrays, runs
        return runs

    def _keep_state(self, runs: Sequence[Run]) -> None:
        for run in runs:
            for member, state in zip(run.members, run.spread(), strict=True):
                self.state[member.place] = state

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
