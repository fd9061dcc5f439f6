"""Dialogues: every token is read, replies alone are learned, to the token."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.support import check_keys, check_source, epoch, rows
from tinyllm.data import Dialogues

PAD = 0
TEXT = st.text(st.sampled_from("abcé漢 "), min_size=1, max_size=8)
DIALOGUES = st.lists(
    st.lists(TEXT, min_size=2, max_size=6).map(
        lambda texts: tuple(
            {"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(texts[: len(texts) // 2 * 2])
        )
    ),
    min_size=1, max_size=8,
)


def render(dialogue):
    """<user>text|<assistant>text| where a reply's sign | is the model's to say."""
    for message in dialogue:
        yield f"<{message['role']}>", False
        yield message["content"] + "|", message["role"] == "assistant"


def encode(text):
    return [ord(character) for character in text]


def make(dialogues, max_length=100, seed=0):
    return Dialogues(dialogues, render, encode, 3, max_length, PAD, seed)


def contents(batches):
    return [
        (row, tuple(targets[: len(row)].tolist()))
        for batch in batches for row, targets in zip(rows([batch]), batch["targets"], strict=True)
    ]


@given(DIALOGUES, st.integers(0, 2**40), st.integers(0, 9))
def test_every_dialogue_once_an_epoch(dialogues, seed, number):
    check_source(lambda seed: make(dialogues, 100, seed), contents, seed, number)
    for batch in epoch(make(dialogues), number):
        check_keys(batch, "ids", "targets", "attention_mask")
        assert (batch["targets"][~batch["attention_mask"]] == -100).all()


@given(DIALOGUES, st.integers(1, 80))
def test_targets_are_the_replies_one_place_ahead(dialogues, max_length):
    expected, cut = [], 0
    for dialogue in dialogues:
        text = "".join(piece for piece, _ in render(dialogue))
        said = "".join(("1" if reply else "0") * len(piece) for piece, reply in render(dialogue))
        targets = [ord(c) if s == "1" else -100 for c, s in zip(text[1:], said[1:], strict=True)][:max_length]
        if set(targets) != {-100}:
            expected.append((tuple(encode(text[:-1][:max_length])), tuple(targets)))
            cut += len(text) - 1 > max_length
    if not expected:
        with pytest.raises(ValueError, match="no reply within max_length"):
            make(dialogues, max_length)
        return
    source = make(dialogues, max_length)
    assert contents(list(source.evaluation())) == expected
    assert source.cut == cut and source.left_out == len(dialogues) - len(expected)


def test_what_just_fits_is_not_cut():
    dialogue = ({"role": "user", "content": "a"}, {"role": "assistant", "content": "b"})
    n = len("".join(text for text, _ in render(dialogue))) - 1
    for max_length, cut in ((n, 0), (n - 1, 1)):
        source = Dialogues([dialogue], render, encode, 1, max_length, PAD)
        assert source.cut == cut and source.batch(0)["ids"].shape == (1, n - cut)


def test_sizes_are_checked():
    dialogue = ({"role": "user", "content": "a"}, {"role": "assistant", "content": "b"})
    with pytest.raises(ValueError, match="batch_size 3 and max_length 0: both are at least 1"):
        make([dialogue], 0)
    assert np.array_equal(make([dialogue]).batch(0)["targets"][0, -2:], encode("b|"))
