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
    of another kind, `half_erfc`, at a tenth of the time, within 6e-7.

    Gradient: the integrand, 2/√π exp(−x²).
    Source: Abramowitz & Stegun 1964, 7.1.1 and 7.1.6.
    """
    return apply(_erf, x) if isinstance(x, Tensor) else _erf(x if hasattr(x, "dtype") else np.float64(x))


def _erf(x):
    if x.dtype.kind == "f" and x.dtype != np.float64:
        square = x * x
        return np.copysign(1.0 - 2.0 * half_erfc(np.abs(x), np.exp(-square)), x)
    near = np.clip(x, -FLAT, FLAT)
    twice_square = 2.0 * near * near
    term = near + 0.0
    total = near + 0.0
    for odd in range(3, 301, 2):                        # at |x| = 6 the terms fall below rounding after 120
        term *= twice_square
        term /= odd
        total += term
        if odd % 16 == 1 and not bool((np.abs(term) > 1e-17 * np.abs(total)).any()):
            break
    y = np.clip(TWO_OVER_SQRT_PI * np.exp(-0.5 * twice_square) * total, -1.0, 1.0)
    return np.where(np.abs(x) < FLAT, y, np.sign(x))


defvjp(_erf, lambda g, _y, x: g * (TWO_OVER_SQRT_PI * np.exp(-x * x)))

P = 0.3275911
A = (0.5307027145, -0.7265760135, 0.7107068705, -0.142248368, 0.127414796)


def half_erfc(x: Any, bell: Any) -> Any:
    """½ (1 − erf(x)) for raw arrays x ≥ 0, given bell = exp(−x²): a normal variable's chance to exceed √2 x.

    In float32 (a₁ k⁵ + a₂ k⁴ + … + a₅ k) exp(−x²) with k = 1/(1 + p x), within 3e-7. The exponential, which the normal density
    needs too, leaves the polynomial little to do.
    Source: Abramowitz & Stegun 1964, 7.1.26 (there a₅ … a₁, twice as large).
    """
    if x.dtype == np.float64:
        return 0.5 * (1.0 - _erf(x))
    k = P * x
    k += 1.0
    k = 1.0 / k
    y = A[0] * k
    for a in A[1:]:
        y += a
        y *= k
    y *= bell
    return y
