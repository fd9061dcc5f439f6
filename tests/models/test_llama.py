"""Llama: a GPT with other switches."""

from __future__ import annotations

import numpy as np
import pytest

from tests.models.support import VOCABULARY, gpt, llama
from tests.nn.support import close
from tinyllm import no_grad
from tinyllm.models import GPT, Llama, LlamaConfig
from tinyllm.nn import RMSNorm

SWITCHES = {"norm": "rms", "positions": "rotary", "activation": "swiglu", "bias": False}


def test_llama_is_gpt_with_other_switches():
    model, rng = llama(n_kv_heads=1)
    same, _ = gpt(n_kv_heads=1, **SWITCHES)
    assert isinstance(model, GPT) and model.state_dict().keys() == same.state_dict().keys()
    same.load_state_dict(model.state_dict())
    ids = rng.integers(0, VOCABULARY, (2, 8))
    np.testing.assert_array_equal(model(ids).data, same(ids).data)
    assert not [name for name, _ in model.named_parameters() if name.endswith("bias")]


def test_its_cache_is_as_narrow_as_its_shared_heads():
    model, rng = llama(n_heads=4, n_kv_heads=2, head_dim=6)
    ids = rng.integers(0, VOCABULARY, (2, 8))
    cache = model.make_cache(2)
    with no_grad():
        pieces = [model(piece, cache=cache).data for piece in np.split(ids, [3, 4], axis=1)]
        assert close(np.concatenate(pieces, axis=1), model(ids).data, 1e-12)
    assert model.layers[0].attention.k_proj.weight.shape == (12, 8)


@pytest.mark.parametrize("changed", [{"rope_base": 100.0}, {"norm_eps": 0.1}])
def test_what_a_config_may_tune_changes_the_output(changed):
    (model, rng), (other, _) = llama(), llama(**changed)
    other.load_state_dict(model.state_dict())
    ids = rng.integers(0, VOCABULARY, (1, 8))
    assert not close(other(ids).data, model(ids).data, 1e-4)


def test_all_norms_take_the_epsilon():
    model, _ = llama(norm_eps=0.1)
    norms = [m for m in model.modules() if isinstance(m, RMSNorm)]
    assert len(norms) == 5 and all(norm.eps == 0.1 for norm in norms)
    assert all(m.eps == 1e-6 for m in llama()[0].modules() if isinstance(m, RMSNorm))


def test_llamas_config_is_its_own():
    assert {name: getattr(LlamaConfig(65), name) for name in SWITCHES} == SWITCHES
    assert Llama.config_class is LlamaConfig
