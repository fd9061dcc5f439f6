"""How well a model does on held-out data."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from functools import partial
from itertools import islice
from typing import Any

from ..autograd import no_grad
from ..data.batching import Batch
from ..nn import evaluation_mode
from .objectives import Objective, Sums
from .workers import Threads, Workers, default_workers

AT_ONCE = 8     # batches a worker that wait in memory


def measure(model: Any, objective: Objective, batches: Iterable[Batch], workers: Workers | int | None = None) -> Sums:
    """The objective's sums over all batches (a source's `.evaluation()`), each batch whole on one worker, in order.

    A number of workers means threads. Dropout is off, nothing is recorded. Raises ValueError when there is no batch.
    """
    team = workers if isinstance(workers, Workers) else Threads(default_workers() if workers is None else workers)
    waiting, total = iter(batches), None
    with evaluation_mode(model), nullcontext() if team is workers else team, no_grad():
        while several := list(islice(waiting, team.n * AT_ONCE)):
            found = team.of_all(partial(_sums, model, objective, several, team.n))
            for place in range(len(several)):
                sums = found[place % team.n][place // team.n]
                total = sums if total is None else {key: total[key] + sums[key] for key in total}
    if total is None:
        raise ValueError("no batches to evaluate on: give at least one")
    return total


def _sums(model: Any, objective: Objective, batches: list[Batch], n: int, worker: int) -> list[Sums]:
    """Every n-th batch is a worker's."""
    return [objective.measure(model, batch) for batch in batches[worker::n]]


def evaluate(
    model: Any, objective: Objective, batches: Iterable[Batch], workers: Workers | int | None = None
) -> dict[str, float]:
    """The objective's metrics over all batches: `evaluate(model, Causal(), windows.evaluation())["loss"]`."""
    return objective.metrics(measure(model, objective, batches, workers))
