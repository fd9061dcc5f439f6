"""Ten steps of every optimiser from the same start along the same gradients, against PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.parity.compare import assert_equal, to_torch
from tinyllm.nn import Parameter
from tinyllm.optim import SGD, Adam, AdamW, Muon, clip_grad_norm

SHAPES = [(3, 4), (7,), (), (2, 3, 2)]
MATRICES = [(3, 4), (4, 3), (5, 5)]
STEPS = 10

ROWS: dict[str, tuple[Any, Any]] = {
    "sgd": (lambda p: SGD(p, 0.1), lambda p: torch.optim.SGD(p, 0.1)),
    "sgd, decay": (lambda p: SGD(p, 0.1, weight_decay=0.2), lambda p: torch.optim.SGD(p, 0.1, weight_decay=0.2)),
    "sgd, momentum": (lambda p: SGD(p, 0.1, 0.9), lambda p: torch.optim.SGD(p, 0.1, 0.9)),
    "sgd, momentum and decay": (
        lambda p: SGD(p, 0.1, 0.9, weight_decay=0.2), lambda p: torch.optim.SGD(p, 0.1, 0.9, weight_decay=0.2)
    ),
    "sgd, nesterov": (
        lambda p: SGD(p, 0.1, 0.9, nesterov=True, weight_decay=0.2),
        lambda p: torch.optim.SGD(p, 0.1, 0.9, nesterov=True, weight_decay=0.2),
    ),
    "adam": (lambda p: Adam(p, 0.01), lambda p: torch.optim.Adam(p, 0.01)),
    "adam, decay": (
        lambda p: Adam(p, 0.01, (0.8, 0.95), 1e-6, 0.2),
        lambda p: torch.optim.Adam(p, 0.01, (0.8, 0.95), 1e-6, 0.2),
    ),
    "adamw": (lambda p: AdamW(p, 0.01), lambda p: torch.optim.AdamW(p, 0.01)),
    "adamw, decay": (
        lambda p: AdamW(p, 0.01, (0.8, 0.95), 1e-6, 0.2),
        lambda p: torch.optim.AdamW(p, 0.01, (0.8, 0.95), 1e-6, 0.2),
    ),
}


def check(ours: Any, theirs: Any, shapes: list[tuple[int, ...]], dtype: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    starts = [np.asarray(rng.standard_normal(s), dtype) for s in shapes]
    a = [Parameter(x.copy()) for x in starts]
    b = [to_torch(x, requires_grad=True) for x in starts]
    one, other = ours(a), theirs(b)
    for step in range(STEPS):
        for p, q in zip(a, b, strict=True):
            g = np.asarray(rng.standard_normal(p.shape), dtype)
            p.grad, q.grad = (None, None) if step == 3 and p.ndim == 1 else (g, to_torch(g))
        one.step()
        other.step()
        for p, q, start in zip(a, b, starts, strict=True):
            assert_equal(p.data, q, f"step {step}, shape {p.shape}", float(np.linalg.norm(start)))
            if dtype == np.float64:
                assert_equal(p.data - start, q.detach().numpy() - start, f"what step {step} moved, shape {p.shape}", 1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ROWS)
@settings(max_examples=15)
@given(seed=st.integers(0, 2**31))
def test_trajectories(name, dtype, seed):
    check(*ROWS[name], SHAPES, dtype, seed)


@settings(max_examples=15)
@given(seed=st.integers(0, 2**31), max_norm=st.sampled_from([0.1, 3.0, 100.0]), dtype=st.sampled_from([np.float32, np.float64]))
def test_clipping(seed, max_norm, dtype):
    """PyTorch divides by the norm plus 1e-6, we by the norm: in float64 the difference shows, at max_norm · 1e-6."""
    rng = np.random.default_rng(seed)
    a = [Parameter(np.zeros(s, dtype)) for s in SHAPES]
    b = [to_torch(p.data, requires_grad=True) for p in a]
    for p, q in zip(a, b, strict=True):
        p.grad = np.asarray(rng.standard_normal(p.shape), dtype)
        q.grad = to_torch(p.grad)
    norm = torch.nn.utils.clip_grad_norm_(b, max_norm)
    assert clip_grad_norm(a, max_norm) == pytest.approx(norm.item(), rel=1e-6)
    for p, q in zip(a, b, strict=True):
        np.testing.assert_allclose(p.grad, q.grad.numpy(), rtol=3e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(max_examples=15)
@given(seed=st.integers(0, 2**31))
def test_muon(dtype, seed):
    """PyTorch's iterates in bfloat16, three digits; here it is made to keep its dtype."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "bfloat16", lambda self: self.clone())
        check(
            lambda p: Muon(p, 0.02, 0.95, weight_decay=0.1),
            lambda p: torch.optim.Muon(p, 0.02, weight_decay=0.1, momentum=0.95), MATRICES, dtype, seed,
        )
