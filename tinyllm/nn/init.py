"""How parameters start. Each function writes its Parameter in place, from the generator that `manual_seed` fixes.

The rule behind the scales: in y = W x with n independent inputs of variance 1, Var(y) = n Var(W). A forward signal keeps its
size when Var(W) = 1/fan_in, a backward one when Var(W) = 1/fan_out.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from contextvars import ContextVar

from .. import backend
from ..autograd import no_grad
from .module import Parameter

_skipping: ContextVar[bool] = ContextVar("skipping", default=False)


@contextlib.contextmanager
def skipped() -> Iterator[None]:
    """Inside, initialisers leave parameters as they are: for a model whose weights are loaded next."""
    token = _skipping.set(True)
    try:
        yield
    finally:
        _skipping.reset(token)


def _write(parameter: Parameter, value: object) -> Parameter:
    with no_grad():
        parameter.copy_(value)
    return parameter


def constant_(parameter: Parameter, value: float) -> Parameter:
    """Every entry becomes the value."""
    return parameter if _skipping.get() else _write(parameter, value)


def zeros_(parameter: Parameter) -> Parameter:
    return constant_(parameter, 0.0)


def ones_(parameter: Parameter) -> Parameter:
    return constant_(parameter, 1.0)


def normal_(parameter: Parameter, std: float = 0.02) -> Parameter:
    """Draws from N(0, std²). 0.02 is GPT's and BERT's: Radford et al. 2018, §4.1; Devlin et al. 2019, §A.2."""
    if _skipping.get():
        return parameter
    return _write(parameter, backend.random_normal(parameter.shape, std, parameter.dtype, parameter.device))


def uniform_(parameter: Parameter, bound: float) -> Parameter:
    """Draws from [−bound, bound), whose variance is bound² / 3."""
    if _skipping.get():
        return parameter
    return _write(parameter, backend.random_uniform(parameter.shape, -bound, bound, parameter.dtype, parameter.device))


def xavier_uniform_(parameter: Parameter) -> Parameter:
    """Var(W) = 2 / (fan_in + fan_out): between what forward and backward signals ask for. Glorot and Bengio 2010, §4.2.1."""
    fan_out, fan_in = _fans(parameter)
    return uniform_(parameter, math.sqrt(6 / (fan_in + fan_out)))


def kaiming_uniform_(parameter: Parameter) -> Parameter:
    """Var(W) = 2 / fan_in: a ReLU passes half of a signal's energy, the 2 makes up for it. He et al. 2015, §2.2."""
    _, fan_in = _fans(parameter)
    return uniform_(parameter, math.sqrt(6 / fan_in))


def _fans(parameter: Parameter) -> tuple[int, int]:
    if parameter.ndim != 2:
        raise ValueError(f"a parameter of shape {parameter.shape} has no fan-in and fan-out: an (out, in) matrix has")
    return parameter.shape[0], parameter.shape[1]
