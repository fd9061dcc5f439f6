"""The activations on a GPU: one pass makes value and slope, and the slope is all that is kept."""

from __future__ import annotations

from ... import backend
from .. import activations
from ..activations import gelu, relu, sigmoid, silu

SIGMOID = "const T s = 1 / (1 + exp(-x));"              # exp may overflow: 1 / infinity is the right answer
BODIES = {
    "relu": "y = x <= 0 ? T(0) : x; slope = x > 0;",    # not `x > 0 ? x : 0`: a NaN stays a NaN
    "sigmoid": f"{SIGMOID} y = s; slope = s * (1 - s);",
    "silu": f"{SIGMOID} y = x * s; slope = s + y * (1 - s);",
    "gelu": f"""
        const T phi = erfc(-x * T({activations.SQRT_HALF})) / 2;
        y = x * phi;
        slope = phi + x * exp(-x * x / 2) * T({activations.INVERSE_SQRT_2_PI});
    """,
    "gelu_tanh": f"""
        const T a = T({activations.SQRT_2_OVER_PI}), b = T({activations.CUBIC});
        const T h = T(0.5) + T(0.5) * tanh(a * (x + b * x * x * x));
        y = x * h;
        slope = h + 2 * y * (1 - h) * a * (1 + 3 * b * x * x);
    """,
}
"""Value y and slope dy/dx in C, as the formulas' docstrings derive them."""


def _with_slope(name, x):
    y, slope = backend.elementwise_kernel("T x", "T y, T slope", BODIES[name], f"tinyllm_{name}")(x)
    return y, lambda g: (g * slope,)


@relu.cuda
def relu(x):
    return _with_slope("relu", x)


@sigmoid.cuda
def sigmoid(x):
    return _with_slope("sigmoid", x)


@silu.cuda
def silu(x):
    return _with_slope("silu", x)


@gelu.cuda
def gelu(x, approximate="none"):
    return _with_slope("gelu_tanh" if approximate == "tanh" else "gelu", x)
