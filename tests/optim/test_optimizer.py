"""What all optimisers share: groups, state, resuming."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.models.support import config
from tinyllm import functional as F
from tinyllm.models import GPT, GPTConfig
from tinyllm.nn import LayerNorm, Linear, Module, Parameter, Sequential
from tinyllm.optim import SGD, Adam, AdamW, Muon, decay_groups, muon_groups

KINDS = {
    "sgd": lambda m: SGD(m.parameters(), 0.1),
    "momentum": lambda m: SGD(m.parameters(), 0.1, 0.9, weight_decay=0.1),
    "nesterov": lambda m: SGD(decay_groups(m, 0.1), 0.1, 0.9, nesterov=True),
    "adam": lambda m: Adam(m.parameters(), weight_decay=0.1),
    "adamw": lambda m: AdamW(decay_groups(m, 0.1), betas=(0.8, 0.99)),
    "muon": lambda m: Muon(muon_groups(m, weight_decay=0.1)),
}


def small(seed: int = 0) -> GPT:
    from tinyllm import manual_seed

    manual_seed(seed)
    return GPT(config(GPTConfig, bias=True))


def train(model, optimiser, steps):
    for step in steps:
        ids = np.random.default_rng(step).integers(0, 11, (2, 7))
        optimiser.zero_grad()
        F.cross_entropy(model(ids[:, :-1]), ids[:, 1:]).backward()
        optimiser.scale_lr(1 / (1 + step))
        optimiser.step()


@pytest.mark.parametrize("kind", KINDS)
@given(stop=st.integers(0, 4))
def test_a_resumed_run_is_the_undisturbed_one(kind, stop):
    model = small()
    optimiser = KINDS[kind](model)
    train(model, optimiser, range(5))

    first = small()
    stopped = KINDS[kind](first)
    train(first, stopped, range(stop))
    saved = stopped.state_dict()
    text = json.dumps({key: value for key, value in saved.items() if key != "arrays"})
    weights = first.state_dict()
    train(first, stopped, range(stop, 5))       # what was saved does not change with it

    again = small(1)
    resumed = KINDS[kind](again)
    again.load_state_dict(weights)
    resumed.load_state_dict({**json.loads(text), "arrays": saved["arrays"]})
    train(again, resumed, range(stop, 5))
    for (name, p), q in zip(model.named_parameters(), again.parameters(), strict=True):
        np.testing.assert_array_equal(p.data, q.data, err_msg=name)


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_lowers_the_loss_and_is_noticed(kind):
    model = small()
    optimiser = KINDS[kind](model)
    ids = np.random.default_rng(0).integers(0, 11, (2, 8))

    def loss():
        return F.cross_entropy(model(ids[:, :-1]), ids[:, 1:])

    start = loss()
    for _ in range(10):
        optimiser.zero_grad()
        loss().backward()
        optimiser.step()
    assert loss().item() < start.item() - 0.05
    with pytest.raises(RuntimeError, match="changed in place"):
        start.backward()


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_without_a_gradient_stay(kind):
    model = small()
    optimiser = KINDS[kind](model)
    before = model.state_dict()
    model.embedding.weight.grad = np.ones_like(model.embedding.weight.data)
    optimiser.step()
    for name, p in model.named_parameters():
        assert np.array_equal(p.data, before[name]) == (name != "embedding.weight"), name


def test_a_late_starter_takes_a_first_step():
    """Each parameter counts its own steps: Adam's first is lr · sign(g), whenever it comes."""
    a, b = Parameter(np.zeros(3, np.float32)), Parameter(np.zeros(3, np.float32))
    optimiser = Adam([a, b], lr=0.1)
    for i in range(20):
        a.grad = np.ones(3, np.float32)
        b.grad = np.array([4, -2, 0.5], np.float32) if i == 19 else None
        optimiser.step()
    np.testing.assert_allclose(b.data, [-0.1, 0.1, -0.1], rtol=1e-5)


def test_groups_have_options_of_their_own():
    a, b = (Parameter(np.ones(2, np.float32)) for _ in range(2))
    optimiser = SGD([{"params": [a], "lr": 0.5}, {"params": [b]}], lr=0.1)
    for p in (a, b):
        p.grad = np.ones(2, np.float32)
    optimiser.step()
    np.testing.assert_allclose(a.data, 0.5)
    np.testing.assert_allclose(b.data, 0.9)
    optimiser.scale_lr(0.1)
    assert [group["lr"] for group in optimiser.groups] == [0.05, 0.1 * 0.1]
    optimiser.groups[0]["lr"] = 0.0
    optimiser.step()
    np.testing.assert_allclose(a.data, 0.5)
    optimiser.zero_grad()
    assert a.grad is None and list(optimiser.parameters()) == [a, b]


