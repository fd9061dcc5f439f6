"""How well a model does on held-out data."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from itertools import islice
from typing import Any

from ..autograd import no_grad
from ..data.batching import Batch
from .objectives import Objective, Sums
from .workers import Workers, default_workers

AT_ONCE = 8     # batches a worker that wait in memory


def measure(model: Any, objective: Objective, batches: Iterable[Batch], workers: Workers | int | None = None) -> Sums:
    """The objective's sums over all batches (a source's `.evaluation()`), each batch whole on one worker, in order.

    Dropout is off, nothing is recorded. Raises ValueError when there is no batch.
    """
    pool = workers if isinstance(workers, Workers) else Workers(workers or default_workers())
    waiting, total = iter(batches), None
    was_training = model.training
    model.eval()
    try:
        with nullcontext() if pool is workers else pool, no_grad():
            while several := list(islice(waiting, pool.n * AT_ONCE)):
                for sums in pool.map(lambda batch: objective.measure(model, batch), several):
                    total = sums if total is None else {key: total[key] + sums[key] for key in total}
    finally:
        model.train(was_training)
    if total is None:
        raise ValueError("no batches to evaluate on: give at least one")
    return total


def evaluate(
    model: Any, objective: Objective, batches: Iterable[Batch], workers: Workers | int | None = None
) -> dict[str, float]:
    """The objective's metrics over all batches: `evaluate(model, Causal(), windows.evaluation())["loss"]`."""
    return objective.metrics(measure(model, objective, batches, workers))
