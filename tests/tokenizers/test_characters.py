"""One token for each character."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tokenizers.support import TEXT
from tinyllm.tokenizers import CharTokenizer


@given(TEXT.filter(bool))
def test_every_text_of_known_characters_comes_back(text):
    tokenizer = CharTokenizer.train(text)
    ids = tokenizer.encode(text)
    assert len(ids) == len(text)
    assert tokenizer.decode(ids) == text
    assert tokenizer.encode_array(text).tolist() == ids
    assert tokenizer.encode_array(text).dtype == np.int32


@given(TEXT.filter(bool), TEXT)
def test_unknown_characters_become_unk(known, text):
    tokenizer = CharTokenizer.train(known)
    ids = tokenizer.encode(text)
    assert [i == tokenizer.unk_id for i in ids] == [character not in known for character in text]
    assert tokenizer.decode(ids) == "".join(character if character in known else "<unk>" for character in text)
    assert tokenizer.decode(ids, skip_special=True) == "".join(c for c in text if c in known)


@given(st.lists(TEXT, min_size=1).filter(any))
def test_ids_follow_the_code_points(texts):
    tokenizer = CharTokenizer.train(texts)
    characters = [tokenizer.id_to_token(i) for i in range(tokenizer.vocab_size) if i not in tokenizer.special_ids]
    assert characters == sorted(set("".join(texts)))
    assert CharTokenizer.train("".join(reversed(texts))).as_json() == tokenizer.as_json()


def test_special_tokens_come_last():
    tokenizer = CharTokenizer.train("hello")
    assert tokenizer.encode("hello") == [1, 0, 2, 2, 3]
    assert (tokenizer.unk_id, tokenizer.pad_id, tokenizer.sep_id, tokenizer.vocab_size) == (4, 5, 10, 11)
    assert CharTokenizer.train("hello", special_tokens=[]).vocab_size == 4


def test_without_unk_the_error_names_the_character():
    tokenizer = CharTokenizer.train("abc", special_tokens=["<pad>"])
    with pytest.raises(ValueError, match=r"'é' \(U\+00E9\) is not in this vocabulary.*<unk>"):
        tokenizer.encode("abéz")


def test_nothing_to_learn():
    for texts in ("", [], ["", ""]):
        with pytest.raises(ValueError, match="no text to learn characters from"):
            CharTokenizer.train(texts)


def test_characters_only():
    with pytest.raises(ValueError, match="'cde' is not one character"):
        CharTokenizer(["a", "cde", "b"])
    with pytest.raises(TypeError, match="got int"):
        CharTokenizer.train([3])


@pytest.mark.parametrize("bad", [-1, 11])
def test_ids_outside_the_vocabulary(bad):
    with pytest.raises(IndexError, match=f"token id {bad} .* 0 to 10"):
        CharTokenizer.train("hello").decode([0, bad])
