"""Cross-entropy on a GPU (cross_entropy.cu): the logits are read twice each way, and no array of their size is kept."""

from __future__ import annotations

import numpy as np

from ..losses import cross_entropy
from .kernels import launch, packed, rows, warps_for

FILE = "cross_entropy"


@cross_entropy.cuda
def cross_entropy(logits, targets, ignore_index=-100, label_smoothing=0.0, class_weights=None):
    z, y = rows(logits), packed(targets).reshape(-1).astype(np.int64, copy=False)   # (N, V), (N,)
    weighted = class_weights is not None
    w = packed(class_weights) if weighted else z                                    # z: something has to stand there
    options = (*z.shape, int(ignore_index), float(label_smoothing), weighted)
    cost, weight, top, total, t_total = np.empty_like(z, shape=(5, len(z)))         # (N,) each
    loss, divisor = np.empty_like(z, shape=(2, 1))
    blocks = warps_for(len(z))
    launch(FILE, "cross_entropy_rows", blocks, z, z, y, w, cost, weight, top, total, t_total, *options)
    launch(FILE, "cross_entropy_mean", (1,), z, cost, weight, loss, divisor, len(z))

    def vjp(g):
        gz = np.empty_like(z)
        launch(FILE, "cross_entropy_backward", blocks, z, g, divisor, z, y, w, top, total, t_total, gz, *options)
        return (gz.reshape(logits.shape),)

    return loss.reshape(()), vjp
