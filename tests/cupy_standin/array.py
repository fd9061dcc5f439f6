"""The stand-in's array: NumPy's values behind CuPy's interface and CuPy's refusals.

It wraps an ndarray and is none: NumPy's functions reach it through the two protocols alone, as they reach CuPy's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from . import devices, indexing
from .dispatch import SCALARS, call_function, call_ufunc, compute, refuse_host
from .operators import fill
from .traffic import record


class ndarray:
    __slots__ = ("_device", "_values")
    __array_priority__ = 100
    __hash__ = None  # type: ignore[assignment]

    _values: np.ndarray
    _device: int

    def __init__(self, shape: Any, dtype: Any = float) -> None:
        self._values = np.empty(shape, dtype)
        self._device = devices.current()

    @classmethod
    def _of(cls, values: np.ndarray, device: int | None = None) -> ndarray:
        if values.dtype.type not in SCALARS:
            raise ValueError(f"CuPy has no dtype {values.dtype}")
        array = object.__new__(cls)
        array._values = values
        array._device = devices.current() if device is None else device
        return array

    @classmethod
    def _asarray(
        cls, a: Any, dtype: Any = None, order: str | None = None, *, copy: Any = None, blocking: bool = False
    ) -> ndarray:
        """cupy.asarray, the way onto the device."""
        if isinstance(a, (list, tuple)) and any(isinstance(x, cls) for x in a):
            for x in a:
                refuse_host(x)
            a = call_function(cls, np.stack, ([cls._asarray(x) for x in a],), {})
        if not isinstance(a, cls):
            record(f"to device: asarray of {type(a).__name__}")
            return cls._of(np.array(a, dtype, order=order or "K"))
        same = a._device == devices.current() and not copy and dtype in (None, a.dtype)
        same = same and (order != "C" or a._values.flags.c_contiguous)
        return a if same else cls._of(np.array(a._values, dtype, order=order or "K"))

    # ------------------------------------------------------------ what it is

    shape = property(lambda self: self._values.shape)
    dtype = property(lambda self: self._values.dtype)
    ndim = property(lambda self: self._values.ndim)
    size = property(lambda self: self._values.size)
    nbytes = property(lambda self: self._values.nbytes)
    itemsize = property(lambda self: self._values.itemsize)
    strides = property(lambda self: self._values.strides)
    device = property(lambda self: devices.Device(self._device))
    data = property(lambda self: MemoryPointer(self))
    flags = property(lambda self: Flags(self._values.flags))

    @property
    def base(self) -> ndarray | None:
        base = self._values.base
        return self._of(base, self._device) if isinstance(base, np.ndarray) else None

    T = property(lambda self: self._of(self._values.T, self._device))
    mT = property(lambda self: self._of(self._values.mT, self._device))
    real = property(lambda self: self._of(self._values.real, self._device))
    imag = property(lambda self: self._of(self._values.imag, self._device))

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[ndarray]:
        if not self.ndim:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    # ------------------------------------------------------------ the ways to the host, each of them logged

    def _to_host(self, how: str) -> np.ndarray:
        record(f"to host: {how}")
        return self._values.copy()

    def get(
        self, stream: Any = None, order: str = "C", out: np.ndarray | None = None, blocking: bool = True
    ) -> np.ndarray:
        values = np.array(self._to_host("get()"), order=order)
        if out is None:
            return values
        out[...] = values
        return out

    def set(self, arr: np.ndarray, stream: Any = None) -> None:
        if not isinstance(arr, np.ndarray) or (arr.shape, arr.dtype) != (self.shape, self.dtype):
            raise TypeError(f"set() takes a NumPy array {self.shape} of {self.dtype}")
        record("to device: set()")
        self._values[...] = arr

    def item(self) -> Any:
        if self.size != 1:
            raise ValueError(f"item() needs an array of one element, this one is {self.shape}")
        return self._to_host("item()").item()

    def tolist(self) -> Any:
        return self._to_host("tolist()").tolist()

    def tobytes(self, order: str = "C") -> bytes:
        return self._to_host("tobytes()").tobytes(order)

    def __float__(self) -> float:
        return float(self._to_host("float()"))

    def __int__(self) -> int:
        return int(self._to_host("int()"))

    def __complex__(self) -> complex:
        return complex(self._to_host("complex()"))

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(f"the truth of an array {self.shape} is ambiguous: any() or all()")
        return bool(self._to_host("bool()"))

    def __repr__(self) -> str:
        return repr(self._to_host("repr()"))

    def __str__(self) -> str:
        return str(self._to_host("str()"))

    def __format__(self, spec: str) -> str:
        return format(self._to_host("format()"), spec)

    def __reduce__(self) -> Any:
        return self._asarray, (self._to_host("pickle"),)

    def __deepcopy__(self, memo: Any) -> ndarray:
        return self._of(self._values.copy(), self._device)

    __copy__ = copy = lambda self, order="C": self._of(self._values.copy(order), self._device)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        raise TypeError("a CuPy array does not turn into a NumPy array by itself: use .get() or cupy.asnumpy")

    # ------------------------------------------------------------ computing

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return call_ufunc(ndarray, ufunc, method, inputs, kwargs)

    def __array_function__(self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        if not all(issubclass(t, (ndarray, np.ndarray)) for t in types):
            return NotImplemented
        return call_function(ndarray, function, args, kwargs)

    def __getitem__(self, key: Any) -> ndarray:
        return self._of(indexing.get(self._values, key, ndarray), self._device)

    def __setitem__(self, key: Any, value: Any) -> None:
        indexing.put(self._values, key, value, ndarray)

    def astype(
        self, dtype: Any, order: str = "K", casting: Any = None, subok: Any = None, copy: bool = True
    ) -> ndarray:
        if casting is not None or subok is not None:
            raise TypeError("CuPy's astype has the keywords casting and subok, and takes no value for them")
        return compute(ndarray, np.ndarray.astype, (self, dtype), {"order": order, "copy": copy})


class MemoryPointer:
    """`array.data`: an address, which only a kernel may follow."""

    def __init__(self, array: ndarray) -> None:
        self.ptr = array._values.ctypes.data
        self.device = array.device


class Flags:
    """`array.flags`: CuPy has these three of NumPy's."""

    def __init__(self, flags: Any) -> None:
        self.c_contiguous = flags.c_contiguous
        self.f_contiguous = flags.f_contiguous
        self.owndata = flags.owndata


fill(ndarray)
