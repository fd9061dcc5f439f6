"""What softmax and the losses mean: probabilities that sum to one, and the likelihood of the targets, counted."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyllm import Tensor
from tinyllm import functional as F

TWIN_OR_FORMULA = pytest.mark.parametrize("of", [lambda f: f, lambda f: f.formula], ids=["twin", "formula"])


@TWIN_OR_FORMULA
@given(seed=st.integers(0, 1000), scale=st.sampled_from([1.0, 1e4]), shift=st.floats(-1e4, 1e4), axis=st.integers(-1, 1))
def test_softmax_rows_are_probabilities_and_ignore_shifts(of, seed, scale, shift, axis):
    x = np.random.default_rng(seed).standard_normal((4, 5, 3)) * scale
    y = of(F.softmax)(x, axis)
    assert (y >= 0).all()
    np.testing.assert_allclose(y.sum(axis), 1.0, rtol=1e-12)
    np.testing.assert_allclose(of(F.softmax)(x + shift, axis), y, atol=1e-9)
    np.testing.assert_array_equal(y.argmax(axis), x.argmax(axis))
    with np.errstate(divide="ignore"):
        finite = y > 1e-300
        np.testing.assert_allclose(of(F.log_softmax)(x, axis)[finite], np.log(y)[finite], atol=1e-9)
    assert np.isfinite(of(F.log_softmax)(x, axis)).all()


@TWIN_OR_FORMULA
def test_softmax_where_is_softmax_of_the_rest(of, rng):
    x, where = rng.standard_normal((6, 5)), rng.random((6, 5)) < 0.5
    where[2] = False
    y = of(F.softmax)(x, where=where)
    for row, these, got in zip(x, where, y, strict=True):
        np.testing.assert_array_equal(got[~these], 0.0)
        if these.any():
            np.testing.assert_allclose(got[these], F.softmax(row[these]))
    spoiled = np.where(where, x, np.nan)                # what takes no part may be anything
    np.testing.assert_array_equal(of(F.softmax)(spoiled, where=where), y)


@TWIN_OR_FORMULA
@given(seed=st.integers(0, 1000), smoothing=st.sampled_from([0.0, 0.1]), weighted=st.booleans(), ignored=st.booleans())
def test_cross_entropy_is_the_counted_likelihood(of, seed, smoothing, weighted, ignored):
    rng = np.random.default_rng(seed)
    logits, targets = rng.standard_normal((3, 4, 5)), rng.integers(0, 5, (3, 4))
    if ignored:
        targets[rng.random((3, 4)) < 0.3] = -100
    w = rng.uniform(0.1, 2.0, 5) if weighted else np.ones(5)
    cost = total = 0.0
    for place in np.ndindex(3, 4):
        y, z = int(targets[place]), logits[place]
        if y == -100:
            continue
        p = [math.exp(v) / sum(math.exp(u) for u in z) for v in z]
        cost -= (1 - smoothing) * w[y] * math.log(p[y]) + smoothing / 5 * sum(w[c] * math.log(p[c]) for c in range(5))
        total += w[y]
    got = of(F.cross_entropy)(logits, targets, label_smoothing=smoothing, class_weights=w if weighted else None)
    assert got == pytest.approx(cost / total if total else 0.0, rel=1e-12)


@TWIN_OR_FORMULA
def test_ignored_targets_change_nothing(of, rng):
    logits, targets = rng.standard_normal((6, 5)), rng.integers(0, 5, 6)
    targets[[1, 4]] = -100
    counted = targets != -100
    for options in ({}, {"label_smoothing": 0.2, "class_weights": rng.uniform(0.1, 2.0, 5)}):
        t = Tensor(logits, requires_grad=True)
        loss = of(F.cross_entropy)(t, targets, **options)
        loss.backward()
        assert loss.item() == pytest.approx(of(F.cross_entropy)(logits[counted], targets[counted], **options), rel=1e-14)
        np.testing.assert_array_equal(t.grad[~counted], 0.0)
        assert (t.grad[counted] != 0).all()


@TWIN_OR_FORMULA
@pytest.mark.parametrize("shape", [(3,), (0,), (2, 0)])
def test_nothing_counted_is_zero_with_zero_gradient(of, shape):
    t = Tensor(np.ones((*shape, 4), np.float32), requires_grad=True)
    loss = of(F.cross_entropy)(t, np.full(shape, -100))
    loss.backward()
    assert loss.item() == 0.0 and loss.dtype == np.float32
    np.testing.assert_array_equal(t.grad, np.zeros((*shape, 4)))


@TWIN_OR_FORMULA
def test_a_confident_wrong_answer_costs_its_distance(of):
    logits = np.array([[1e4, -1e4, 0.0]], np.float32)
    assert of(F.cross_entropy)(logits, np.array([1])) == 2e4
    assert of(F.cross_entropy)(logits, np.array([0])) == 0.0


@TWIN_OR_FORMULA
def test_mse_loss(of, rng):
    x, y = rng.standard_normal((2, 3, 4))
    assert of(F.mse_loss)(x, y) == pytest.approx(sum((a - b) ** 2 for a, b in zip(x.flat, y.flat, strict=True)) / 12)


def test_class_weights_of_float64_leave_float32_as_it_is():
    logits = Tensor(np.ones((3, 4), np.float32), requires_grad=True)
    loss = F.cross_entropy(logits, np.array([0, 1, 2]), class_weights=np.array([1.0, 2.0, 3.0, 4.0]))
    loss.backward()
    assert loss.dtype == logits.grad.dtype == np.float32


@given(seed=st.integers(0, 1000), rows=st.integers(1, 5), temperature=st.sampled_from([0.05, 2.0]), symmetric=st.booleans())
def test_contrastive_loss_asks_each_row_for_its_own(seed, rows, temperature, symmetric):
    a, b = np.random.default_rng(seed).standard_normal((2, rows, 3))
    costs = []
    for x, y in ((a, b), (b, a))[: 1 + symmetric]:
        for i in range(rows):
            scores = [math.fsum(x[i] * y[j]) / temperature for j in range(rows)]
            costs.append(max(scores) + math.log(sum(math.exp(s - max(scores)) for s in scores)) - scores[i])
    assert F.contrastive_loss(a, b, temperature, symmetric) == pytest.approx(sum(costs) / len(costs), rel=1e-9, abs=1e-12)


def test_the_contrastive_gradient_is_what_is_said_minus_what_is_true(rng):
    a, b = (Tensor(rng.standard_normal((4, 3)), requires_grad=True) for _ in range(2))
    F.contrastive_loss(a, b, 0.5).backward()
    p = F.softmax(a.data @ b.data.T / 0.5)
    np.testing.assert_allclose(a.grad, (p - np.eye(4)) @ b.data / (4 * 0.5), rtol=1e-10)
    np.testing.assert_allclose(b.grad, (p - np.eye(4)).T @ a.data / (4 * 0.5), rtol=1e-10)


def test_a_batch_of_one_has_no_negatives(rng):
    a, b = (Tensor(rng.standard_normal((1, 3)), requires_grad=True) for _ in range(2))
    loss = F.contrastive_loss(a, b, symmetric=True)
    loss.backward()
    assert loss.item() == 0 and not a.grad.any() and not b.grad.any()


@TWIN_OR_FORMULA
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_what_stands_in_an_ignored_row_does_not_matter(of, smoothing):
    z = np.array([[-np.inf, 1.0, 2.0], [0.0, 1.0, 2.0], [np.nan, 0.0, np.inf]], np.float32)
    x = Tensor(z, requires_grad=True)
    with np.errstate(invalid="ignore"):
        loss = of(F.cross_entropy)(x, np.array([-100, 1, -100]), label_smoothing=smoothing)
        loss.backward()
    alone = Tensor(z[1:2], requires_grad=True)
    expected = F.cross_entropy(alone, np.array([1]), label_smoothing=smoothing)
    expected.backward()
    assert loss.item() == pytest.approx(expected.item())
    np.testing.assert_allclose(x.grad, [np.zeros(3), alone.grad[0], np.zeros(3)], atol=1e-6)
