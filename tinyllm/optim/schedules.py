"""Schedules: the learning rate's factor as a function of the step, counted from 0 (formula F18). Pure, so a
resumed run needs no state.

    schedule = warmup_cosine(warmup=100, total=2000)
    optimizer.scale_lr(schedule(step))                # before every optimizer.step()
"""

from __future__ import annotations

import math
from collections.abc import Callable

Schedule = Callable[[int], float]


def warmup_cosine(warmup: int, total: int, floor: float = 0.1) -> Schedule:
    """Up in a line to 1 at step `warmup`, then half a cosine down to `floor` at step `total`, and there from then on.

    The first steps are small because Adam's moments are still noise. Loshchilov and Hutter 2017, §3, without restarts.
    """
    _check(warmup, total, floor)
    return lambda step: _rise(step, warmup) if step < warmup else (
        floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * _done(step, warmup, total)))
    )


def warmup_linear(warmup: int, total: int, floor: float = 0.0) -> Schedule:
    """Up in a line to 1 at step `warmup`, then in a line down to `floor` at step `total`: BERT's. Devlin et al. 2019, §A.2."""
    _check(warmup, total, floor)
    return lambda step: _rise(step, warmup) if step < warmup else 1 - (1 - floor) * _done(step, warmup, total)


def _rise(step: int, warmup: int) -> float:
    return (step + 1) / (warmup + 1)                  # step 0 moves too: a rate of 0 would waste it


def _done(step: int, warmup: int, total: int) -> float:
    """The share of the decay that is behind: 0 at warmup, 1 from total on."""
    return min(1.0, (step - warmup) / (total - warmup))


def _check(warmup: int, total: int, floor: float) -> None:
    if not 0 <= warmup < total:
        raise ValueError(f"warmup {warmup} of {total} steps in all: choose 0 <= warmup < total")
    if not 0 <= floor <= 1:
        raise ValueError(f"floor is {floor}: it is the share of the rate that is left at the end, from 0 to 1")