def test_decay_groups_by_shape():
    class Net(Module):
        def __init__(self):
            self.net = Sequential(Linear(3, 3), LayerNorm(3))
            self.scale = Parameter(np.ones((), np.float32))

    model = Net()
    matrices, vectors = decay_groups(model, 0.3)
    assert matrices["params"] == [model.net[0].weight] and matrices["weight_decay"] == 0.3
    assert [p.ndim for p in vectors["params"]] == [0, 1, 1, 1] or len(vectors["params"]) == 4
    assert vectors["weight_decay"] == 0.0
    assert len(decay_groups(LayerNorm(3), 0.1)) == 1


def test_muon_groups_by_place():
    model = GPT(config(GPTConfig, tie_embeddings=False, bias=True))
    hidden, tables, vectors = muon_groups(model, 0.02, 0.005, 0.1)
    names = {id(p): name for name, p in model.named_parameters()}
    assert {names[id(p)].split(".")[0] for p in hidden["params"]} == {"layers"}
    assert len(hidden["params"]) == 2 * 6 and hidden["orthogonal"] and hidden["lr"] == 0.02
    assert [names[id(p)] for p in tables["params"]] == ["embedding.weight", "positions.weight", "head.weight"]
    assert all(p.ndim == 1 for p in vectors["params"]) and vectors["weight_decay"] == 0.0
    assert tables["lr"] == vectors["lr"] == 0.005 and not tables["orthogonal"]
    assert sum(len(g["params"]) for g in (hidden, tables, vectors)) == len(names)


P = lambda *shape: Parameter(np.zeros(shape, np.float32))


@pytest.mark.parametrize(
    "make, error, match",
    [
        (lambda: SGD([]), ValueError, "at least one parameter"),
        (lambda: SGD([P(2), np.zeros(2)]), TypeError, "moves Parameters, not ndarray"),
        (lambda: SGD([p := P(2), p]), ValueError, "given twice"),
        (lambda: SGD([{"params": [P(2)], "rate": 1}]), ValueError, "unknown option rate"),
        (lambda: SGD([P(2)], lr=-1), ValueError, "lr is -1"),
        (lambda: AdamW([P(2)], weight_decay=-1), ValueError, "weight_decay is -1"),
        (lambda: SGD([P(2)], momentum=1.0), ValueError, "momentum is 1.0"),
        (lambda: SGD([P(2)], nesterov=True), ValueError, "momentum above 0"),
        (lambda: Adam([P(2)], betas=(0.9, 1.0)), ValueError, "betas"),
        (lambda: Adam([P(2)], betas=(0.9,)), ValueError, "betas"),
        (lambda: Muon([P(2)]), ValueError, r"Muon moves matrices, one parameter has shape \(2,\)"),
        (lambda: Muon([P(2, 2)], momentum=-0.1), ValueError, "momentum is -0.1"),
        (lambda: muon_groups(Linear(2, 2)), ValueError, "Linear has no Transformer layer"),
    ],
)
def test_bad_input(make, error, match):
    with pytest.raises(error, match=match):
        make()


def test_a_state_of_another_optimiser_is_refused():
    def stepped(optimiser):
        for p in optimiser.parameters():
            p.grad = np.ones_like(p.data)
        optimiser.step()
        return optimiser

    adam = stepped(AdamW([P(2), P(3)]))
    for other, match in [
        (SGD([P(2), P(3)]), "another kind's"),
        (AdamW([{"params": [P(2)]}, {"params": [P(3)]}]), "1 groups, this one 2"),
        (AdamW([P(2)]), "moved 2 parameters, this one has 1"),
        (AdamW([P(3), P(2)]), r"saved state 0.m has shape \(2,\), parameter 0 has \(3,\)"),
    ]:
        with pytest.raises(ValueError, match=match):
            other.load_state_dict(adam.state_dict())
        assert other.groups[0]["lr"] == 1e-3 and not any(other.steps) and not any(other.state)
    saved = adam.state_dict()
    saved["arrays"]["x.m"] = np.zeros(2, np.float32)
    with pytest.raises(ValueError, match="belongs to no parameter"):
        AdamW([P(2), P(3)]).load_state_dict(saved)
