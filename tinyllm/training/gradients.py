"""The gradient of a step: each worker computes that of its part of the batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import backend
from ..autograd import leaf_gradients
from ..backend import randomness
from ..data.batching import Batch, split_batch
from .objectives import Objective, is_whole
from .shards import Gradient


def part_gradient(
    model: Any, objective: Objective, batches: Sequence[Batch], worker: int, n: int, seed: int, step: int, gradient: Gradient
) -> Any:
    """What worker `worker` of n contributes to the mean loss over all targets of all batches; its gradient goes to `gradient`.

    The contribution is a number, or, where the model is on a GPU, stays there as a raw array of one.

    With n_i targets in part i and N in all, L = Σ_i (n_i / N) L_i: each part's gradient starts from n_i / N instead of
    1, and the sum is the whole batch's gradient, to rounding. Contributions are added in order, so the result depends on
    the number of workers and on nothing else; dropout in part i of batch b is drawn from (seed, step, b, i). An objective of
    several terms has an L, an N and a share for each, and their sum is the loss. The batches of one that is `whole` are not
    split: they are the first worker's.

    Raises ValueError for batches in which nothing counts.
    """
    total = sum(objective.count(batch) for batch in batches)
    if not np.any(total):
        raise ValueError(f"step {step + 1}: no target in the batch counts, so there is nothing to learn from it")
    loss: Any = 0.0
    for b, batch in enumerate(batches):
        if b == len(batches) - 1:
            gradient.last_pass()
        parts = [batch] if is_whole(objective) else split_batch(batch, n)
        share = objective.count(parts[worker]) / np.maximum(total, 1) if worker < len(parts) else 0.0
        if not np.any(share):
            continue
        with randomness(seed, step, b, worker):
            mean = objective.loss(model, parts[worker])
        weight = backend.to_device(np.asarray(share, mean.dtype), mean.device) if mean.ndim else np.full_like(mean.data, share)
        loss = loss + np.sum(weight * mean.data)
        for parameter, g in leaf_gradients(mean, weight):
            gradient.add(parameter, g)
    gradient.finish()
    return loss
