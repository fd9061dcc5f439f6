"""Tensor: an array that remembers how it was computed.

A Tensor holds a raw array (`data`) and, when it carries a gradient, its node in the graph. NumPy's functions arrive here by
two protocols, `__array_ufunc__` and `__array_function__`; operators and methods are those of an ndarray (operators.py). All
lead to `apply`, which looks the function up in the derivative table.
"""

from __future__ import annotations

import operator
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .. import backend
from ..backend import Array
from . import modes
from .graph import Node, backward_pass
from .operators import TABLE, Operators, apply


class Tensor(Operators):
    """An array with a gradient.

    `data` (a number, nested lists, a NumPy or CuPy array) is not copied when it is an array of the right dtype and device.
    Python floats become float32. `requires_grad=True` makes a leaf: `backward()` writes ∂(output)/∂(leaf) into its `grad`, a
    raw array of the same shape and dtype. `data` may be written through, unguarded; `copy_`, `t[i] = v` and `t += v` are the
    guarded ways.

    Raises TypeError for data that is not numeric and for a gradient asked of integers: they don't vary smoothly.
    """

    __slots__ = ("__weakref__", "_node", "_version", "data", "grad")
    __array_priority__ = 1000

    data: Array
    grad: Array | None

    def __init__(self, data: Any, requires_grad: bool = False, dtype: Any = None, device: str | None = None) -> None:
        version = [0]                                 # a cell, shared with views: raised by every sanctioned write
        if isinstance(data, Tensor):
            if data._node is not None:
                raise TypeError("Tensor(t) of a Tensor that carries a gradient would drop it: use t itself, or t.detach()")
            data, version = data.data, data._version
        self.data = backend.asarray(data, dtype, device)
        self.grad = None
        self._node: Node | None = None
        self._version = version if self.data is data else [0]
        if requires_grad:
            self.requires_grad = True

    @classmethod
    def _wrap(cls, data: Array, node: Node | None = None) -> Tensor:
        """The result of an operation: no checks, never a subclass."""
        t = object.__new__(Tensor)
        t.data = data if type(data) is np.ndarray else _as_array(data)
        t.grad = None
        t._node = node
        t._version = [0]
        return t

    # ------------------------------------------------------------ what it is

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient flows to or through this Tensor. Assignable on leaves."""
        return self._node is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if not self.is_leaf:
            raise RuntimeError("requires_grad can be set on leaves only; use .detach() for a copy outside the graph")
        if value and self.data.dtype.kind != "f":
            raise TypeError(f"only floats have gradients, this is {self.data.dtype}: convert with .astype(np.float32) first")
        if value and self._node is None:
            self._node = Node(self.data)
            self._node.leaf = weakref.ref(self)
        elif not value:
            self._node = None

    @property
    def is_leaf(self) -> bool:
        """Not the recorded result of an operation: made by the user."""
        return self._node is None or self._node.op is None

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape

    @property
    def ndim(self) -> int:
        return self.data.ndim

    @property
    def size(self) -> int:
        return self.data.size

    @property
    def dtype(self) -> np.dtype:
        return self.data.dtype

    @property
    def nbytes(self) -> int:
        return self.data.nbytes

    @property
    def device(self) -> str:
        """'cpu' or 'cuda:N'."""
        return backend.device_of(self.data)

    # ------------------------------------------------------------ gradients

    def backward(self, gradient: Any = None, retain_graph: bool = False) -> None:
        """Add ∂L/∂leaf to `grad` of every leaf this Tensor depends on.

        `gradient` is ∂L/∂self, of self's shape; 1 if self is a single number, required otherwise. The graph is freed on the
        way unless `retain_graph`. First order: for gradients of gradients use `tinyllm.grad`.
        Raises RuntimeError when there is nothing to differentiate or the graph was freed, ValueError for a wrong shape.
        """
        root, start = self._output_gradient(gradient)
        pairs = [(node.leaf(), g) for node, g in backward_pass(root, start, free=not retain_graph) if node.leaf is not None]
        handed_out = {id(start), id(self.data)}
        for leaf, g in pairs:
            if leaf is None:
                continue
            if leaf.grad is not None:
                leaf.grad += g
            else:                                     # what another may hold, or what is a view of it, is copied
                shared = id(g) in handed_out or g.base is not None or type(g) is np.generic or g.ndim == 0
                leaf.grad = _as_array(g).copy() if shared else g
                handed_out.add(id(g))

    def _output_gradient(self, gradient: Any) -> tuple[Node, Array]:
        """The node to start from and a checked ∂L/∂self."""
        if self._node is None:
            raise RuntimeError("nothing to differentiate: no input has requires_grad=True, or it was computed under no_grad()")
        if gradient is None:
            if self.size != 1:
                raise RuntimeError(f"backward() of shape {self.shape} needs a gradient of that shape (1 for a number)")
            return self._node, np.ones_like(self.data)
        if isinstance(gradient, Tensor):
            gradient = gradient.data
        gradient = backend.asarray(gradient, self.dtype)
        if gradient.shape != self.shape:
            raise ValueError(f"gradient has shape {gradient.shape}, the output has {self.shape}: they must be equal")
        if backend.device_of(gradient) != self.device:
            raise ValueError(f"gradient is on {backend.device_of(gradient)}, the output on {self.device}: move it there first")
        return self._node, gradient

    # ------------------------------------------------------------ the ways out: explicit, none loses a gradient silently

    def detach(self) -> Tensor:
        """The same data outside the graph."""
        t = Tensor._wrap(self.data)
        t._version = self._version
        return t

    def numpy(self) -> np.ndarray:
        """The data as a NumPy array: shared on the CPU, copied from a GPU."""
        return backend.to_numpy(self.data)

    def item(self) -> Any:
        """The one entry as a Python number. Raises ValueError for any other size."""
        if self.size != 1:
            raise ValueError(f"item() needs exactly one entry, shape {self.shape} has {self.size}: index it or reduce it first")
        return self.data.item()

    def _refuse_exit(self, way: str) -> None:
        if self._node is not None and modes.current().recording:
            raise TypeError(
                f"{way} would drop the gradient of this Tensor silently: use NumPy's functions on it (np.exp, not math.exp), "
                "or leave the graph on purpose with .detach(), .numpy() or .item()"
            )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        self._refuse_exit("converting to a NumPy array")
        if self.device != "cpu":
            raise TypeError(f"a Tensor on {self.device} does not convert implicitly: use .numpy()")
        return np.array(self.data, dtype=dtype, copy=copy)

    def __float__(self) -> float:
        self._refuse_exit("float()")
        return float(self.item())

    def __int__(self) -> int:
        self._refuse_exit("int()")
        return int(self.item())

    def __index__(self) -> int:
        self._refuse_exit("use as an index")
        return operator.index(self.item())

    def __complex__(self) -> complex:
        self._refuse_exit("complex()")
        return complex(self.item())

    def tolist(self) -> Any:
        self._refuse_exit("tolist()")
        return self.numpy().tolist()

    def __bool__(self) -> bool:
        return bool(self.data)

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[Tensor]:
        if not self.ndim:
            raise TypeError("a 0-dimensional Tensor has no entries to iterate over")
        return (self[i] for i in range(len(self)))

    def __contains__(self, value: Any) -> bool:
        return bool((self == value).any())

    def __repr__(self) -> str:
        name = type(self).__name__
        text = np.array2string(self.numpy(), separator=", ", prefix=name + "(", precision=4, threshold=200)
        notes = [text]
        if self.dtype != backend.DTYPE:
            notes.append(f"dtype={self.dtype}")
        if self.device != "cpu":
            notes.append(f"device='{self.device}'")
        if self._node is not None:
            notes.append("requires_grad=True" if self._node.op is None else f"from={self._node.op.name}")
        return f"{name}({', '.join(notes)})"

    def _repr_html_(self) -> str:
        from .html import tensor_html

        return tensor_html(self)

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else repr(self)

    def __copy__(self) -> Tensor:
        return self.__deepcopy__({})

    def __deepcopy__(self, memo: dict) -> Tensor:
        if not self.is_leaf:
            raise TypeError("a recorded result can't be copied out of its graph: copy t.detach(), or compute it again")
        t = object.__new__(type(self))
        Tensor.__init__(t, self.data.copy(), self.requires_grad)
        return t

    def __reduce__(self) -> Any:
        if not self.is_leaf:
            raise TypeError("a recorded result can't be pickled: pickle t.detach()")
        return _unpickle, (type(self), self.numpy(), self.requires_grad)

    # ------------------------------------------------------------ moving

    def to(self, target: Any) -> Tensor:
        """On another device ('cpu', 'cuda', 'cuda:1') or in another dtype. The gradient flows back the same way."""
        if isinstance(target, str) and target.partition(":")[0] in ("cpu", "cuda"):
            return self if target == self.device else apply(backend.to_device, self, target)
        return self.astype(target)

    def astype(self, dtype: Any) -> Any:
        """In another dtype. To integers or booleans the result is piecewise constant: a raw array."""
        return apply(np.astype, self, dtype)

    # ------------------------------------------------------------ entries, and writing in place

    def _check_writable(self) -> None:
        if not self.is_leaf:
            raise RuntimeError("a recorded result can't be changed in place: its graph needs it. Write t = t + …")
        if self._node is not None and modes.current().recording:
            raise RuntimeError("a leaf that requires a gradient is changed in place under no_grad() only. Write t = t + …")

    def _written(self) -> Tensor:
        self._version[0] += 1
        return self

    def copy_(self, value: Any) -> Tensor:
        """Write value into this leaf's own array (broadcast, cast). Raises RuntimeError while it would break a graph."""
        self[...] = value
        return self

    def __getitem__(self, index: Any) -> Tensor:
        return apply(operator.getitem, self, _raw_index(index, self))

    def __setitem__(self, index: Any, value: Any) -> None:
        self._check_writable()
        if isinstance(value, Tensor):
            if value._node is not None and modes.current().recording:
                raise RuntimeError("writing a Tensor that carries a gradient into another would drop it: use np.where or stack")
            value = value.data
        if backend.is_array(value) and backend.device_of(value) != self.device:
            raise ValueError(f"the value is on {backend.device_of(value)}, the Tensor on {self.device}: move it there first")
        self.data[_raw_index(index, self)] = value
        self._written()

    def _in_place(self, fn: Callable, other: Any) -> Tensor:
        self._check_writable()
        if isinstance(other, Tensor) and other._node is not None and modes.current().recording:
            raise RuntimeError("in-place arithmetic with a Tensor that carries a gradient would drop it. Write t = t + …")
        fn(self.data, other.data if isinstance(other, Tensor) else other, out=self.data)
        return self._written()

    def __iadd__(self, other: Any) -> Tensor:
        return self._in_place(np.add, other)

    def __isub__(self, other: Any) -> Tensor:
        return self._in_place(np.subtract, other)

    def __imul__(self, other: Any) -> Tensor:
        return self._in_place(np.multiply, other)

    def __itruediv__(self, other: Any) -> Tensor:
        return self._in_place(np.divide, other)

    def __ipow__(self, other: Any) -> Tensor:
        return self._in_place(np.power, other)

    # ------------------------------------------------------------ NumPy's protocols

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if "out" in kwargs:
            raise TypeError(f"np.{ufunc.__name__}(out=…) would overwrite an array a graph may need: assign the result instead")
        if "where" in kwargs:
            raise TypeError(f"np.{ufunc.__name__}(where=…) leaves entries unset: use np.where on the result")
        if method == "__call__":
            return apply(ufunc, *inputs, **kwargs)
        fn = TABLE.get((ufunc, method))  # type: ignore[call-overload]
        if fn is None:
            raise TypeError(f"np.{ufunc.__name__}.{method} does not take Tensors: use the function form, such as np.sum")
        return fn(inputs, kwargs)

    def __array_function__(self, fn: Callable, types: Any, args: tuple, kwargs: dict) -> Any:
        return apply(fn, *args, **kwargs)


def _as_array(value: Any) -> Array:
    """NumPy answers reductions with scalars; a Tensor's data is always an array."""
    return np.asarray(value) if isinstance(value, np.generic | int | float | bool) else value


def _raw_index(index: Any, x: Tensor) -> Any:
    """An index with raw arrays in it. Raises TypeError for one on another device, which CuPy would copy there silently."""
    if isinstance(index, tuple):
        return tuple(_raw_index(i, x) for i in index)
    if isinstance(index, Tensor):
        index = index.data
    if backend.is_array(index) and backend.device_of(index) != x.device:
        raise TypeError(f"the index is on {backend.device_of(index)}, the Tensor on {x.device}: move one of them first")
    return index


def _unpickle(cls: type[Tensor], data: np.ndarray, requires_grad: bool) -> Tensor:
    t = object.__new__(cls)
    Tensor.__init__(t, data, requires_grad)
    return t

