"""float32 stays float32, whatever the constants beside it are; twins leave every mixture to the formula."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest

from tests.autograd.draws import FromSeed, Rejected
from tests.functional.calls import ROWS
from tinyllm import Tensor, formulas_only, gradients
from tinyllm import functional as F
from tinyllm.functional.positions import rotary_table


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tables_of_positions_have_the_dtype_asked_for(dtype: type) -> None:
    assert [table.dtype for table in rotary_table(4, 6, dtype=dtype)] == [dtype, dtype]


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("weights", [np.array([1.0, 2.0, 0.5]), np.array([1, 2, 3])])
def test_class_weights_leave_the_loss_in_float32(weights: np.ndarray, smoothing: float, plain: bool) -> None:
    logits = Tensor(np.array([[0.5, -1.0, 2.0], [1.0, 0.0, 0.5]], np.float32), requires_grad=True)
    with formulas_only() if plain else nullcontext():
        loss = F.cross_entropy(logits, np.array([2, 0]), label_smoothing=smoothing, class_weights=weights)
    assert loss.dtype == np.float32
    loss.backward()
    assert logits.grad.dtype == np.float32


TWINS = sorted(name for name, f in F.FORMULAS.items() if f.twin is not None)


@pytest.mark.parametrize("dtypes", [(np.float64, np.float32), (np.float16, np.float32), (np.float16,)])
@pytest.mark.parametrize("name", TWINS)
def test_two_precisions_and_float16_are_left_to_the_formula(name: str, dtypes: tuple[type, ...]) -> None:
    """Value and gradients have the formula's dtypes, and its numbers to their rounding."""

    def run(call, arrays):
        leaves = [Tensor(a, requires_grad=True) for a in arrays]
        y = call(*leaves)
        return [y.data, *gradients(np.sum(y), leaves)]

    rounding = {np.dtype(np.float64): 1e-12, np.dtype(np.float32): 1e-5, np.dtype(np.float16): 1e-3}
    for seed in range(20):
        try:
            call = ROWS[name](FromSeed(seed))
        except Rejected:
            continue
        arrays = [a.astype(dtypes[i % len(dtypes)]) for i, a in enumerate(call.arrays)]
        with np.errstate(over="ignore", invalid="ignore"):              # float16 ends at 65,504
            got = run(call, arrays)
            with formulas_only():
                expected = run(call, arrays)
        for a, b in zip(got, expected, strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_allclose(a, b, rtol=rounding[b.dtype], atol=rounding[b.dtype])


def test_many_squares_in_float16_have_a_mean() -> None:
    assert F.mse_loss(np.zeros(100_000, np.float16), np.ones(100_000, np.float16)) == 1.0
