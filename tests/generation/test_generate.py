"""Generation: the cache changes nothing, samples are independent, streams are what `generate` answers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyllm import backend
from tinyllm.autograd import modes, no_grad
from tinyllm.functional import softmax
from tinyllm.generation import generate, generate_text, prompt_ids, stream, stream_text
from tinyllm.models import GPT, Bert, BertConfig, GPTConfig, SequenceClassifier
from tinyllm.tokenizers import ByteBPETokenizer, CharTokenizer

VOCAB, CONTEXT = 13, 8


def model_of(positions: str = "learned", seed: int = 0, n_kv_heads: int | None = None, scale: float = 20.0) -> GPT:
    """Random weights, made large enough that its choices are not all but uniform."""
    backend.manual_seed(seed)
    sizes = {"context": CONTEXT, "n_layers": 2, "n_heads": 2, "d_model": 8, "dropout": 0.5}
    model = GPT(GPTConfig(vocab_size=VOCAB, positions=positions, n_kv_heads=n_kv_heads, tie_embeddings=False, **sizes))
    with no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1:
                parameter *= scale if name == "head.weight" else 10.0
    return model


POSITIONS = st.sampled_from(["learned", "sinusoidal", "rotary"])
prompts = st.lists(st.integers(0, VOCAB - 1), min_size=1, max_size=12)


@settings(max_examples=25)
@given(prompts, POSITIONS, st.sampled_from([None, 1]), st.integers(0, 5), st.booleans())
def test_the_cache_equals_full_recomputation(prompt, positions, n_kv_heads, seed, greedy):
    """Beyond the context too, where the window moves on."""
    model = model_of(positions, seed, n_kv_heads)
    cached, recomputed = (
        generate(model, prompt, 20, greedy=greedy, temperature=0.7, n_samples=2, seed=seed, use_cache=use)
        for use in (True, False)
    )
    assert cached == recomputed
    assert all(len(ids) == 20 for ids in cached)


def test_greedy_takes_the_likeliest_token_of_the_model_each_time():
    model = model_of().eval()
    text = [3, 1]
    for token in generate(model, text, 6, greedy=True)[0]:
        with no_grad():
            assert token == model(np.array([text])).numpy()[0, -1].argmax()
        text.append(token)


def test_when_the_text_outgrows_the_context_its_latter_half_stays():
    model = model_of().eval()
    prompt = [1, 2, 3]
    new = generate(model, prompt, 12, greedy=True)[0]
    text, start = list(prompt), 0
    for token in new:
        if len(text) - start > CONTEXT:
            start = len(text) - CONTEXT // 2
        with no_grad():
            assert token == model(np.array([text[start:]])).numpy()[0, -1].argmax()
        text.append(token)


def test_a_long_prompt_loses_its_beginning():
    model = model_of()
    prompt = np.arange(30) % VOCAB
    assert generate(model, prompt, 1, greedy=True) == generate(model, prompt[-CONTEXT:], 1, greedy=True)


def test_a_context_of_one_token():
    model = GPT(GPTConfig(vocab_size=5, context=1, n_layers=1, n_heads=1, d_model=4))
    assert len(generate(model, [1, 2], 5, seed=0)[0]) == 5


@given(prompts, st.integers(0, 3), st.lists(st.integers(0, VOCAB - 1), max_size=3))
@settings(max_examples=20)
def test_a_stream_is_what_generate_answers(prompt, seed, stop):
    model = model_of(scale=5.0)
    options = {"seed": seed, "stop": [*stop, [1, 2], (3, 3)], "top_k": 5, "repetition_penalty": 1.2}
    streamed = list(stream(model, prompt, 15, **options))
    assert streamed == generate(model, prompt, 15, **options)[0]
    assert not set(streamed) & set(stop)


def test_samples_are_different_and_a_sample_does_not_depend_on_their_number():
    model = model_of(scale=3.0)
    four = generate(model, [1], 12, n_samples=4, seed=5)
    assert len({tuple(ids) for ids in four}) == 4
    assert generate(model, [1], 12, n_samples=2, seed=5) == four[:2]
    assert generate(model, [1], 12, seed=5) == four[:1]
    assert generate(model, [1], 12, n_samples=4, seed=6) != four


def test_a_seed_decides_and_without_one_the_process_wide_generator_does():
    model = model_of(scale=3.0)
    assert generate(model, [1], 12, seed=5) == generate(model, [1], 12, seed=5)
    drawn = [generate(model, [1], 12) for _ in range(3)]
    assert drawn[0] != drawn[1] != drawn[2]
    runs = []
    for _ in range(2):
        backend.manual_seed(3)
        runs.append(generate(model, [1], 12))
    assert runs[0] == runs[1]


def test_tokens_come_as_often_as_the_model_says():
    model = model_of(scale=4.0).eval()
    with no_grad():
        p = softmax(model(np.array([[2, 5]])).numpy()[0, -1])
    counts = np.bincount([ids[0] for ids in generate(model, [2, 5], 1, n_samples=4000, seed=0)], minlength=VOCAB) / 4000
    assert np.abs(counts - p).max() < 0.03          # 4 standard deviations of a half


def test_a_sample_ends_before_its_stop_and_the_others_go_on():
    model = model_of(scale=3.0)
    free = generate(model, [1], 15, n_samples=3, seed=2)
    stop = free[0][6:8]
    first = next(i for i in range(14) if free[0][i : i + 2] == stop)
    ended = generate(model, [1], 15, n_samples=3, seed=2, stop=[stop])
    assert ended[0] == free[0][:first]
    for got, ids in zip(ended, free, strict=True):
        places = [i for i in range(14) if ids[i : i + 2] == stop]
        assert got == (ids[: places[0]] if places else ids)
    assert generate(model, [1], 15, seed=2, stop=[free[0][0]]) == [[]]


def test_dropout_is_off_and_the_mode_comes_back_and_nothing_leaks_across_a_yield():
    model = model_of().train()
    tokens = stream(model, [1], 5, greedy=True)
    next(tokens)
    assert modes.current().recording
    tokens.close()
    assert model.training
    assert len({tuple(generate(model, [1], 5, greedy=True)[0]) for _ in range(3)}) == 1
    assert model.training


@pytest.mark.parametrize(
    "prompt, options, error, message",
    [
        ([], {}, ValueError, "prompt is empty"),
        ([[1, 2]], {}, ValueError, "one row of ids"),
        ([[1, 2], [3]], {}, ValueError, "several rows of different lengths: give one row of ids"),
        ([1.5], {}, TypeError, "give integers"),
        ([VOCAB], {}, IndexError, str(VOCAB)),
        ([-1], {}, IndexError, "-1"),
        ([1], {"n_samples": 0}, ValueError, "n_samples 0"),
        ([1], {"max_new_tokens": -1}, ValueError, "max_new_tokens -1"),
        ([1], {"temperature": 0}, ValueError, "greedy=True"),
        ([1], {"stop": [[]]}, ValueError, "empty stop"),
    ],
)
def test_bad_input(prompt, options, error, message):
    with pytest.raises(error, match=message):
        generate(model_of(), prompt, **{"max_new_tokens": 3, **options})


def test_a_model_that_continues_nothing_is_refused():
    bert = Bert(BertConfig(vocab_size=VOCAB, context=CONTEXT, n_layers=1, n_heads=1, d_model=4))
    classifier = SequenceClassifier(bert, 2)
    for model, use_cache in ((bert, True), (classifier, True), (classifier, False)):
        with pytest.raises(TypeError, match=f"a {type(model).__name__} does not continue a text: give a causal model"):
            generate(model, [1], 3, use_cache=use_cache)


def test_a_model_whose_mask_was_taken_off_writes_without_a_cache():
    class WithoutMask(GPT):
        causal = False

    model = WithoutMask(GPTConfig(vocab_size=VOCAB, context=CONTEXT, n_layers=1, n_heads=1, d_model=4))
    assert len(generate(model, [1], 3, use_cache=False)[0]) == 3


def test_a_stream_refuses_bad_input_at_the_call():
    with pytest.raises(ValueError, match="prompt is empty"):
        stream(model_of(), [])
    with pytest.raises(ValueError, match="top_k 0"):
        stream(model_of(), [1], top_k=0)


def test_nothing_to_write():
    assert generate(model_of(), [1], 0, n_samples=2) == [[], []]


# ---------------------------------------------------------------- text

def character_model() -> tuple[GPT, CharTokenizer]:
    tokenizer = CharTokenizer.train("abcdefg \n", special_tokens=("<bos>", "<eos>"))
    backend.manual_seed(1)
    return GPT(GPTConfig(vocab_size=tokenizer.vocab_size, context=8, n_layers=1, n_heads=2, d_model=8)), tokenizer


@pytest.mark.parametrize("stop", [[], ["a"], ["bc", "d"]])
def test_text_streams_in_pieces_that_make_the_text(stop):
    model, tokenizer = character_model()
    for seed in range(5):
        (text,) = generate_text(model, tokenizer, "abc", 40, seed=seed, stop=stop)
        assert "".join(stream_text(model, tokenizer, "abc", 40, seed=seed, stop=stop)) == text
        assert not any(word in text for word in stop)
        assert "<" not in text


def test_text_is_the_same_with_and_without_the_cache():
    model, tokenizer = character_model()
    for seed in range(3):
        texts = [generate_text(model, tokenizer, "abc", 30, seed=seed, n_samples=2, use_cache=use) for use in (True, False)]
        assert texts[0] == texts[1]
        assert "".join(stream_text(model, tokenizer, "abc", 30, seed=seed, use_cache=False)) == texts[0][0]


def test_text_ends_at_the_end_token_or_the_stop():
    model, tokenizer = character_model()
    lengths = set()
    for seed in range(8):
        ids = generate(model, tokenizer.encode("a"), 60, seed=seed)[0]
        assert tokenizer.eos_id in ids
        full = tokenizer.decode(ids[: ids.index(tokenizer.eos_id)], skip_special=True)
        assert generate_text(model, tokenizer, "a", 60, seed=seed) == [full]
        if word := full[4:6]:
            assert generate_text(model, tokenizer, "a", 60, seed=seed, stop=[word]) == [full[: full.index(word)]]
        lengths.add(len(full))
    assert max(lengths) > 6


def test_characters_of_several_tokens_come_whole():
    tokenizer = ByteBPETokenizer.train("語", 262)
    backend.manual_seed(0)
    model = GPT(GPTConfig(vocab_size=tokenizer.vocab_size, context=8, n_layers=1, n_heads=2, d_model=8))
    for seed in range(3):
        pieces = list(stream_text(model, tokenizer, "語語", 60, seed=seed))
        assert "".join(pieces) == generate_text(model, tokenizer, "語語", 60, seed=seed)[0]
        assert all(pieces), "no empty pieces"


def test_an_empty_prompt_is_the_start_token():
    model, tokenizer = character_model()
    ids = generate(model, [tokenizer.bos_id], 20, seed=0, stop=[tokenizer.eos_id])[0]
    assert generate_text(model, tokenizer, "", 20, seed=0) == [tokenizer.decode(ids, skip_special=True)]
    bare = CharTokenizer.train("abc", special_tokens=())
    with pytest.raises(ValueError, match="no start token <bos>"):
        generate_text(model, bare, "")
    assert prompt_ids(model, tokenizer, "ab") == tokenizer.encode("ab")


def test_of_a_long_prompt_only_the_last_logits_are_computed():
    model = model_of()
    shapes = []
    forward = model.forward
    model.forward = lambda ids, *args, **kwargs: shapes.append(ids.shape) or forward(ids, *args, **kwargs)
    generate(model, [1, 2, 3, 4, 5], 3, n_samples=2, greedy=True)
    assert shapes == [(1, 1), (2, 1), (2, 1)]


def test_several_texts():
    model, tokenizer = character_model()
    three = generate_text(model, tokenizer, "ab", 30, n_samples=3, seed=0)
    assert len(set(three)) == 3
    assert generate_text(model, tokenizer, "ab", 30, seed=0) == three[:1]


def test_two_streams_of_one_model_do_not_disturb_each_other():
    """Each step puts dropout off and the mode back, whoever steps next."""
    model = model_of().train()
    alone = [generate(model, prompt, 6, greedy=True)[0] for prompt in ([1, 2], [1, 2, 3])]
    one, two = (stream(model, prompt, 6, greedy=True) for prompt in ([1, 2], [1, 2, 3]))
    got = [[next(one)], [next(two)]]
    assert model.training
    got[0] += one
    got[1] += two
    assert got == alone and model.training


@pytest.mark.parametrize("call, said", [
    (lambda model: generate(model, [1], stop=5), r"stop=5 is one: write stop=\[5\]"),
    (lambda model: generate(model, [1], stop="ab"), r"stop='ab' is one: write"),
    (lambda model: generate(model, [1], stop=["ab"]), "stop 'ab' is text, and ids are compared"),
    (lambda model: generate_text(model, CharTokenizer.train(["abcdefgh"]), "a", stop="b"), r"stop='b' is one string"),
])
def test_stops_of_another_kind_are_refused(call, said):
    with pytest.raises(TypeError, match=said):
        call(model_of())


def test_broken_weights_are_no_text():
    model = model_of()
    with no_grad():
        model.embedding.weight += np.nan
    for greedy in (True, False):
        with pytest.raises(FloatingPointError, match="the model's weights are broken"):
            generate(model, [1], 2, greedy=greedy)
