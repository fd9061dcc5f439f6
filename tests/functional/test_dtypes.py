"""float32 stays float32, whatever the constants beside it are."""

from __future__ import annotations

import numpy as np
import pytest

from tinyllm import Tensor, formulas_only
from tinyllm import functional as F
from tinyllm.functional.positions import rotary_table


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tables_of_positions_have_the_dtype_asked_for(dtype: type) -> None:
    assert [table.dtype for table in rotary_table(4, 6, dtype=dtype)] == [dtype, dtype]


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("plain", [False, True])
def test_class_weights_in_float64_leave_the_loss_in_float32(smoothing: float, plain: bool) -> None:
    logits = Tensor(np.array([[0.5, -1.0, 2.0], [1.0, 0.0, 0.5]], np.float32), requires_grad=True)
    call = F.cross_entropy.formula if plain else F.cross_entropy
    with formulas_only():
        loss = call(logits, np.array([2, 0]), label_smoothing=smoothing, class_weights=np.array([1.0, 2.0, 0.5]))
    assert loss.dtype == np.float32
    loss.backward()
    assert logits.grad.dtype == np.float32
