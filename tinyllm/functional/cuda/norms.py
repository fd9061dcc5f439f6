"""Layer norm and RMS norm on a GPU (norms.cu). h is computed again on the way back, from x and two numbers a row."""

from __future__ import annotations

import numpy as np

from ..normalization import layer_norm, rms_norm
from .kernels import THREADS, launch, packed, rows, warps_for

SHARES = 64
"""Into how many the rows are divided for sums over columns: enough blocks to fill a GPU."""


@layer_norm.cuda
def layer_norm(x, weight, bias=None, eps=1e-5):
    return _normalized(x, weight, bias, eps, centre=True)


@rms_norm.cuda
def rms_norm(x, weight, eps=1e-6):
    y, vjp = _normalized(x, weight, None, eps, centre=False)
    return y, lambda g: vjp(g)[:2]


def _normalized(x, weight, bias, eps, centre):
    z, weight = rows(x), packed(weight)                                             # (N, C)
    n_rows, width = z.shape
    y = np.empty_like(z)
    mean, r = np.empty_like(z, shape=(2, n_rows))
    has_bias = bias is not None
    shift = packed(bias) if has_bias else weight                                    # something has to stand there
    launch("norms", "norm_forward", warps_for(n_rows), z, z, weight, shift, y, mean, r, n_rows, width, eps, centre, has_bias)

    def vjp(g):
        g = rows(g)
        gx = np.empty_like(z)
        launch("norms", "norm_backward", warps_for(n_rows), z, g, z, weight, mean, r, gx, n_rows, width, centre)
        shares = max(1, min(SHARES, n_rows))
        of_weight, of_bias = np.empty_like(z, shape=(2, shares, width))
        blocks = (-(-width // THREADS), shares)
        launch("norms", "norm_columns", blocks, z, g, z, mean, r, of_weight, of_bias, n_rows, width)
        return gx.reshape(x.shape), np.sum(of_weight, axis=0), np.sum(of_bias, axis=0) if has_bias else None

    return y.reshape(x.shape), vjp
