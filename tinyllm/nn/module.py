"""Module: a function with parameters. Parameter: a Tensor that training changes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Self

import numpy as np

from .. import backend
from ..autograd import Tensor
from ..backend import Array


class Parameter(Tensor):
    """A leaf that a module owns and an optimiser moves. Its `grad` is a raw array, or None before the first backward()."""

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True) -> None:
        super().__init__(data, requires_grad)

    def move_(self, device: str | None = None, dtype: Any = None) -> None:
        """To another device or dtype, staying the same object: whoever holds it (an optimiser, a tied layer) follows."""
        needs_gradient = self.requires_grad
        self.requires_grad = False                    # the node knows shape and dtype: it is made anew
        self.data = _moved(self.data, device, dtype)
        self.grad = None if self.grad is None else _moved(self.grad, device, dtype)
        self.requires_grad = needs_gradient
        self._written()


class Missed(NamedTuple):
    """What `load_state_dict(strict=False)` did not find: in the arrays, in the module."""

    missing: list[str]
    unexpected: list[str]


class Module:
    """A function with parameters: assign Parameters and Modules to attributes in `__init__`, compute in `forward`.

    An attribute that is a Parameter is trained; one that is a Module is a child; one that is a raw array is a constant (a
    buffer), which moves with the module and is not saved, because `__init__` computes it. Lists of modules are ModuleLists.

        class Affine(Module):
            def __init__(self, d):
                self.scale = Parameter(np.ones(d, np.float32))

            def forward(self, x):
                return self.scale * x

    The interface is torch.nn.Module's. A parameter used in two places (tied weights) is one parameter: it counts once, under
    the name it has first.
    """

    training: bool = True
    forward: Callable[..., Any]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.forward(*args, **kwargs)

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, list | tuple | dict):
            values = value.values() if isinstance(value, dict) else value
            if any(isinstance(v, Module | Parameter) for v in values):
                kind = type(value).__name__
                raise TypeError(f"{name} is a plain {kind} of modules or parameters, which training would miss: use ModuleList")
        if isinstance(vars(self).get(name), Parameter) and not (value is None or isinstance(value, Parameter)):
            raise TypeError(
                f"{name} is a Parameter, and a {type(value).__name__} in its place would be neither trained nor saved: "
                f"write into it by {name}.copy_(…) under no_grad(), or assign a Parameter"
            )
        object.__setattr__(self, name, value)

    # ------------------------------------------------------------ the tree

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """(attribute name, module) of the modules directly below."""
        return ((name, value) for name, value in vars(self).items() if isinstance(value, Module))

    def children(self) -> Iterator[Module]:
        return (child for _, child in self.named_children())

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """(dotted name, module) of this module (named '') and all below; a shared module comes once."""
        seen = set[int]()
        for name, module in self._walk(prefix):
            if id(module) not in seen:
                seen.add(id(module))
                yield name, module

    def modules(self) -> Iterator[Module]:
        return (module for _, module in self.named_modules())

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """(dotted name, parameter), in the order of assignment; a tied parameter comes once, under its first name."""
        seen = set[int]()
        for name, parameter in self._all_names():
            if id(parameter) not in seen:
                seen.add(id(parameter))
                yield name, parameter

    def parameters(self) -> Iterator[Parameter]:
        return (parameter for _, parameter in self.named_parameters())

    @property
    def device(self) -> str:
        """Where the parameters are, by the first of them: 'cpu' or 'cuda:N'; 'cpu' without any."""
        return next((parameter.device for parameter in self.parameters()), "cpu")

    def n_parameters(self) -> int:
        """How many numbers training can change; tied ones once."""
        return sum(parameter.size for parameter in self.parameters())

    def _walk(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        yield prefix, self
        for name, child in self.named_children():
            yield from child._walk(f"{prefix}.{name}" if prefix else name)

    def _all_names(self) -> Iterator[tuple[str, Parameter]]:
        """Every name of every parameter: a tied one comes once per place."""
        for path, module in self._walk():
            for name, value in vars(module).items():
                if isinstance(value, Parameter):
                    yield f"{path}.{name}" if path else name, value

    # ------------------------------------------------------------ changing all of it

    def train(self, mode: bool = True) -> Self:
        """Training mode (dropout on) here and in everything below."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Evaluation mode: dropout off."""
        return self.train(False)

    def zero_grad(self) -> None:
        """Forget the gradients: each `grad` becomes None."""
        for parameter in self.parameters():
            parameter.grad = None

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Train, or freeze, every parameter."""
        for parameter in self.parameters():
            parameter.requires_grad = requires_grad
        return self

    def to(self, device: str | None = None, dtype: Any = None) -> Self:
        """Move every parameter and buffer to a device, or cast it to a floating dtype, in place.

        Raises TypeError for a dtype that is not floating, ValueError for an unknown device.
        """
        if isinstance(device, type | np.dtype):
            raise TypeError(f"to({device}): the first argument is a device; write to(dtype={np.dtype(device).name!r})")
        if dtype is not None and np.dtype(dtype).kind != "f":
            raise TypeError(f"to(dtype={np.dtype(dtype)}): parameters have gradients, so their dtype is a floating one")
        for parameter in self.parameters():
            parameter.move_(device, dtype)
        for module in self.modules():
            module._move_buffers(device, dtype)
        return self

    def _move_buffers(self, device: str | None, dtype: Any) -> None:
        for name, value in list(vars(self).items()):
            if backend.is_array(value):
                setattr(self, name, _moved(value, device, dtype))

    # ------------------------------------------------------------ saving and loading

    def state_dict(self) -> dict[str, np.ndarray]:
        """Parameter name → NumPy array: a copy, which later training does not change."""
        return {name: np.array(parameter.numpy()) for name, parameter in self.named_parameters()}

    def load_state_dict(self, arrays: Mapping[str, Any], strict: bool = True) -> Missed:
        """Write the arrays into the parameters of the same names, casting between floating dtypes.

        A tied parameter may come under any of its names. Everything is checked before anything is written. The arrays may be
        those of parameters: what is written is what they held at the call.
        Raises ValueError naming what is missing, unexpected or of another shape (with strict=False: of another shape alone),
        TypeError for arrays that are not floats, or no mapping of them.
        """
        if not isinstance(arrays, Mapping):
            raise TypeError(f"a {type(arrays).__name__} has no names: give a mapping of arrays, such as another's state_dict()")
        names = dict(self._all_names())
        given = {id(names[name]) for name in arrays if name in names}
        missing = [name for name, parameter in self.named_parameters() if id(parameter) not in given]
        unexpected = [name for name in arrays if name not in names]
        problems = _disagreements(names, arrays)
        if strict and missing:
            problems.append(f"missing: {_listed(missing)}")
        if strict and unexpected:
            problems.append(f"unexpected: {_listed(unexpected)}")
        if problems:
            raise ValueError(f"these arrays do not fit {type(self).__name__}. " + "; ".join(problems))
        own = {id(_owner(parameter.data)) for parameter in self.parameters()}
        found = {name: a.copy() if id(_owner(a)) in own else a for name, a in arrays.items() if name in names}
        for name, array in found.items():
            names[name].data[...] = backend.to_device(array, names[name].device)
            names[name]._written()
        return Missed(missing, unexpected)

    # ------------------------------------------------------------ looking at it

    def extra_repr(self) -> str:
        """What stands between the parentheses of the repr: the arguments that made the module."""
        return ""

    def __repr__(self) -> str:
        head = f"{type(self).__name__}({self.extra_repr()}"
        lines = [f"  ({name}): " + repr(child).replace("\n", "\n  ") for name, child in self.named_children()]
        return head + ("\n" + "\n".join(lines) + "\n)" if lines else ")")

    def summary(self) -> str:
        """The tree with shapes and parameter counts, as text to print."""
        from .summary import summary

        return summary(self)

    def _repr_html_(self) -> str:
        from .summary import summary_html

        return summary_html(self)


class ModuleList(Module):
    """Modules in a row, by index. Each is applied by whoever owns the list."""

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        for module in modules:
            self.append(module)

    def append(self, module: Module) -> None:
        setattr(self, str(len(self)), _a_module(module))

    def __len__(self) -> int:
        return sum(1 for _ in self.children())

    def __iter__(self) -> Iterator[Any]:
        return self.children()

    def __getitem__(self, index: int) -> Any:
        return list(self.children())[index]

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, [name for name, _ in self.named_children()][index], _a_module(module))


class Sequential(ModuleList):
    """Modules applied one after the other: `Sequential(f, g)(x)` is g(f(x))."""

    def __init__(self, *modules: Module) -> None:
        super().__init__(modules)

    def forward(self, x: Any) -> Any:
        for module in self:
            x = module(x)
        return x


def _a_module(value: Any) -> Module:
    if not isinstance(value, Module):
        raise TypeError(f"a {type(value).__name__} is no Module: only modules have parameters to train")
    return value


def _moved(array: Array, device: str | None, dtype: Any) -> Array:
    """The array elsewhere; integers and masks keep their dtype."""
    return backend.asarray(array, dtype if array.dtype.kind == "f" else None, device)


def _owner(array: Array) -> Any:
    """Whose memory it is: the array's own, or that of what it is a view of."""
    return array if array.base is None else array.base


def _disagreements(names: Mapping[str, Parameter], arrays: Mapping[str, Any]) -> list[str]:
    problems = []
    written: dict[int, str] = {}
    for name in arrays:
        if name not in names:
            continue
        parameter, array = names[name], arrays[name]
        if not backend.is_array(array) or array.dtype.kind != "f":
            kind = array.dtype if backend.is_array(array) else type(array).__name__
            raise TypeError(f"{name} is {kind}: parameters are loaded from arrays of floats")
        first = written.setdefault(id(parameter), name)
        if array.shape != parameter.shape:
            problems.append(f"{name} has shape {array.shape}, the parameter {parameter.shape}")
        elif first != name and not np.array_equal(arrays[first], array):
            problems.append(f"{first} and {name} are one tied parameter but differ")
    return problems


def _listed(names: list[str], at_most: int = 8) -> str:
    more = f" and {len(names) - at_most} more" if len(names) > at_most else ""
    return ", ".join(itertools.islice(names, at_most)) + more
