"""Module and Parameter: trees, names, states."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyllm import Tensor, no_grad
from tinyllm.nn import Dropout, Linear, Module, ModuleList, Parameter, RotaryPositions, Sequential, evaluation_mode


class Tied(Module):
    """Two names, one parameter; a list; a buffer."""

    def __init__(self) -> None:
        self.first = Linear(3, 3)
        self.second = Linear(3, 3, bias=False)
        self.second.weight = self.first.weight
        self.blocks = ModuleList([Linear(3, 2), Dropout(0.5)])
        self.own = Parameter(np.zeros(4, np.float32))
        self.table = np.arange(3.0, dtype=np.float32)
        self.order = np.arange(3)

    def forward(self, x):
        return self.blocks[0](self.second(self.first(x))) + self.own[:2]


NAMES = ["own", "first.weight", "first.bias", "blocks.0.weight", "blocks.0.bias"]


def test_parameters_have_names_and_tied_ones_count_once():
    model = Tied()
    assert [name for name, _ in model.named_parameters()] == NAMES
    assert model.n_parameters() == 4 + 9 + 3 + 6 + 2
    assert [name for name, _ in model.named_modules()] == ["", "first", "second", "blocks", "blocks.0", "blocks.1"]
    assert [name for name, _ in model.named_children()] == ["first", "second", "blocks"]


def test_an_attribute_assigned_anew_replaces_the_old_one():
    model = Tied()
    model.own = None
    model.first = Linear(3, 5)
    assert [name for name, _ in model.named_parameters()] == [
        "first.weight", "first.bias", "second.weight", "blocks.0.weight", "blocks.0.bias"
    ]


@pytest.mark.parametrize("value", [[Linear(2, 2)], (Linear(2, 2),), {"a": Linear(2, 2)}, [Parameter(np.zeros(1))]])
def test_plain_lists_of_modules_are_refused(value):
    with pytest.raises(TypeError, match=r"layers is a plain .* ModuleList"):
        Tied().layers = value


def test_train_and_eval_reach_everything_below():
    model = Tied()
    assert all(m.training for m in model.modules())
    assert model.eval() is model and not any(m.training for m in model.modules())
    assert model.train() is model and all(m.training for m in model.modules())


def test_zero_grad_and_freezing():
    model = Tied()
    model(np.ones((1, 3), np.float32)).sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    model.zero_grad()
    assert all(p.grad is None for p in model.parameters())
    model.requires_grad_(False)
    assert not model(np.ones((1, 3), np.float32)).requires_grad
    model.requires_grad_()
    assert all(p.requires_grad for p in model.parameters())


def test_moving_keeps_the_objects_and_reaches_gradients_and_buffers():
    model = Tied()
    model(np.ones((1, 3), np.float32)).sum().backward()
    before = list(model.parameters())
    assert model.to(dtype=np.float64) is model
    assert all(a is b for a, b in zip(before, model.parameters(), strict=True))
    assert all(p.dtype == np.float64 and p.grad.dtype == np.float64 and p.requires_grad for p in before)
    assert model.table.dtype == np.float64 and model.order.dtype == np.int64
    assert model.second.weight is model.first.weight
    y = model(np.ones((1, 3)))
    y.backward(np.ones((1, 2)))
    assert y.dtype == np.float64
    assert model.to("cpu").own.device == "cpu"


def test_tables_of_positions_are_as_exact_as_their_dtype():
    rotary = RotaryPositions(4, 50).to(dtype=np.float64)
    np.testing.assert_allclose(rotary.cos[:, 1], np.cos(np.arange(50) * 10000.0 ** (-2 / 4)), rtol=1e-14)


def test_moving_while_a_graph_needs_the_parameter_is_noticed():
    model = Linear(2, 2)
    y = model(np.ones((1, 2), np.float32))
    model.to(dtype=np.float64)
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward(np.ones((1, 2), np.float32))


@pytest.mark.parametrize("bad", [np.int64, bool])
def test_only_floats_are_parameters(bad):
    with pytest.raises(TypeError, match="floating"):
        Linear(2, 2).to(dtype=bad)
    with pytest.raises(TypeError, match="write to\\(dtype"):
        Linear(2, 2).to(np.float64)
    with pytest.raises(ValueError, match="no device"):
        Linear(2, 2).to("gpu")
    with pytest.raises(TypeError, match="only floats"):
        Parameter(np.arange(3))


def test_state_is_a_copy():
    model = Tied()
    state = model.state_dict()
    assert list(state) == NAMES and all(type(a) is np.ndarray for a in state.values())
    kept = state["own"].copy()
    model.own.data[...] = 7
    np.testing.assert_array_equal(state["own"], kept)


@given(st.sampled_from([np.float32, np.float64, np.float16]))
def test_state_goes_round(dtype):
    a, b = Tied(), Tied()
    b.load_state_dict({name: array.astype(dtype) for name, array in a.state_dict().items()})
    for (name, p), q in zip(a.named_parameters(), b.parameters(), strict=True):
        assert q.dtype == np.float32
        np.testing.assert_array_equal(q.data, p.data.astype(dtype).astype(np.float32), err_msg=name)


def test_a_tied_parameter_loads_under_any_of_its_names():
    source, model = Tied().state_dict(), Tied()
    weight = source.pop("first.weight")
    model.load_state_dict({**source, "second.weight": weight})
    np.testing.assert_array_equal(model.first.weight.data, weight)
    model.load_state_dict({**source, "first.weight": weight, "second.weight": weight.copy()})
    with pytest.raises(ValueError, match=r"first.weight and second.weight are one tied parameter but differ"):
        model.load_state_dict({**source, "first.weight": weight, "second.weight": weight + 1})


def test_what_does_not_fit_is_named_and_nothing_is_written():
    model = Tied()
    before = model.state_dict()
    state = {name: array + 1 for name, array in before.items()}
    del state["own"]
    state["extra.bias"] = np.zeros(2, np.float32)
    state["first.bias"] = np.zeros(5, np.float32)
    said = r"first.bias has shape \(5,\), the parameter \(3,\); missing: own; unexpected: extra.bias"
    with pytest.raises(ValueError, match=said):
        model.load_state_dict(state)
    with pytest.raises(ValueError, match=r"first.bias has shape"):
        model.load_state_dict(state, strict=False)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
    del state["first.bias"]
    missed = model.load_state_dict(state, strict=False)
    assert (sorted(missed.missing), missed.unexpected) == (["first.bias", "own"], ["extra.bias"])
    np.testing.assert_array_equal(model.first.weight.data, before["first.weight"] + 1)


@pytest.mark.parametrize("bad, said", [(np.zeros(4, np.int64), "int64"), ([0.0] * 4, "list"), (np.zeros(4, bool), "bool")])
def test_only_arrays_of_floats_are_loaded(bad, said):
    model = Tied()
    with pytest.raises(TypeError, match=f"own is {said}"):
        model.load_state_dict({**model.state_dict(), "own": bad})


def test_loading_is_noticed_by_a_graph_that_needs_the_old_values():
    model = Linear(2, 2)
    y = model(np.ones((1, 2), np.float32))
    model.load_state_dict(model.state_dict())
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward(np.ones((1, 2), np.float32))


def test_copies_are_independent_and_stay_tied():
    for twin in (copy.deepcopy(Tied()), pickle.loads(pickle.dumps(Linear(2, 3)))):
        for p in twin.parameters():
            assert isinstance(p, Parameter) and p.requires_grad
    model = Tied()
    twin = copy.deepcopy(model)
    assert twin.second.weight is twin.first.weight and twin.first.weight is not model.first.weight
    twin.first.weight.data[...] = 9
    assert not (model.first.weight.data == 9).any()


def test_lists_and_sequences():
    blocks = ModuleList(Linear(2, 2) for _ in range(3))
    assert len(blocks) == 3 and blocks[-1] is list(blocks)[2]
    with pytest.raises(TypeError, match="no Module"):
        blocks.append(np.tanh)
    x = np.ones((1, 2), np.float32)
    f = Sequential(*blocks)
    np.testing.assert_array_equal(f(x).data, blocks[2](blocks[1](blocks[0](x))).data)


def test_repr_and_summary_show_the_tree():
    model = Tied()
    assert repr(model.first) == "Linear(3, 3)" and "(0): Linear(3, 2)" in repr(model)
    text = model.summary()
    assert "weight (3, 3) tied" in text and "24 parameters" in text
    assert "first.weight" not in text and text.splitlines()[2].split()[-1] == "24"
    model.first.requires_grad_(False)
    assert "24 parameters, 12 of them trained" in model.summary() and "frozen" in model.summary()


def test_summary_shows_equal_neighbours_once():
    text = ModuleList(Linear(2, 2) for _ in range(12)).summary()
    assert "0–11, each" in text and text.count("Linear") == 1 and "72 parameters" in text
    mixed = ModuleList([Linear(2, 2), Linear(2, 3), Linear(2, 3)]).summary()
    assert "1–2, each" in mixed and mixed.count("Linear") == 2


def test_html_is_escaped():
    class Odd(Module):
        def extra_repr(self) -> str:
            return "<b>"

    assert "&lt;b&gt;" in Odd()._repr_html_() and "<b>" not in Odd()._repr_html_()


def test_parameters_are_tensors():
    p = Parameter(np.ones(3, np.float32))
    assert isinstance(p, Tensor) and p.requires_grad and p.is_leaf and repr(p).startswith("Parameter(")
    assert type(p * 2.0) is Tensor


@pytest.mark.parametrize("value", [np.zeros((3, 3), np.float32), Tensor([1.0]), 2.0])
def test_what_would_take_a_parameters_place_is_refused(value):
    layer = Linear(3, 3)
    with pytest.raises(TypeError, match=r"weight is a Parameter, and a .* would be neither trained nor saved"):
        layer.weight = value
    with no_grad():
        layer.weight *= 2.0
        layer.weight **= 2
    assert [name for name, _ in layer.named_parameters()] == ["weight", "bias"]


def test_arrays_that_are_the_modules_own_can_be_swapped():
    model = Sequential(Linear(2, 2, bias=False), Linear(2, 2, bias=False))
    first, second = (layer.weight.numpy().copy() for layer in model)
    model.load_state_dict({"0.weight": model[1].weight.data, "1.weight": model[0].weight.data})
    np.testing.assert_array_equal([layer.weight.data for layer in model], [second, first])


@pytest.mark.parametrize("value", ["model.safetensors", [np.zeros(1)]])
def test_a_state_without_names_is_refused(value):
    with pytest.raises(TypeError, match="has no names: give a mapping of arrays"):
        Linear(2, 2).load_state_dict(value)


def test_a_place_in_a_list_takes_another_module():
    blocks = ModuleList([Linear(2, 2), Dropout(0.1), Linear(2, 2)])
    blocks[-2] = Linear(2, 3)
    assert [name for name, _ in blocks.named_children()] == ["0", "1", "2"] and blocks[1].weight.shape == (3, 2)
    with pytest.raises(TypeError, match="a float is no Module"):
        blocks[0] = 1.0


def test_evaluation_gives_each_part_its_own_mode_back():
    model = Tied().train()
    model.first.eval()
    with pytest.raises(ZeroDivisionError), evaluation_mode(model):
        assert not any(module.training for module in model.modules())
        raise ZeroDivisionError
    assert [module.training for module in model.modules()] == [True, False, True, True, True, True]
