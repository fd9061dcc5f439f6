"""The error function, which NumPy lacks: erf(x) = 2/√π ∫₀ˣ exp(−t²) dt."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..autograd import Tensor, defvjp
from ..autograd.operators import apply

TWO_OVER_SQRT_PI = 2.0 / math.sqrt(math.pi)
FLAT = 6.0                                              # 1 − erf(6) = 2e-17: one, in float64


def erf(x: Any) -> Any:
    """erf(x) = 2/√π ∫₀ˣ exp(−t²) dt. x of any shape → the same shape.

    y(x) = exp(x²) erf(x) solves y' = 2 x y + 2/√π. A power series with that derivative is

        erf(x) = 2/√π exp(−x²) (x + 2x³/3 + 4x⁵/(3·5) + 8x⁷/(3·5·7) + …)

    whose terms have one sign: nothing cancels, and float64 is exact to a few units in the last place. float32 takes five terms
    of another kind, `erf_float32`, at a tenth of the time.

    Gradient: the integrand, 2/√π exp(−x²).
    Source: Abramowitz & Stegun 1964, 7.1.1 and 7.1.6.
    """
    return apply(_erf, x) if isinstance(x, Tensor) else _erf(x)


def _erf(x):
    if x.dtype != np.float64:
        return erf_float32(x)
    x = np.clip(x, -FLAT, FLAT)
    twice_square = 2.0 * x * x
    term = x + 0.0
    total = x + 0.0
    for odd in range(3, 301, 2):                        # at |x| = 6 the terms fall below rounding after 120
        term *= twice_square
        term /= odd
        total += term
        if odd % 16 == 1 and not bool((np.abs(term) > 1e-17 * np.abs(total)).any()):
            break
    return TWO_OVER_SQRT_PI * np.exp(-0.5 * twice_square) * total


defvjp(_erf, lambda g, _y, x: g * (TWO_OVER_SQRT_PI * np.exp(-x * x)))

P = 0.3275911
A = (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)


def erf_float32(x: Any) -> Any:
    """erf within 5e-7, rounding included: 1 − (a₁ k + a₂ k² + … + a₅ k⁵) exp(−x²) with k = 1/(1 + p x), for x ≥ 0; erf(−x) = −erf(x).

    Source: Abramowitz & Stegun 1964, 7.1.26.
    """
    k = 1.0 / (1.0 + P * np.abs(x))
    series = A[0] * k
    for a in A[1:]:
        series = (series + a) * k
    return np.copysign(1.0 - series * np.exp(-x * x), x)
