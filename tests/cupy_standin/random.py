"""cupy.random.Generator: the methods that CuPy's has. Other numbers than CuPy's from the same seed."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import api
from .array import ndarray


class Generator:
    def __init__(self, seed: Any = None) -> None:
        self._host = np.random.default_rng(seed)

    def __getattr__(self, name: str) -> Any:
        if name not in api.GENERATOR:
            raise AttributeError(f"CuPy's Generator has no {name}(): it has {', '.join(api.GENERATOR)}")

        def draw(*args: Any, **kwargs: Any) -> ndarray:
            api.check_call(f"Generator.{name}", api.GENERATOR[name], args, kwargs)
            if "out" in kwargs:
                raise TypeError("the stand-in's generator makes a new array: leave out= away")
            dtype = kwargs.pop("dtype", None) if name != "integers" else None
            values = np.asarray(getattr(self._host, name)(*args, **kwargs))
            return ndarray._of(values if dtype is None else values.astype(dtype))

        return draw
