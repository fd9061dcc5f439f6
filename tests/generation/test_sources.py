"""Encoder-decoders: what they write depends on the source, padding changes nothing, and the cache neither."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.generation.support import tiny
from tinyllm import backend
from tinyllm.generation import (
    beam_search,
    beam_search_batch,
    generate,
    generate_batch,
    generate_text,
    prompt_ids,
    stream,
    stream_text,
)
from tinyllm.models import Seq2Seq, Seq2SeqConfig
from tinyllm.tokenizers import CharTokenizer

VOCAB, CONTEXT, END = 6, 10, 0
sources = st.lists(st.integers(0, VOCAB - 1), min_size=1, max_size=CONTEXT)
positions = st.sampled_from(["learned", "relative"])


@settings(max_examples=25)
@given(st.lists(sources, min_size=1, max_size=4), positions, st.integers(0, 5), st.booleans())
def test_the_cache_and_the_others_of_a_batch_change_nothing(batch, places, seed, greedy):
    model = tiny("seq2seq", seed, VOCAB, positions=places).model
    how = {"greedy": greedy, "temperature": 0.7, "seed": seed}
    together = generate_batch(model, batch, 8, **how)
    assert together == generate_batch(model, batch, 8, use_cache=False, **how)
    assert together[0] == generate(model, batch[0], 8, **how)[0] == list(stream(model, batch[0], 8, **how))
    if greedy:
        assert together == [generate(model, source, 8, greedy=True)[0] for source in batch]
    assert all(len(ids) == 8 for ids in together)


@settings(max_examples=10)
@given(sources, positions, st.integers(0, 20))
def test_greedy_takes_the_likeliest_token_of_the_model_each_time(source, places, seed):
    model = tiny("seq2seq", seed, VOCAB, positions=places)
    model.prompt = source
    text: tuple[int, ...] = ()
    for token in generate(model.model, source, 6, greedy=True)[0]:
        assert token == model.log_probabilities(text).argmax()
        text = (*text, token)


def test_samples_differ_and_do_not_depend_on_their_number_and_a_text_ends_before_its_stop():
    model = tiny("seq2seq", 1, VOCAB, 4.0).model
    four = generate(model, [1, 2, 3], 8, n_samples=4, seed=5)
    assert len({tuple(ids) for ids in four}) == 4
    assert generate(model, [1, 2, 3], 8, n_samples=2, seed=5) == four[:2]
    stopped = generate(model, [1, 2, 3], 8, n_samples=4, seed=5, stop=[END])
    assert stopped == [ids[: ids.index(END)] if END in ids else ids for ids in four]


@pytest.mark.parametrize("places", ["learned", "relative"])
def test_what_is_written_depends_on_the_source(places):
    model = tiny("seq2seq", 1, VOCAB, 4.0, places).model
    written = generate_batch(model, [[i, j] for i in range(VOCAB) for j in range(VOCAB)], 6, greedy=True)
    assert len({ids[0] for ids in written}) > 1 and len({tuple(ids) for ids in written}) > 5


def test_it_ends_at_the_context_and_dropout_is_off():
    model = tiny("seq2seq", 0, VOCAB).model.train()
    written = generate(model, [1, 2], 100, greedy=True)
    assert len(written[0]) == CONTEXT and written == generate(model, [1, 2], 100, greedy=True)
    assert len(beam_search(model, [1, 2], 100)[0].ids) == CONTEXT
    assert model.training


@settings(max_examples=20)
@given(st.lists(sources, min_size=1, max_size=4), st.integers(0, 10), st.integers(1, 4), st.sampled_from([0.0, 0.6, 1.0]))
def test_sources_of_a_batch_are_searched_as_if_alone(batch, seed, width, alpha):
    model = tiny("seq2seq", seed, VOCAB).model
    how = {"width": width, "n_best": width, "alpha": alpha, "eos_id": END}
    for source, found in zip(batch, beam_search_batch(model, batch, 6, **how), strict=True):
        alone = beam_search(model, source, 6, **how)
        assert [h.score for h in found] == pytest.approx([h.score for h in alone], abs=1e-4)
        assert [h.ids for h in found] == [h.ids for h in alone]


@pytest.mark.parametrize(
    "batch, error, message",
    [([], ValueError, "no sources"), ([[1], []], ValueError, "prompt is empty"), ([[1], [0.5]], TypeError, "give integers"),
     ([[1], [[1, 2]]], ValueError, "one row of ids")],
)
def test_bad_sources(batch, error, message):
    with pytest.raises(error, match=message):
        generate_batch(tiny("seq2seq").model, batch)


def test_text_is_written_about_a_framed_source():
    tokenizer = CharTokenizer.train("abcdefg ", special_tokens=("<pad>", "<bos>", "<eos>"))
    backend.manual_seed(1)
    sizes = {"context": 12, "n_layers": 1, "n_heads": 2, "d_model": 8}
    model = Seq2Seq(Seq2SeqConfig(vocab_size=tokenizer.vocab_size, start_id=tokenizer.bos_id, **sizes))
    for seed in range(4):
        source = [tokenizer.bos_id, *tokenizer.encode("abc"), tokenizer.eos_id]
        assert prompt_ids(model, tokenizer, "abc") == source
        ids = generate(model, source, 12, seed=seed, stop=[tokenizer.eos_id])[0]
        text = tokenizer.decode(ids, skip_special=True)
        assert generate_text(model, tokenizer, "abc", 12, seed=seed) == [text]
        assert "".join(stream_text(model, tokenizer, "abc", 12, seed=seed, use_cache=False)) == text
