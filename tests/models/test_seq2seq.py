"""Seq2Seq and T5: the target's future changes nothing, the source changes everything, its padding and the cache nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.models.support import (
    CONTEXT,
    LENGTHS,
    SEEDS,
    SEQ2SEQ_OPTIONS,
    SIDES,
    VOCABULARY,
    config,
    made,
    others,
    padded,
    seq2seq,
    t5,
)
from tests.nn.support import check_every_parameter_learns, close, gradcheck_module
from tinyllm import functional as F
from tinyllm import no_grad
from tinyllm.models import T5, Seq2Seq, Seq2SeqConfig, T5Config

KINDS = st.sampled_from([Seq2Seq, T5])


@given(kind=KINDS, options=SEQ2SEQ_OPTIONS, t=st.integers(1, 5), seed=SEEDS)
@settings(max_examples=25)
def test_a_future_target_token_never_changes_an_earlier_logit(kind, options, t, seed):
    model, rng = made(kind, seed, **options)
    ids, a = rng.integers(0, VOCABULARY, (2, 2, 6))
    b = a.copy()
    b[:, t:] = others(rng, b[:, t:])
    x, y = model(ids, a).data, model(ids, b).data
    assert x.shape == (2, 6, VOCABULARY)
    np.testing.assert_array_equal(x[:, :t], y[:, :t])
    assert not np.allclose(x[:, t], y[:, t])


@pytest.mark.parametrize("kind", [Seq2Seq, T5])
@pytest.mark.parametrize("scale", [30.0, 1000.0])
def test_nor_where_logits_are_extreme(kind, scale):
    model, rng = made(kind)
    for p in model.parameters():
        p.data *= scale
    ids, a, b = rng.integers(0, VOCABULARY, (3, 1, 8))
    b[:, :4] = a[:, :4]
    x = model(ids, a).data
    assert np.abs(x).max() > 100 and np.isfinite(x).all()
    np.testing.assert_array_equal(x[:, :4], model(ids, b).data[:, :4])


@given(kind=KINDS, options=SEQ2SEQ_OPTIONS, seed=SEEDS)
@settings(max_examples=25)
def test_every_logit_depends_on_every_source_token_and_on_every_earlier_target_token(kind, options, seed):
    model, rng = made(kind, seed, **options)
    ids, decoder_ids = rng.integers(0, VOCABULARY, (2, 1, 4))
    y = model(ids, decoder_ids).data[0]

    def moved(ids, decoder_ids):
        return np.abs(model(ids, decoder_ids).data[0] - y).max(axis=-1) > 1e-10

    for place in range(4):
        changed = ids.copy()
        changed[0, place] = (ids[0, place] + 1) % VOCABULARY
        assert moved(changed, decoder_ids).all()
        changed = decoder_ids.copy()
        changed[0, place] = (decoder_ids[0, place] + 1) % VOCABULARY
        assert moved(ids, changed)[place:].all()


@given(kind=KINDS, options=SEQ2SEQ_OPTIONS, seed=SEEDS)
@settings(max_examples=25)
def test_the_order_of_the_source_matters(kind, options, seed):
    model, _ = made(kind, seed, **options)
    ids, order = np.arange(6)[None], [1, 0, 2, 3, 4, 5]
    assert not close(model.encode(ids[:, order]).data, model.encode(ids).data[:, order], 1e-9)
    assert not close(model(ids[:, order], ids), model(ids, ids).data, 1e-11)


def test_alibi_cannot_tell_a_source_from_its_reverse():
    model, _ = seq2seq(positions="alibi")
    ids = np.arange(6)[None]
    assert close(model.encode(ids[:, ::-1]).data[:, ::-1], model.encode(ids).data, 1e-13)


@given(kind=KINDS, options=SEQ2SEQ_OPTIONS, lengths=LENGTHS, side=SIDES, seed=SEEDS)
@settings(max_examples=25)
def test_padding_of_the_source_changes_no_output_and_no_gradient(kind, options, lengths, side, seed):
    model, rng = made(kind, seed, **options)
    ids, mask = padded(rng, lengths, side)
    decoder_ids, targets = rng.integers(0, VOCABULARY, (2, len(lengths), 5))
    logits = model(ids, decoder_ids, mask)
    assert np.isfinite(logits.data).all()
    for row, m, written, y in zip(ids, mask, decoder_ids, logits.data, strict=True):
        assert close(y, model(row[m][None], written[None]).data[0], 1e-11)
    gradients = []
    for tokens in (ids, np.where(mask, ids, others(rng, ids))):
        model.zero_grad()
        loss = F.cross_entropy(model(tokens, decoder_ids, mask), targets)
        loss.backward()
        gradients.append((loss.item(), [p.grad for p in model.parameters()]))
    assert close(gradients[0][0], gradients[1][0], 1e-12)
    assert all(close(a, b, 1e-10) or np.abs(a - b).max() < 1e-13 for a, b in zip(gradients[0][1], gradients[1][1], strict=True))


@given(kind=KINDS, options=SEQ2SEQ_OPTIONS, lengths=LENGTHS, seed=SEEDS)
@settings(max_examples=25)
def test_padding_behind_the_target_changes_no_loss(kind, options, lengths, seed):
    model, rng = made(kind, seed, **options)
    decoder_ids, mask = padded(rng, lengths, "right")
    ids = rng.integers(0, VOCABULARY, (len(lengths), 3))
    logits = model(ids, decoder_ids).data
    for source, row, m, y in zip(ids, decoder_ids, mask, logits, strict=True):
        assert close(y[m], model(source[None], row[m][None]).data[0], 1e-11)


@given(kind=KINDS, options=SEQ2SEQ_OPTIONS, lengths=st.lists(st.integers(1, 8), min_size=2, max_size=3), side=SIDES,
       chunks=st.lists(st.integers(1, 3), min_size=1, max_size=3), crop=st.integers(0, 3), seed=SEEDS)
@settings(max_examples=25)
def test_the_cache_equals_full_recomputation(kind, options, lengths, side, chunks, crop, seed):
    model, rng = made(kind, seed, **options)
    ids, mask = padded(rng, lengths, side)
    decoder_ids = rng.integers(0, VOCABULARY, (len(lengths), sum(chunks)))
    with no_grad():
        full = model(ids, decoder_ids, mask).data
        memory, cache = model.encode(ids, mask), model.make_cache(len(lengths))
        pieces = [
            model.decode(piece, memory, mask, cache).data for piece in np.split(decoder_ids, np.cumsum(chunks)[:-1], axis=1)
        ]
        assert close(np.concatenate(pieces, axis=1), full, 1e-11)
        assert cache.length == decoder_ids.shape[1]
        back = min(crop, decoder_ids.shape[1] - 1)
        cache.crop(back)
        assert close(model.decode(decoder_ids[:, back:], memory, mask, cache), full[:, back:], 1e-11)


@given(kind=KINDS, options=SEQ2SEQ_OPTIONS, lengths=st.lists(st.integers(1, 8), min_size=3, max_size=3), side=SIDES,
       rows=st.lists(st.integers(0, 2), min_size=1, max_size=4), seed=SEEDS)
@settings(max_examples=25)
def test_the_cache_goes_on_with_the_rows_selected(kind, options, lengths, side, rows, seed):
    model, rng = made(kind, seed, **options)
    ids, mask = padded(rng, lengths, side)
    first = rng.integers(0, VOCABULARY, (3, 2))
    later = rng.integers(0, VOCABULARY, (len(rows), 3))
    with no_grad():
        memory, cache = model.encode(ids, mask).data, model.make_cache(3)
        model.decode(first, memory, mask, cache)
        cache.select(np.array(rows))
        got = model.decode(later, memory[rows], mask[rows], cache)
        whole = np.concatenate([first[rows], later], axis=1)
        assert close(got, model(ids[rows], whole, mask[rows]).data[:, 2:], 1e-11)


@pytest.mark.parametrize("kind", [Seq2Seq, T5])
def test_the_sources_keys_and_values_are_made_once(kind):
    model, rng = made(kind)
    ids, decoder_ids = rng.integers(0, VOCABULARY, (2, 2, 4))
    with no_grad():
        memory, cache = model.encode(ids), model.make_cache(2)
        model.decode(decoder_ids[:, :2], memory, cache=cache)
        for layer in model.decoder.layers:
            layer.cross_attention.k_proj = layer.cross_attention.v_proj = None
        assert model.decode(decoder_ids[:, 2:], memory, cache=cache).shape == (2, 2, VOCABULARY)


@pytest.mark.parametrize("kind, options", [
    (Seq2Seq, {}), (Seq2Seq, {"positions": "rotary", "n_kv_heads": 1, "activation": "swiglu", "tie_embeddings": False}),
    (Seq2Seq, {"positions": "learned", "norm_first": False, "head_dim": 3}),
    (T5, {"head_dim": 3}), (T5, {"activation": "geglu", "tie_embeddings": False}),
])
def test_gradients(kind, options):
    model, _ = made(kind, n_layers=1, **options)
    ids, mask = np.array([[1, 2, 1], [4, 5, 6]]), np.array([[0, 1, 1], [1, 1, 1]])
    decoder_ids = np.array([[0, 3], [0, 1]])
    assert gradcheck_module(model, call=lambda: model(ids, decoder_ids, mask))


@given(kind=KINDS, options=SEQ2SEQ_OPTIONS, seed=SEEDS)
@settings(max_examples=25)
def test_every_parameter_learns(kind, options, seed):
    if options["activation"] == "relu":
        options["activation"] = "gelu"      # a unit that never fires learns nothing, as it should
    model, rng = made(kind, seed, **{**options, "bias": False})
    model.train()
    ids, decoder_ids = np.stack([rng.permutation(VOCABULARY)] * 2), np.stack([rng.permutation(VOCABULARY)] * 2)
    check_every_parameter_learns(model, lambda: model(ids, decoder_ids), rng)


@pytest.mark.parametrize("positions", ["learned", "sinusoidal", "rotary", "relative", "alibi"])
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("kind", [Seq2Seq, T5])
def test_a_fresh_model_is_undecided(kind, positions, tied):
    model = kind(kind.config_class(65, d_model=64, positions=positions, tie_embeddings=tied)).eval()
    ids, decoder_ids = np.random.default_rng(0).integers(0, 65, (2, 8, 32))
    targets = np.roll(decoder_ids, 1, axis=1)
    assert abs(F.cross_entropy(model(ids, decoder_ids), targets).item() - np.log(65)) < 0.8     # logits of variance ≤ 1: ½


def test_the_encoder_has_as_many_layers_as_it_is_told_and_the_decoder_its_own():
    for given_, expected in ((None, 2), (1, 1), (3, 3)):
        model = Seq2Seq(config(Seq2SeqConfig, n_decoder_layers=given_))
        assert (len(model.encoder.layers), len(model.decoder.layers)) == (2, expected)
    assert all(layer.cross_attention is None for layer in model.encoder.layers)


def test_the_start_keeps_a_signals_size_at_any_width():
    model = Seq2Seq(Seq2SeqConfig(300, 100, n_layers=2, d_model=64, d_hidden=150, positions="learned", tie_embeddings=False))
    for name, p in model.named_parameters():
        if name.endswith("bias"):
            assert (p.data == 0).all(), name
        elif "norm" in name:
            assert (p.data == 1).all(), name
        elif "embedding" in name or "positions" in name:
            assert abs(p.data.std() * 8 - 1) < 0.05, name
        else:
            bound = np.sqrt(6 / sum(p.shape))                       # Glorot's
            assert 0.97 * bound < np.abs(p.data).max() <= bound, name
            assert abs(p.data.std() * np.sqrt(3) / bound - 1) < 0.05, name
    sinusoidal = Seq2Seq(Seq2SeqConfig(300, d_model=64))
    assert abs(sinusoidal.embed(np.arange(300)[None]).data.std() - 1) < 0.05


def test_norms_last_leave_the_embeddings_alone():
    """As in the paper; BERT has one more norm there."""
    model = Seq2Seq(config(Seq2SeqConfig, norm_first=False))
    for stack in (model.encoder, model.decoder):
        assert stack.embedding_norm is None and stack.norm is None
    before = Seq2Seq(config(Seq2SeqConfig))
    assert before.encoder.embedding_norm is None and before.encoder.norm is not None


def test_tokens_are_not_drowned_by_waves():
    model = Seq2Seq(Seq2SeqConfig(500, d_model=64))
    assert close(model.embed(np.arange(500)[None]).data[0], 8 * model.embedding.weight.data, 1e-6)
    learned = Seq2Seq(Seq2SeqConfig(500, d_model=64, positions="learned"))
    assert close(learned.embed(np.arange(500)[None]).data[0], learned.embedding.weight.data, 1e-7)


# ------------------------------------------------------------ T5's own rules


def test_t5s_scores_are_not_scaled():
    t5_, transformer = T5(config(T5Config)), Seq2Seq(config(Seq2SeqConfig))
    for model, scale in ((t5_, 1.0), (transformer, None)):
        for layer in [*model.encoder.layers, *model.decoder.layers]:
            assert layer.attention.scale == scale
        assert all(layer.cross_attention.scale == scale for layer in model.decoder.layers)


def test_t5_shares_one_bias_among_the_layers_of_a_stack():
    model = T5(config(T5Config))
    biases = {name: p.shape for name, p in model.named_parameters() if "score_bias" in name}
    assert biases == {"encoder.score_bias.weight": (4, 2), "decoder.score_bias.weight": (4, 2)}
    assert not model.encoder.score_bias.causal and model.decoder.score_bias.causal
    assert not [name for name, _ in model.named_parameters() if name.endswith(".bias")]


@pytest.mark.parametrize("tied", [True, False])
def test_only_a_tied_head_of_t5_is_scaled(tied):
    model, rng = t5(tie_embeddings=tied)
    h = rng.standard_normal((2, 3, 8))
    expected = h @ model.embedding.weight.data.T / np.sqrt(8) if tied else h @ model.head.weight.data.T
    assert close(model.logits(h), expected, 1e-13)
    assert close(seq2seq(tie_embeddings=True)[0].logits(h), h @ seq2seq()[0].embedding.weight.data.T, 1e-13)


def test_t5s_queries_start_small():
    model = T5(T5Config(300, d_model=64, n_heads=4, head_dim=8, d_hidden=100, n_layers=2, tie_embeddings=False))
    expected = {"q_proj": (64 * 8) ** -0.5, "k_proj": 1 / 8, "v_proj": 1 / 8, "o_proj": 32**-0.5, "up": 1 / 8, "down": 0.1}
    for name, p in model.named_parameters():
        if (part := name.split(".")[-2]) in expected:
            assert abs(p.data.std() / expected[part] - 1) < 0.1, name
    assert abs(model.embedding.weight.data.std() - 1) < 0.02 and abs(model.head.weight.data.std() * 8 - 1) < 0.02
    assert all(abs(stack.score_bias.weight.data.std() * 8 - 1) < 0.25 for stack in (model.encoder, model.decoder))
    assert all((p.data == 0).all() for name, p in T5(config(T5Config, bias=True)).named_parameters() if name.endswith(".bias"))


def test_t5_drops_from_the_output_of_a_stack_too():
    ids = np.arange(8)[None]
    for model, drops in ((T5(config(T5Config, dropout=0.4)), True), (Seq2Seq(config(Seq2SeqConfig, dropout=0.4)), False)):
        assert ((model.encode(ids).data == 0).mean() > 0.1) == drops
        assert not (model.eval().encode(ids).data == 0).any()


# ------------------------------------------------------------ what does not fit


def test_bad_input():
    model, rng = seq2seq()
    ids = rng.integers(0, VOCABULARY, (2, 4))
    memory = model.encode(ids)
    for call, error, match in [
        (lambda: model(ids, [[0.0]]), TypeError, "ids are float64"),
        (lambda: model(ids, [[0, VOCABULARY]] * 2), IndexError, f"id {VOCABULARY} is outside"),
        (lambda: model(ids[:1], np.zeros((1, CONTEXT + 1), int)), ValueError, "13 tokens do not fit into a context of 12"),
        (lambda: model(np.zeros((1, CONTEXT + 1), int), ids[:1]), ValueError, "13 tokens do not fit into a context of 12"),
        (lambda: model(ids, ids, np.ones((2, 3), int)), ValueError, r"attention_mask has shape \(2, 3\)"),
        (lambda: model.decode(ids, memory, np.full((2, 4), 2)), ValueError, "more than 0 and 1"),
        (lambda: model.decode(ids, memory, cache=model.make_cache(2)), RuntimeError, "no_grad"),
        (lambda: model.encoder.make_cache(2), ValueError, "needs causal layers"),
        (lambda: model.encoder.run(memory, cache=model.make_cache(2)), ValueError, "needs causal layers"),
    ]:
        with pytest.raises(error, match=match):
            call()
    with no_grad(), pytest.raises(ValueError, match="the cache is for"):
        model.decode(ids, memory, cache=model.make_cache(3))
