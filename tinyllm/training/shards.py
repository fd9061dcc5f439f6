"""A model's weights side by side in one long array, their gradients in others like it, cut into a shard for each worker.

Worker i sums, clips and moves shard i alone: the optimiser's work is done once, in parallel, and its state is kept once.
A parameter is never cut in two: an optimiser may want to see it whole, as Muon does.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..autograd import Tensor
from ..backend import Array
from ..nn import Parameter
from ..optim import Optimizer
from .workers import Workers

BUCKET = 1 << 20        # numbers that are sent together


class Shards:
    """`parameters` (those to train, in the model's order), whose arrays become views of `data`.

    In `data` they stand shard by shard, in each shard group by group as the optimiser has them, in each group in the model's
    order. `places[i]` are the optimiser's places of shard i, `parts[i]` is where it stands.

    Raises ValueError where there is none to train, TypeError for parameters of several dtypes.
    """

    def __init__(self, parameters: Sequence[Parameter], optimizer: Optimizer, workers: Workers) -> None:
        if not parameters:
            raise ValueError("no parameter is to be trained: set requires_grad=True on some")
        dtypes = {str(parameter.dtype) for parameter in parameters}
        if len(dtypes) != 1:
            raise TypeError(f"the parameters to train are of {', '.join(sorted(dtypes))}: bring the model to one dtype")
        place = {id(parameter): i for i, parameter in enumerate(optimizer.parameters())}
        owners = dict(zip(map(id, parameters), _balanced([p.size for p in parameters], workers.n), strict=True))
        group = {id(parameter): i for i, group in enumerate(optimizer.groups) for parameter in group["params"]}
        self.workers, self.optimizer = workers, optimizer
        self.parameters = sorted(parameters, key=lambda p: (owners[id(p)], group[id(p)]))
        self.index = {id(parameter): i for i, parameter in enumerate(self.parameters)}
        ends = np.cumsum([parameter.size for parameter in self.parameters]).tolist()
        self.slices = [slice(end - p.size, end) for p, end in zip(self.parameters, ends, strict=True)]
        self.owner = [owners[id(parameter)] for parameter in self.parameters]
        self.members = [[i for i, owner in enumerate(self.owner) if owner == worker] for worker in range(workers.n)]
        self.places = [[place[id(self.parameters[i])] for i in members] for members in self.members]
        borders = np.cumsum([0, *(sum(self.parameters[i].size for i in members) for members in self.members)]).tolist()
        self.parts = [slice(start, stop) for start, stop in itertools.pairwise(borders)]
        like = parameters[0].data
        self.data, self.rows = workers.array((ends[-1],), like), workers.rows(ends[-1], like)
        for parameter, part in zip(self.parameters, self.slices, strict=True):
            self.data[part] = parameter.data.reshape(-1)
            parameter.data = self.data[part].reshape(parameter.shape)
        self._views: dict[int, list[Array]] = {}
        order = {id(parameter): i for i, parameter in enumerate(parameters)}
        self.buckets = sorted(
            (bucket for members in self.members for bucket in _buckets(members, self.slices)),
            key=lambda bucket: -min(order[id(self.parameters[i])] for i in bucket),     # as a backward pass leaves them
        )
        self.bucket_of = {i: number for number, bucket in enumerate(self.buckets) for i in bucket}

    def begin(self) -> None:
        """All start from the first process's weights; each keeps the optimiser's state of its own shards alone."""
        self.workers.same(self.data)
        self.optimizer.keep([place for worker in self.workers.mine for place in self.places[worker]])

    def gradient(self, worker: int, send: bool = True) -> Gradient:
        """Where a worker of this process writes the gradient of its part of the batch. send=False: only to look at it."""
        return Gradient(self, worker, send)

    def end(self) -> None:
        """The model's arrays are its own again, no more views of one that other processes may see."""
        for parameter in self.parameters:
            parameter.data = parameter.data.copy()

    def sum(self, worker: int, taken: np.ndarray) -> Any:
        """Give each parameter of a shard its gradient, summed over the workers; the answer is the shard's squared length.

        `taken` says which parameters have one at all; the others' is None, and counts nothing.
        """
        total = self.workers.sum(self.rows, self.parts[worker], worker)
        for i in self.members[worker]:
            self.parameters[i].grad = self.views(worker)[i] if taken[i] else None
        return np.vdot(total, total)

    def views(self, worker: int) -> list[Array]:
        """A worker's row in the parameters' shapes: always the same arrays, by which an optimiser knows them again."""
        if worker not in self._views:
            row = self.workers.row(self.rows, worker)
            self._views[worker] = [row[part].reshape(p.shape) for p, part in zip(self.parameters, self.slices, strict=True)]
        return self._views[worker]

    def move(self, worker: int, scale: float) -> None:
        """Scale the summed gradient of a shard and take the optimiser's step there."""
        if scale != 1:
            self.workers.row(self.rows, worker)[self.parts[worker]] *= scale
        self.optimizer.step(self.places[worker])

    def share(self) -> None:
        """All processes see all moved weights."""
        self.workers.share(self.data, self.parts)


class Gradient:
    """One worker's row: gradients are written into it as a backward pass hands them out, and need not be kept elsewhere."""

    def __init__(self, shards: Shards, worker: int, send: bool) -> None:
        self.shards = shards
        self.views = shards.views(worker)
        self.taken = np.zeros(len(shards.parameters), np.bool_)     # who has a gradient
        self.missing: dict[int, int] = {}       # in the last pass: parameters that each bucket waits for
        self.sent = 0 if send else len(shards.buckets)

    def last_pass(self) -> None:
        """From now on a gradient is final when it is added, so a full bucket may be sent."""
        self.missing = {i: len(bucket) for i, bucket in enumerate(self.shards.buckets)}

    def add(self, parameter: Tensor, g: Array) -> None:
        shards, i = self.shards, self.shards.index[id(parameter)]
        view = self.views[i]
        if self.taken[i]:
            view += g
        else:
            view[...] = g
            self.taken[i] = True
        if self.missing:
            self.missing[shards.bucket_of[i]] -= 1
            while self.sent < len(shards.buckets) and not self.missing[self.sent]:
                self._send()

    def finish(self) -> None:
        """All passes are done: what got no gradient counts as zero."""
        for i in np.flatnonzero(~self.taken):
            self.views[i][...] = 0
        while self.sent < len(self.shards.buckets):
            self._send()

    def _send(self) -> None:
        """The next bucket, in the order that is the same for all."""
        bucket, shards = self.shards.buckets[self.sent], self.shards
        part = slice(shards.slices[bucket[0]].start, shards.slices[bucket[-1]].stop)
        shards.workers.ready(shards.rows, part, shards.owner[bucket[0]])
        self.sent += 1


def _balanced(sizes: Sequence[int], n: int) -> list[int]:
    """For each size one of n bins, the fullest as empty as can be had by putting the largest first where there is most room."""
    bins, filled = [0] * len(sizes), [0] * n
    for i in sorted(range(len(sizes)), key=lambda i: -sizes[i]):
        bins[i] = filled.index(min(filled))
        filled[bins[i]] += sizes[i]
    return bins


def _buckets(members: Sequence[int], slices: Sequence[slice]) -> list[list[int]]:
    """Neighbours, as many together as a bucket holds."""
    buckets: list[list[int]] = []
    for i in members:
        if buckets and slices[i].stop - slices[buckets[-1][0]].start <= BUCKET:
            buckets[-1].append(i)
        else:
            buckets.append([i])
    return buckets
