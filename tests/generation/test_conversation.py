"""A conversation: the same words as from scratch, no token read twice, and what happens when the context is full."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.nn.support import shaken
from tinyllm.generation import PLAIN, ChatTemplate, Conversation, Sampling, encode_chat, generate
from tinyllm.models import GPT, GPTConfig
from tinyllm.tokenizers import ByteBPETokenizer

TOKENIZER = ByteBPETokenizer([])            # a byte a token, and the special ones
SIGNS = {"bos_token": "<bos>", "eos_token": "<eos>"}
TEMPLATE = ChatTemplate(PLAIN, **SIGNS)
BEGIN = len("?user\n?\n?assistant\n")       # tokens around a message of none


def gpt(seed=0, context=200):
    config = GPTConfig(TOKENIZER.vocab_size, context, n_layers=2, n_heads=2, d_model=8, positions="rotary")
    model = shaken(GPT(config), np.random.default_rng(seed))
    for parameter in model.layers.parameters():
        parameter.data *= 5                             # so that what it read decides what it writes
    return model


class Reading(GPT):
    """A GPT that counts the tokens it reads."""

    read = 0

    def hidden(self, ids, *args, **kwargs):
        self.read += ids.shape[1]
        return super().hidden(ids, *args, **kwargs)


@settings(max_examples=25)
@given(st.integers(0, 99), st.lists(st.text("abé <eos>", max_size=9), min_size=1, max_size=3), st.integers(1, 9))
def test_answers_are_those_of_the_whole_conversation_from_scratch(seed, asked, n):
    model = gpt(seed, context=400).train()
    talk = Conversation(model, TOKENIZER, TEMPLATE, system="Be <bos>.")
    messages = [{"role": "system", "content": "Be <bos>."}]
    for content in asked:
        messages.append({"role": "user", "content": content})
        answer = "".join(talk.ask(content, n))
        ids = encode_chat(TOKENIZER, TEMPLATE, messages)
        expected = generate(model, ids, n, greedy=True)[0]
        ended = next((i for i, token in enumerate(expected) if token in TOKENIZER.special_ids), n)
        assert answer.encode() == b"".join(map(TOKENIZER.id_to_piece, expected[:ended])).decode("utf-8", "replace").encode()
        assert talk.complete == (ended < n)
        messages.append({"role": "assistant", "content": answer})
        assert talk.messages == messages and model.training


def words(model):
    """The model with weights under which it says letters, which come back as they were written."""
    model.embedding.weight.data[: ord("a")] = 0
    model.embedding.weight.data[ord("z") + 1 :] = 0
    return model


def test_only_new_tokens_are_read():
    model = gpt()
    model.__class__ = Reading
    talk = Conversation(words(model), TOKENIZER, TEMPLATE)
    first = "".join(talk.ask("hello", 5))
    assert len(first) == 5 and model.read == BEGIN + 5 + 4          # the answer's last token was not read yet
    list(talk.ask("and", 1))
    assert model.read == BEGIN + 5 + 5 + len("?\n") + BEGIN + len("and")
    talk.reset()
    model.read = 0
    list(talk.ask("hello", 1))
    assert model.read == BEGIN + 5


def test_the_oldest_turns_are_dropped_when_the_context_is_full():
    model = words(gpt(context=120))
    talk = Conversation(model, TOKENIZER, TEMPLATE, system="S")
    for turn in range(6):
        list(talk.ask(f"question {turn}", 10))
        contents = [message["content"] for message in talk.messages]
        assert contents[0] == "S" and contents[-2] == f"question {turn}" and len(contents[-1]) == 10
        assert talk.dropped == (0 if turn < 2 else 2)
        assert len(TEMPLATE.render(talk.messages, False).replace("<bos>", "?").replace("<eos>", "?")) <= 120


def test_an_answer_ends_where_the_context_does():
    talk = Conversation(words(gpt(context=60)), TOKENIZER, TEMPLATE)
    answer = "".join(talk.ask("a" * 10, 1000))
    assert len(answer) == 60 - BEGIN - 10 + 1 and not talk.complete


def test_a_message_that_does_not_fit_changes_nothing():
    talk = Conversation(gpt(context=60), TOKENIZER, TEMPLATE, system="S")
    list(talk.ask("a", 4))
    before = list(talk.messages)
    with pytest.raises(ValueError, match=r"the message makes .* tokens, and 56 have room"):
        talk.ask("a" * 60, 4)
    with pytest.raises(ValueError, match="at least 1"):
        talk.ask("a", 0)
    assert talk.messages == before and talk.dropped == 0


def test_an_answer_that_is_stopped_is_what_was_said():
    model = words(gpt())
    talk, other = (Conversation(model, TOKENIZER, TEMPLATE) for _ in range(2))
    pieces = talk.ask("hello", 50)
    said = "".join(itertools.islice(pieces, 3))
    pieces.close()
    assert talk.messages[-1] == {"role": "assistant", "content": said} and not talk.complete
    assert "".join(other.ask("hello", 3)) == said
    assert "".join(talk.ask("go on", 5)) == "".join(other.ask("go on", 5))


def test_ctrl_c_in_the_middle_of_a_step_leaves_the_cache_right(monkeypatch):
    model = words(gpt())
    talk, other = (Conversation(model, TOKENIZER, TEMPLATE) for _ in range(2))
    pieces = talk.ask("hello", 50)
    said = "".join(itertools.islice(pieces, 3))
    last = talk._cache[1]

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(last, "append_one", interrupted)
        with pytest.raises(KeyboardInterrupt):
            next(pieces)
    assert talk.messages[-1]["content"] == said
    list(other.ask("hello", 3))
    assert "".join(talk.ask("go on", 5)) == "".join(other.ask("go on", 5))


def test_chance_is_in_the_seed():
    def answers(seed):
        talk = Conversation(gpt(), TOKENIZER, TEMPLATE, sampling=Sampling(temperature=2.0), seed=seed)
        return ["".join(talk.ask(text, 8)) for text in ("a", "b")]

    assert answers(1) == answers(1) != answers(2)
