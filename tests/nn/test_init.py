"""Initialisers: the variance they promise, from the seed that was set."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tinyllm import manual_seed
from tinyllm.nn import Linear, Parameter, init

OUT, IN = 300, 200


def made(initialise, *args) -> np.ndarray:
    return initialise(Parameter(np.full((OUT, IN), np.nan, np.float32)), *args).data


@pytest.mark.parametrize(
    "initialise, args, variance",
    [
        (init.normal_, (), 0.02**2),
        (init.normal_, (0.5,), 0.25),
        (init.uniform_, (0.3,), 0.3**2 / 3),
        (init.xavier_uniform_, (), 2 / (OUT + IN)),
        (init.kaiming_uniform_, (), 2 / IN),
    ],
)
def test_mean_and_variance(initialise, args, variance):
    x = made(initialise, *args)
    assert x.dtype == np.float32
    assert abs(x.mean()) < 5 * math.sqrt(variance / x.size)
    assert abs(x.var() / variance - 1) < 0.03
    if initialise is not init.normal_:
        assert 0.99 < np.abs(x).max() / math.sqrt(3 * variance) <= 1.0001


def test_constants():
    assert (made(init.zeros_) == 0).all() and (made(init.ones_) == 1).all() and (made(init.constant_, 3.5) == 3.5).all()


def test_the_seed_decides():
    manual_seed(1)
    a = Linear(4, 5)
    manual_seed(1)
    b = Linear(4, 5)
    c = Linear(4, 5)
    np.testing.assert_array_equal(a.weight.data, b.weight.data)
    assert not np.array_equal(a.weight.data, c.weight.data)
    assert np.abs(a.weight.data).max() <= 0.5 and np.abs(a.bias.data).max() <= 0.5


def test_double_precision_stays():
    assert init.normal_(Parameter(np.zeros((2, 2), np.float64))).dtype == np.float64


def test_skipped_leaves_everything():
    with init.skipped():
        for initialise, args in ((init.normal_, ()), (init.zeros_, ()), (init.uniform_, (1.0,))):
            assert np.isnan(made(initialise, *args)).all()
    assert not np.isnan(made(init.zeros_)).any()


@pytest.mark.parametrize("initialise", [init.xavier_uniform_, init.kaiming_uniform_])
def test_vectors_have_no_fans(initialise):
    with pytest.raises(ValueError, match=r"shape \(3,\) has no fan-in"):
        initialise(Parameter(np.zeros(3, np.float32)))
