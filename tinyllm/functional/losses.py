"""What training makes small: cross-entropy for choices among classes, mean squared error for numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import backend
from .checks import check_kind
from .formula import formula
from .fusing import in_kernels, matrix, ones
from .softmax import log_softmax


@formula
def cross_entropy(
    logits: Any, targets: Any, ignore_index: int = -100, label_smoothing: float = 0.0, class_weights: Any = None
) -> Any:
    """L = −Σ_n w(y_n) log p_n(y_n) / Σ_n w(y_n), with p_n = softmax(logits_n): the mean over the targets that count.

    logits (..., V), integer targets (...) → a single number. Targets equal to `ignore_index` do not count (padding, tokens
    that were not masked); if none counts, L is 0 and so is its gradient. `class_weights` (V,) are w, 1 by default, and
    constants. `label_smoothing` ε moves a share ε of the target's probability to all classes alike: log p(y) becomes
    (1 − ε) log p(y) + ε/V Σ_c w_c log p(c) / w(y).

    Gradient, for one target without weights or smoothing: L = −log p(y) = log Σ_c exp(z_c) − z_y, so
    ∂L/∂z_c = p(c) − [c = y]: what the model says minus what is true, divided by the number of targets. In general the target
    is a distribution t with t_c = (1 − ε) w_y [c = y] + ε/V w_c, L = −Σ_c t_c log p(c), and ∂L/∂z_c = p(c) Σ_k t_k − t_c.

    The logarithm of the softmax is taken at once: a confident wrong answer costs its distance, not infinity.

    Raises TypeError for targets that are not integers or weights that are no array, ValueError for shapes that do not match, a
    target outside [0, V), a smoothing outside [0, 1) or weights of another length. In a CUDA kernel a target outside [0, V)
    makes the loss NaN.
    Source: formulas F10, F12 and F15; label smoothing Szegedy et al. 2016, §7, weighted as PyTorch does.
    """
    n_classes = logits.shape[-1]
    counted = targets != ignore_index                                               # (...)
    classes = np.where(counted, targets, 0)                                         # (...)
    log_p = log_softmax(np.where(counted[..., None], logits, 0.0))                  # (..., V): whatever else stands there
    weights = counted.astype(logits.dtype)                                          # (...)
    if class_weights is not None:
        weights = weights * class_weights[classes].astype(logits.dtype)
    loss = -weights * np.take_along_axis(log_p, classes[..., None], axis=-1)[..., 0]
    if label_smoothing:
        per_class = log_p if class_weights is None else log_p * class_weights.astype(logits.dtype)
        everywhere = -np.sum(per_class, axis=-1) * counted                          # (...)
        loss = (1.0 - label_smoothing) * loss + (label_smoothing / n_classes) * everywhere
    total = np.sum(weights)
    return np.sum(loss) / (total + (total == 0))


@cross_entropy.check
def _check(logits, targets, ignore_index=-100, label_smoothing=0.0, class_weights=None):
    check_kind("targets", targets, "iu", "integers, the number of a class each")
    if logits.shape[:-1] != targets.shape:
        raise ValueError(f"logits {logits.shape} and targets {targets.shape}: logits need one axis more, the classes")
    n_classes = logits.shape[-1]
    if targets.size and not in_kernels(logits, class_weights):      # a look from the host would wait for the GPU: there, NaN
        low, high = int(targets.min()), int(targets.max())
        if low < 0 or high >= n_classes:                # only now is it worth looking at each
            wrong = targets[((targets < 0) | (targets >= n_classes)) & (targets != ignore_index)]
            if wrong.size:
                raise ValueError(
                    f"target {int(wrong[0])} is none of {n_classes} classes: "
                    f"use 0 to {n_classes - 1}, or {ignore_index} to ignore"
                )
    if not 0.0 <= label_smoothing < 1.0:
        raise ValueError(f"label_smoothing={label_smoothing} is a share of probability: choose 0 <= label_smoothing < 1")
    if class_weights is not None:
        if not backend.is_array(class_weights):
            raise TypeError(f"class_weights is a {type(class_weights).__name__}: pass an array, it is a constant")
        if class_weights.shape != (n_classes,):
            raise ValueError(f"class_weights has shape {class_weights.shape}: one weight for each of {n_classes} classes")


@cross_entropy.fused
def cross_entropy(logits, targets, ignore_index=-100, label_smoothing=0.0, class_weights=None):
    """With shifted logits s and the target distribution t of row n: cost_n = log Σ exp(s) Σ t − Σ t s.

    exp(s) is kept. The gradient is t's total times softmax(s), minus t: two products and a subtraction at the targets.
    """
    z = matrix(logits)                                                              # (N, V)
    n_rows, n_classes = z.shape
    y = targets.reshape(-1)                                                         # (N,)
    counted = (y != ignore_index).astype(z.dtype)
    classes = np.where(y == ignore_index, 0, y)
    each_row = np.arange(n_rows, like=z)
    w = ones(n_classes, z) if class_weights is None else class_weights.astype(z.dtype)
    weights = counted if class_weights is None else counted * w[classes]
    at_target = weights * (1.0 - label_smoothing)                                   # t_y, but for its share of what follows
    at_all = counted * (label_smoothing / n_classes)                                # t_c / w_c for every c
    t_total = at_target + at_all * np.sum(w)
    total = np.sum(weights)
    total = total + (total == 0)

    e = z - np.max(z, axis=-1, keepdims=True)
    np.copyto(e, 0.0, where=(y == ignore_index)[:, None])                           # whatever stands there: 0 · ∞ is no number
    t_dot_s = at_target @ e[each_row, classes]
    if label_smoothing:
        t_dot_s = t_dot_s + at_all @ (e @ w)
    np.exp(e, out=e)
    sums = e @ ones(n_classes, z)                                                   # (N,)
    loss = (t_total @ np.log(sums) - t_dot_s) / total

    def vjp(g):
        scale = g / total
        gz = e * (t_total * scale / sums)[:, None]
        gz[each_row, classes] -= at_target * scale
        if label_smoothing:
            gz -= (at_all * scale)[:, None] * w
        return (gz.reshape(logits.shape),)

    return loss, vjp


@formula
def mse_loss(prediction: Any, target: Any) -> Any:
    """L = (1/N) Σ_i (x_i − x̂_i)², the mean squared error.

    prediction and target of one shape → a single number.

    Gradient: ∂L/∂x_i = 2 (x_i − x̂_i) / N for the prediction, its negative for the target.

    It is −log of a normal density with fixed variance, up to constants: least squares is maximum likelihood too.

    Raises ValueError for shapes that differ (broadcasting would quietly compare everything with everything) or hold nothing.
    Source: formula F11.
    """
    return np.mean(np.square(prediction - target))


@mse_loss.check
def _check_pair(prediction, target):
    if prediction.shape != target.shape or not prediction.size:
        raise ValueError(f"prediction {prediction.shape} and target {target.shape}: shapes must be equal and not empty")


@mse_loss.fused
def mse_loss(prediction, target):
    """The sum of squares is a dot product of the difference with itself."""
    difference = prediction - target
    flat = difference.reshape(-1)

    def vjp(g):
        gx = difference * (g * (2.0 / flat.size))
        return gx, -gx

    return flat @ flat / flat.size, vjp
