"""What every source of batches must be: a function of seed and step alone, every row once an epoch."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any

import numpy as np

from tinyllm.data import Batch


def epoch(source: Any, number: int) -> list[Batch]:
    """The batches of one epoch."""
    steps = source.steps_per_epoch
    return [source.batch(number * steps + i) for i in range(steps)]


def rows(batches: Iterable[Batch], ids: str = "ids", mask: str = "attention_mask") -> Iterator[tuple[int, ...]]:
    """The unpadded rows of ids; the mask of every batch is a run of True from the left."""
    for batch in batches:
        assert batch[ids].shape == batch[mask].shape and batch[ids].dtype == np.int64 and batch[mask].dtype == bool
        assert not (batch[mask][:, 1:] & ~batch[mask][:, :-1]).any() and batch[mask][:, 0].all()
        assert batch[mask][:, -1].any(), "the longest row fills the batch"
        for row, inside in zip(batch[ids], batch[mask], strict=True):
            yield tuple(row[inside].tolist())


def assert_same(one: Batch, other: Batch) -> None:
    assert set(one) == set(other)
    for key in one:
        np.testing.assert_array_equal(one[key], other[key], err_msg=key)


def check_source(make: Callable[[int], Any], contents: Callable[[list[Batch]], list[Hashable]], seed: int, number: int) -> None:
    """make(seed) is a source whose `contents` of an epoch are those of its evaluation, in some order; twice the same."""
    source, fresh = make(seed), make(seed)
    assert source.steps_per_epoch == -(-source.n // source.batch_size)
    expected = sorted(contents(list(source.evaluation())))
    batches = epoch(source, number)
    assert sorted(contents(batches)) == expected
    assert all(1 <= len(batch["ids"]) <= source.batch_size for batch in batches)
    for size in (1, 7):
        again = list(source.evaluation(size))
        assert max(len(batch["ids"]) for batch in again) <= size
        assert contents(again) == contents(list(source.evaluation()))
    for place in reversed(range(len(batches))):         # another order, another instance, other steps in between
        fresh.batch(place)
        assert_same(fresh.batch(number * source.steps_per_epoch + place), batches[place])


def check_keys(batch: Batch, *keys: str) -> None:
    assert set(batch) == set(keys)
    assert {key: array.dtype for key, array in batch.items()} == {key: bool if "mask" in key else np.int64 for key in keys}
