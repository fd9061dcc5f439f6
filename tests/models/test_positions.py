"""Positions as models use them: which of them end, and that distances are all that relative, ALiBi and rotary ones know."""

from __future__ import annotations

import numpy as np
import pytest

from tests.models.support import CONTEXT, VOCABULARY, config, gpt
from tests.nn.support import close
from tinyllm import no_grad
from tinyllm.models import GPT, T5, Bert, BertConfig, GPTConfig, T5Config, TokenClassifier


@pytest.mark.parametrize("make", [
    lambda p: GPT(config(GPTConfig, positions=p)), lambda p: Bert(config(BertConfig, positions=p)),
    lambda p: T5(config(T5Config, positions=p)),
])
@pytest.mark.parametrize("positions", ["relative", "alibi"])
def test_longer_texts_need_no_other_weights(make, positions):
    model = make(positions).eval()
    call = (lambda ids: model(ids, ids)) if isinstance(model, T5) else model
    ids = np.arange(CONTEXT + 8)[None] % VOCABULARY
    short = call(ids[:, :CONTEXT]).data
    names = model.state_dict().keys()
    with pytest.raises(ValueError, match="20 tokens do not fit into a context of 12"):
        call(ids)
    model.set_context(CONTEXT + 8)
    assert model.config.context == CONTEXT + 8 and model.state_dict().keys() == names
    np.testing.assert_array_equal(call(ids[:, :CONTEXT]).data, short)
    longer = call(ids).data
    assert np.isfinite(longer).all()
    if not isinstance(model, Bert):
        with no_grad():
            cache = model.make_cache(1)
            if isinstance(model, T5):
                last = model.decode(ids, model.encode(ids), cache=cache)
            else:
                last = model(ids, cache=cache)
        assert cache.length == CONTEXT + 8 and close(last, longer, 1e-6)
    if isinstance(model, GPT):
        assert close(longer[:, :CONTEXT], short, 1e-6)


def test_a_head_takes_what_its_trunk_takes():
    model = TokenClassifier(GPT(config(GPTConfig, positions="alibi")), 3)
    model.set_context(20)
    assert model(np.zeros((1, 20), int)).shape == (1, 20, 3)
    with pytest.raises(ValueError, match="learned positions have a table for 12 places, not for 20"):
        TokenClassifier(gpt(positions="learned")[0], 3).set_context(20)


@pytest.mark.parametrize("positions", ["learned", "sinusoidal", "rotary"])
def test_a_table_ends_where_it_ends(positions):
    model, _ = gpt(positions=positions)
    with pytest.raises(ValueError, match=f"{positions} positions have a table for 12 places, not for 20"):
        model.set_context(20)
    with pytest.raises(ValueError, match="context is 67108864: choose one from 1 to"):
        gpt(positions="alibi")[0].set_context(1 << 26)


@pytest.mark.parametrize("positions", ["relative", "alibi", "rotary"])
def test_only_distances_count(positions):
    """What a text says does not depend on where it stands: rotary positions are turned on, the others know no places."""
    model, rng = gpt(positions=positions)
    ids = rng.integers(0, VOCABULARY, (1, 4))
    filler = rng.integers(0, VOCABULARY, (1, 5))
    mask = np.arange(9)[None] >= 5
    assert close(model(np.concatenate([filler, ids], axis=1), mask).data[:, 5:], model(ids).data, 1e-11)
    x = model.embedding(ids)
    for layer in model.layers:
        bias = None if model.score_bias is None else model.score_bias(4, 4)
        here, there = (layer(x, where=slice(n, n + 4), score_bias=bias).data for n in (0, 6))
        assert close(there, here, 1e-11)


@pytest.mark.parametrize("positions", ["relative", "alibi"])
def test_the_bias_reaches_every_layer(positions):
    model, rng = gpt(positions=positions)
    ids = rng.integers(0, VOCABULARY, (1, 5))
    seen = []
    for layer in model.layers:
        attend = layer.attention.attend
        vars(layer.attention)["attend"] = lambda *args, attend=attend: (seen.append(args[-1]), attend(*args))[1]
    model(ids)
    assert len(seen) == 2 and seen[0] is seen[1] and seen[0].shape == (1, 2, 5, 5)
