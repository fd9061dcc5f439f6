"""What an objective is: a loss, what it counts, and how well a model does by it."""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np

from ... import backend
from ...autograd import Tensor
from ...data.batching import IGNORED, Batch

Sums = dict[str, Any]
Count = int | np.ndarray


class Objective(Protocol):
    """What `train` and `evaluate` ask of an objective.

        loss(model, batch)      the mean loss over the batch's targets, a Tensor; the batch is the CPU's, wherever the model is
        count(batch)            how many targets that mean is over, so that means of parts combine to the mean of the whole
        measure(model, batch)   sums over the batch that add up over batches: numbers, arrays, lists
        metrics(sums)           numbers to report, from such sums
        watch, higher           the metric that says which checkpoint is best, and whether higher is better

    An objective of several terms answers the mean of each, (K,), and a count for each; what is minimised is their sum. So one
    term may be a mean over hidden tokens and another over texts, and parts of a batch still combine to the whole.

    `whole = True` beside these says that the loss is no mean over rows that could be had one by one, but one of each row among
    the others: then a batch is never split over workers. `accumulation` averages such losses; it does not make a larger batch.
    """

    watch: str
    higher: bool

    def loss(self, model: Any, batch: Batch) -> Tensor: ...

    def count(self, batch: Batch) -> Count: ...

    def measure(self, model: Any, batch: Batch) -> Sums: ...

    def metrics(self, sums: Sums) -> dict[str, float]: ...


def there(model: Any, *arrays: Any) -> list[Any]:
    """Arrays of a batch (or None) where the model is: on a GPU this is all that a step sends there."""
    device = getattr(model, "device", "cpu")            # a function is a model too
    return [None if array is None else backend.to_device(array, device) for array in arrays]


def is_whole(objective: Objective) -> bool:
    """Whether its batches must not be split."""
    return bool(getattr(objective, "whole", False))


def n_targets(batch: Batch) -> int:
    """How many of "targets" count."""
    return int(np.count_nonzero(batch["targets"] != IGNORED))


def guess(logits: Any) -> np.ndarray:
    """The likeliest class: logits (..., V) → (...), on the CPU."""
    return backend.to_numpy(logits.data).argmax(axis=-1)


def perplexity(loss: float) -> float:
    """exp(L): as uncertain as a fair choice among so many."""
    return math.exp(loss) if loss < 700 else math.inf
