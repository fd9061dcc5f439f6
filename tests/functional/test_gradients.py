"""Every formula's gradient, and the gradient of its gradient, against differences of the function; twins on and off."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.autograd.draws import FromHypothesis
from tests.functional.calls import ROWS
from tinyllm import formulas_only, gradcheck
from tinyllm import functional as F


@pytest.mark.parametrize("twins", [True, False], ids=["twin", "formula"])
@pytest.mark.parametrize("name", sorted(ROWS))
@given(data=st.data())
def test_gradients(name, twins, data):
    d = FromHypothesis(data)
    call = ROWS[name](d)
    d.require(call.condition <= 10.0)                   # differences are as blind as the function is steep
    arrays = [np.clip(a, -4.0, 4.0) for a in call.arrays]
    with nullcontext() if twins else formulas_only():
        gradcheck(call, arrays, order=2, seed=d.integer(0, 1000))


def test_erf(rng):
    gradcheck(F.erf, rng.standard_normal(20), order=2)


def test_relu_at_its_kink():
    x = np.array([-1.0, 0.0, 2.0])
    _, vjp = F.relu.twin.fused(x)
    np.testing.assert_array_equal(vjp(np.ones(3))[0], [0.0, 0.0, 1.0])
    assert np.isnan(F.relu(np.array([np.nan]))[0]) and np.isnan(F.relu.formula(np.array([np.nan]))[0])
