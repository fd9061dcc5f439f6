"""SmolLM2-135M-Instruct against Transformers on the same dequantised weights: tokens, chat, logits, what it writes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers.modeling_gguf_pytorch_utils import load_gguf_checkpoint
from transformers.utils.chat_template_utils import render_jinja_template

from tests.parity.compare import assert_equal
from tinyllm import no_grad
from tinyllm.cli.sources import chat_template, open_model
from tinyllm.data import fetched
from tinyllm.generation import Conversation, encode_chat, generate
from tinyllm.gguf import GGUF

transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()

CONTROL = 3             # llama.cpp's kind of token
NEW_TOKENS = 32
PROMPTS = [
    "The capital of France is",
    "def fibonacci(n):\n    ",
    "1, 2, 3, 5, 8, 13, 21,",
    "Once upon a time, in a village by the sea,",
    "Water boils at 100 degrees",
    "Q: Why is the sky blue?\nA:",
    "« Où est la bibliothèque ? » demanda-t-elle. 東京",
    "Dear Ms. O'Neill,\n\n\tThank you for your letter of 3 May 1998.",
]
QUESTIONS = ["What is gravity?", "Write a haiku about rain.", "Translate to French: good morning"]


@pytest.fixture(scope="module")
def file() -> Any:
    folder = fetched("smollm2")
    if folder is None:
        pytest.skip("SmolLM2 is not on this machine, so nothing here was compared: tinyllm fetch smollm2")
    (path,) = folder.glob("*.gguf")
    return path


@pytest.fixture(scope="module")
def ours(file: Any) -> Any:
    return open_model(file)


@pytest.fixture(scope="module")
def their_tokenizer(file: Any) -> Tokenizer:
    """SmolLM2's own rules, as its tokenizer.json states them, over the file's vocabulary."""
    about = GGUF(file).metadata
    tokens, merges = about["tokenizer.ggml.tokens"], about["tokenizer.ggml.merges"]
    vocab = {token: i for i, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab, [tuple(merge.split(" ")) for merge in merges]))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    special = [tokens[i] for i in np.flatnonzero(about["tokenizer.ggml.token_type"] == CONTROL)]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    return tokenizer


@pytest.fixture(scope="module")
def theirs(file: Any) -> Any:
    """Transformers' Llama with the weights as Transformers reads them from the file, dequantised by llama.cpp's package."""
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**load_gguf_checkpoint(str(file))["config"]))
    weights = load_gguf_checkpoint(str(file), return_tensors=True, model_to_load=model)["tensors"]
    assert model.load_state_dict(weights, strict=False).missing_keys == ["lm_head.weight"]       # tied
    return model.eval()


@given(st.text(max_size=40) | st.text("ab12 '\n\tsé<|im_end|>", max_size=40))
def test_tokens_of_any_text(ours: Any, their_tokenizer: Tokenizer, text: str) -> None:
    tokenizer = ours[1]
    expected = their_tokenizer.encode(text, add_special_tokens=False)
    assert tokenizer.encode(text, allow_special=True) == expected.ids
    assert tokenizer.decode(expected.ids) == their_tokenizer.decode(expected.ids, skip_special_tokens=False)


def test_tokens_of_the_prompts(ours: Any, their_tokenizer: Tokenizer) -> None:
    for text in PROMPTS + QUESTIONS:
        assert ours[1].encode(text) == their_tokenizer.encode(text).ids


@given(st.lists(st.sampled_from(QUESTIONS), min_size=1, max_size=3), st.sampled_from([None, "Be brief."]))
def test_a_conversation_as_text_and_as_tokens(
    ours: Any, their_tokenizer: Tokenizer, questions: list[str], system: str | None
) -> None:
    template = chat_template(ours[1])
    messages = [] if system is None else [{"role": "system", "content": system}]
    for question in questions:
        messages += [{"role": "user", "content": question}, {"role": "assistant", "content": "Yes."}]
    messages.pop()
    (expected,), _ = render_jinja_template([messages], chat_template=template.source, add_generation_prompt=True)
    assert template.render(messages) == expected
    assert encode_chat(ours[1], template, messages) == their_tokenizer.encode(expected, add_special_tokens=False).ids


def prompts(tokenizer: Any) -> list[list[int]]:
    template = chat_template(tokenizer)
    asked = [[{"role": "user", "content": question}] for question in QUESTIONS]
    return [*map(tokenizer.encode, PROMPTS), *(encode_chat(tokenizer, template, messages) for messages in asked)]


def test_what_it_writes_token_for_token(ours: Any, theirs: Any) -> None:
    """Transformers' greedy choice after a prompt and any number of our tokens is our next token: so, from the first on, both
    write the same. And the logits agree, of a cache's one token at a time with those of the whole."""
    model, tokenizer = ours
    for prompt in prompts(tokenizer):
        written = generate(model, prompt, NEW_TOKENS, greedy=True)[0]
        ids = np.array([prompt + written])
        with no_grad(), torch.no_grad():
            logits = theirs(torch.tensor(ids)).logits
            assert_equal(model(ids).data, logits, "logits", tolerance=1e-4)
        assert written == logits[0].argmax(-1)[len(prompt) - 1 : -1].tolist(), tokenizer.decode(prompt)


def test_what_it_answers_in_a_conversation(ours: Any, theirs: Any) -> None:
    """With the cache kept over two turns: the tokens that Transformers' own generation writes from scratch."""
    model, tokenizer = ours
    talk = Conversation(model, tokenizer, chat_template(tokenizer))
    for question in QUESTIONS[:2]:
        answer = "".join(talk.ask(question, NEW_TOKENS // 2))
        messages = talk.messages[:-1]
        ids = encode_chat(tokenizer, talk.template, messages)
        with torch.no_grad():
            row = theirs.generate(
                torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long), do_sample=False,
                max_new_tokens=NEW_TOKENS // 2, pad_token_id=2,
            )[0]
        assert answer == tokenizer.decode(row[len(ids) :].tolist(), skip_special=True)
