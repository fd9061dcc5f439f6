"""Derivatives of the elementwise functions."""

import math

import numpy as np

from ...backend import device_of, to_device
from ..operators import apply
from ..table import composed, defvjp, raw
from ..tensor import Tensor

LN2, LN10 = math.log(2.0), math.log(10.0)             # Python floats: they leave float32 as it is

# ---------------------------------------------------------------- arithmetic

defvjp(np.add, lambda g, _y, _a, _b: g, lambda g, _y, _a, _b: g)
defvjp(np.subtract, lambda g, _y, _a, _b: g, lambda g, _y, _a, _b: -g)
defvjp(np.multiply, lambda g, _y, _a, b: g * b, lambda g, _y, a, _b: g * a)
defvjp(np.divide, lambda g, _y, _a, b: g / b, lambda g, y, _a, b: -g * y / b)
defvjp(np.negative, lambda g, _y, _x: -g)
defvjp(np.positive, lambda g, _y, _x: g)
defvjp(np.reciprocal, lambda g, y, _x: -g * y * y)
defvjp(np.square, lambda g, _y, x: 2.0 * g * x)
defvjp(np.sqrt, lambda g, y, _x: 0.5 * g / y)
defvjp(np.cbrt, lambda g, y, _x: g / (3.0 * y * y))
defvjp(np.remainder, lambda g, _y, _a, _b: g, lambda g, _y, a, b: -g * np.floor_divide(a, b))
defvjp(np.fmod, lambda g, _y, _a, _b: g, lambda g, _y, a, b: -g * np.trunc(a / b))


def power_base(g, _y, a, b):
    """∂aᵇ/∂a = b aᵇ⁻¹; at b = 0 it is 0, where the formula would make 0 · a⁻¹ = NaN of a = 0."""
    if isinstance(b, int | float):
        return g * (b * a ** (b - 1)) if b else g * 0.0
    return g * b * np.power(a, np.where(b == 0, 1.0, b - 1.0).astype(g.dtype))


def power_exponent(g, y, a, b):
    """∂aᵇ/∂b = aᵇ log a; a = 0 has no logarithm, and the power stays 0 for every b > 0."""
    return g * y * np.log(np.where(a == 0, 1.0, a).astype(g.dtype))


defvjp(np.power, power_base, power_exponent)
defvjp(np.float_power, power_base, power_exponent)

# ---------------------------------------------------------------- exponentials and logarithms

defvjp(np.exp, lambda g, y, _x: g * y)
defvjp(np.exp2, lambda g, y, _x: g * y * LN2)
defvjp(np.expm1, lambda g, y, _x: g * (y + 1.0))
defvjp(np.log, lambda g, _y, x: g / x)
defvjp(np.log2, lambda g, _y, x: g / (x * LN2))
defvjp(np.log10, lambda g, _y, x: g / (x * LN10))
defvjp(np.log1p, lambda g, _y, x: g / (x + 1.0))
defvjp(np.logaddexp, lambda g, y, a, _b: g * np.exp(a - y), lambda g, y, _a, b: g * np.exp(b - y))
defvjp(np.logaddexp2, lambda g, y, a, _b: g * np.exp2(a - y), lambda g, y, _a, b: g * np.exp2(b - y))

# ---------------------------------------------------------------- trigonometric and hyperbolic functions

defvjp(np.sin, lambda g, _y, x: g * np.cos(x))
defvjp(np.cos, lambda g, _y, x: -g * np.sin(x))
defvjp(np.tan, lambda g, y, _x: g * (1.0 + y * y))
defvjp(np.arcsin, lambda g, _y, x: g / np.sqrt(1.0 - x * x))
defvjp(np.arccos, lambda g, _y, x: -g / np.sqrt(1.0 - x * x))
defvjp(np.arctan, lambda g, _y, x: g / (1.0 + x * x))
defvjp(np.sinh, lambda g, _y, x: g * np.cosh(x))
defvjp(np.cosh, lambda g, _y, x: g * np.sinh(x))
defvjp(np.tanh, lambda g, y, _x: g * (1.0 - y * y))
defvjp(np.arcsinh, lambda g, _y, x: g / np.sqrt(x * x + 1.0))
defvjp(np.arccosh, lambda g, _y, x: g / np.sqrt(x * x - 1.0))
defvjp(np.arctanh, lambda g, _y, x: g / (1.0 - x * x))
defvjp(np.arctan2, lambda g, _y, a, b: g * b / (a * a + b * b), lambda g, _y, a, b: -g * a / (a * a + b * b))
defvjp(np.hypot, lambda g, y, a, _b: g * a / y, lambda g, y, _a, b: g * b / y)
defvjp(np.degrees, lambda g, _y, _x: g * (180.0 / math.pi))
defvjp(np.rad2deg, lambda g, _y, _x: g * (180.0 / math.pi))
defvjp(np.radians, lambda g, _y, _x: g * (math.pi / 180.0))
defvjp(np.deg2rad, lambda g, _y, _x: g * (math.pi / 180.0))


def sinc(g, y, x):
    """y = sin(πx)/(πx), so y' = (cos πx − y)/x; near 0, where that is 0/0, its series −π²x/3 + π⁴x³/30 − π⁶x⁵/840."""
    near = np.abs(x) < 0.03
    square = (math.pi * x) ** 2
    series = x * (math.pi**2 * (-1 / 3 + square * (1 / 30 - square / 840)))
    return g * np.where(near, series, (np.cos(math.pi * x) - y) / np.where(near, 1.0, x))


defvjp(np.sinc, sinc)

# ---------------------------------------------------------------- functions with kinks: there, a choice between the two sides

defvjp(np.absolute, lambda g, _y, x: g * np.sign(x))
defvjp(np.fabs, lambda g, _y, x: g * np.sign(x))
defvjp(np.copysign, lambda g, _y, a, b: g * np.where((a >= 0) == (np.signbit(b) == 0), 1.0, -1.0).astype(g.dtype), None)
defvjp(np.nan_to_num, lambda g, _y, x: g * np.isfinite(x))


def _share(g, y, mine, other):
    """The gradient goes to the argument that was picked; equal arguments share it."""
    return g * np.where(mine == other, 0.5, mine == y).astype(g.dtype)


for _fn in (np.maximum, np.minimum, np.fmax, np.fmin):
    defvjp(_fn, lambda g, y, a, b: _share(g, y, a, b), lambda g, y, a, b: _share(g, y, b, a))


def chosen(condition, x, y):
    return np.where(condition, x, y)


defvjp(
    chosen,
    None,
    lambda g, _y, c, _a, _b: np.where(c, g, 0.0),
    lambda g, _y, c, _a, _b: np.where(c, 0.0, g),
)


@composed(np.where)
def where(condition, *choices):
    """x where the condition holds, y elsewhere; the condition alone answers its places, which are raw."""
    return apply(chosen, condition, *choices) if choices else np.nonzero(raw(condition))


defvjp(np.copy, lambda g, _y, _x: g)

# ---------------------------------------------------------------- moving: the gradient is cast or sent back


def cast(x, dtype):
    return x.astype(dtype)


defvjp(cast, lambda g, _y, _x, _dtype: g)             # the pass casts every gradient to its input's dtype


def sent_back(g, _y, x, _device):
    home = device_of(raw(x))
    return g.to(home) if isinstance(g, Tensor) else to_device(g, home)


defvjp(to_device, sent_back)


@composed(np.astype)
def astype(x, dtype, *, copy=True, device=None):
    """To integers or booleans: piecewise constant, hence raw."""
    return apply(cast, x, dtype) if np.dtype(dtype).kind == "f" else x.data.astype(dtype)
