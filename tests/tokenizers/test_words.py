"""Cutting text into words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tokenizers.support import ANY_TEXT, TEXT
from tinyllm.tokenizers.words import LONGEST_RUN, WORD, split_words

EXAMPLES = [
    ("I don't know 42 things!", ["I", " don", "'t", " know", " 42", " things", "!"]),
    ("we'll they've you're", ["we", "'ll", " they", "'ve", " you", "'re"]),
    ("she's he'd I'm 'x", ["she", "'s", " he", "'d", " I", "'m", " '", "x"]),
    ("a  b", ["a", " ", " b"]),
    ("a   b", ["a", "  ", " b"]),
    ("a \n b", ["a", " \n", " b"]),
    ("a\nb", ["a", "\n", "b"]),
    ("a\n\nb", ["a", "\n", "\n", "b"]),
    ("end  ", ["end", "  "]),
    ("    return x", ["   ", " return", " x"]),
    ("snake_case x1y22", ["snake", "_", "case", " x", "1", "y", "22"]),
    ("f(x)->y", ["f", "(", "x", ")->", "y"]),
    ("… —naïve", ["…", " —", "naïve"]),
    ("東京 行く", ["東京", " 行く"]),
    ("x²+½", ["x²", "+", "½"]),
]


@pytest.mark.parametrize(("text", "words"), EXAMPLES)
def test_examples(text, words):
    assert list(split_words(text)) == words


@given(TEXT)
def test_words_joined_are_the_text(text):
    assert "".join(split_words(text)) == text


@given(st.text("ab '\n\t1.é\x1c", max_size=120), st.integers(1, 20))
def test_the_chunk_makes_no_difference(text, chunk):
    assert list(split_words(text, chunk)) == WORD.findall(text)


@given(ANY_TEXT)
def test_no_word_mixes_kinds(text):
    for word in split_words(text):
        body = word.removeprefix(" ") or word
        kinds = {(c.isspace(), c.isdecimal(), c.isalnum()) for c in body}
        assert len(kinds) == 1 or word in ("'s", "'d", "'m", "'t", "'ll", "'ve", "'re"), word


@pytest.mark.parametrize("character", ["a", "7", "-", "_", "\n", "語"])
@pytest.mark.parametrize("length", [LONGEST_RUN - 1, LONGEST_RUN, LONGEST_RUN + 1, 5 * LONGEST_RUN])
def test_long_runs_are_cut(character, length):
    words = list(split_words(character * length))
    assert [len(word) for word in words[:-1]] == [LONGEST_RUN] * ((length - 1) // LONGEST_RUN)
    assert "".join(words) == character * length


def test_the_longest_run_is_part_of_the_saved_rule():
    """Another length splits other words: tokenizers saved before would encode differently."""
    assert list(split_words("a" * 65)) == ["a" * 64, "a"]


@pytest.mark.parametrize("length", [LONGEST_RUN, LONGEST_RUN + 1, 2 * LONGEST_RUN + 1])
def test_the_last_space_of_a_long_run_joins_the_word(length):
    assert list(split_words(" " * length + "x"))[-1] == " x"
