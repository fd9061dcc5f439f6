"""The gradient of a step: parts of the batch on several threads, added up in a fixed order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..autograd import Tensor, gradients
from ..backend import Array, randomness
from ..data.batching import Batch, split_batch
from .objectives import Objective, is_whole
from .workers import Workers


def loss_and_gradients(
    model: Any,
    objective: Objective,
    parameters: Sequence[Tensor],
    batches: Sequence[Batch],
    workers: Workers,
    seed: int,
    step: int,
) -> tuple[float, list[Array | None]]:
    """The mean loss over all targets of all batches, and its gradient for each parameter (None for one that plays no part).

    With n_i targets in part i and N in all, L = Σ_i (n_i / N) L_i: each part's gradient starts from n_i / N instead of
    1, and the sum is the whole batch's gradient, to rounding. Parts are added in order, so the result depends on the
    number of workers and on nothing else; dropout in part i of batch b is drawn from (seed, step, b, i). An objective of
    several terms has an L, an N and a share for each, and their sum is the loss. The batches of one that is `whole` are not
    split.

    Raises ValueError for batches in which nothing counts.
    """
    counts = [objective.count(batch) for batch in batches]
    total = sum(counts)
    if not np.any(total):
        raise ValueError(f"step {step}: no target in the batch counts, so there is nothing to learn from it")
    loss, summed = 0.0, None
    for b, batch in enumerate(batches):

        def of_part(numbered: tuple[int, Batch], b: int = b) -> tuple[float, list[Array | None]]:
            i, part = numbered
            share = objective.count(part) / np.maximum(total, 1)
            if not np.any(share):
                return 0.0, [None] * len(parameters)
            with randomness(seed, step, b, i):
                mean = objective.loss(model, part)
            return float(np.sum(share * mean.numpy())), gradients(mean, parameters, gradient=share)

        parts = [batch] if is_whole(objective) else split_batch(batch, workers.n)
        for part_loss, part_gradients in workers.map(of_part, enumerate(parts)):
            loss += part_loss
            summed = part_gradients if summed is None else list(map(_add, summed, part_gradients))
    assert summed is not None
    return loss, _own(summed)


def _add(a: Array | None, b: Array | None) -> Array | None:
    """Not in place: two parameters may have been given one and the same array."""
    return b if a is None else a if b is None else a + b


def _own(gradients: list[Array | None]) -> list[Array | None]:
    """Arrays that nobody else holds: clipping writes into them."""
    seen = set[int]()
    owned = []
    for g in gradients:
        if g is not None and (g.base is not None or id(g) in seen):
            g = g.copy()
        seen.add(id(g))
        owned.append(g)
    return owned
