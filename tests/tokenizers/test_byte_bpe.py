"""Byte-level byte-pair encoding: nothing is lost, nothing differs from the plain algorithm."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tokenizers.support import CORPUS, DENSE_TEXT, TEXT, naive_encode
from tinyllm.tokenizers import ByteBPETokenizer
from tinyllm.tokenizers.byte_bpe import BYTE_ALPHABET, LONGEST_PIECE, WordCache

TRAINED = ByteBPETokenizer.train(CORPUS, 360)
BYTES_ONLY = ByteBPETokenizer([])
TOKENIZERS = st.sampled_from([TRAINED, BYTES_ONLY])


@given(TOKENIZERS, TEXT)
def test_every_text_comes_back(tokenizer, text):
    assert tokenizer.decode(tokenizer.encode(text)) == text


@given(DENSE_TEXT, TEXT)
def test_encoding_applies_the_merges_in_order(corpus, text):
    tokenizer = ByteBPETokenizer.train(corpus + "ab ab", 262 + 30)
    for piece in (text, corpus, text):  # the last from the cache
        assert tokenizer.encode(piece) == naive_encode(piece, tokenizer.merges)


@given(st.lists(st.sampled_from(CORPUS.split(" ")), max_size=20).map(" ".join))
def test_encoding_applies_the_merges_in_order_to_real_words(text):
    assert TRAINED.encode(text) == naive_encode(text, TRAINED.merges)


@given(TOKENIZERS, st.data())
def test_any_ids_decode(tokenizer, data):
    ids = data.draw(st.lists(st.integers(0, tokenizer.vocab_size - 1), max_size=30))
    text = tokenizer.decode(ids)
    assert tokenizer.decode(np.array(ids, dtype=np.uint16)) == text
    assert tokenizer.decode(tokenizer.encode(text)) == text


@given(st.binary(max_size=30))
def test_bytes_that_are_not_utf8_become_replacement_characters(data):
    expected = data.decode("utf-8", "replace")
    if b"\xed" not in data:  # surrogates are the one thing that Python's "replace" does not give back
        assert TRAINED.decode(list(data)) == expected


@given(TEXT)
def test_the_ways_to_encode_agree(text):
    ids = TRAINED.encode(text)
    array = TRAINED.encode_array(text)
    assert array.dtype == np.int32 and array.shape == (len(ids),)
    assert array.tolist() == ids
    assert all(type(i) is int for i in ids)
    assert TRAINED.encode_batch([text, "", text]) == [ids, [], ids]


def test_ids_are_bytes_then_merges_then_special_tokens():
    tokenizer = ByteBPETokenizer.train("ab.ab.abc.abc", 256 + 2 + 2, ["<pad>", "<eos>"])
    assert tokenizer.merges == [(97, 98), (256, 99)]
    assert [tokenizer.id_to_piece(i) for i in (0, 97, 255, 256, 257, 258)] == [
        b"\x00", b"a", b"\xff", b"ab", b"abc", b"<pad>",
    ]  # fmt: skip
    assert (tokenizer.vocab_size, tokenizer.pad_id, tokenizer.eos_id, tokenizer.mask_id) == (260, 258, 259, None)
    assert tokenizer.special_ids == (258, 259)
    assert tokenizer.encode("abc") == [257]
    assert tokenizer.encode("abd cab") == [256, 100, 32, 99, 256]


def test_names_are_printable_and_unique():
    assert len(set(BYTE_ALPHABET)) == 256
    assert all(character.isprintable() and not character.isspace() for character in BYTE_ALPHABET)
    assert all(BYTE_ALPHABET[ord(character)] == character for character in "azAZ09!~é")
    assert BYTE_ALPHABET[ord(" ")] == "Ġ" and BYTE_ALPHABET[ord("\n")] == "Ċ"


def test_names_and_ids_belong_together():
    for i in range(TRAINED.vocab_size):
        assert TRAINED.token_to_id(TRAINED.id_to_token(i)) == i
    assert "Ġthe" in [TRAINED.id_to_token(i) for i in range(256, TRAINED.vocab_size)]
    with pytest.raises(KeyError, match="no token"):
        TRAINED.token_to_id(" the")


def test_vocab_size_is_what_was_asked_or_what_the_text_has():
    assert TRAINED.vocab_size == 360
    assert len(TRAINED.merges) == 360 - 256 - 6
    assert ByteBPETokenizer.train("abc", 4096).vocab_size == 262


def test_training_takes_one_text_or_many():
    lines = CORPUS.splitlines(keepends=True)
    assert ByteBPETokenizer.train(iter(lines), 360).merges == ByteBPETokenizer.train(lines[::-1], 360).merges
    assert ByteBPETokenizer.train([CORPUS], 360).merges == TRAINED.merges


def test_a_full_cache_starts_afresh(monkeypatch):
    monkeypatch.setattr(WordCache, "limit", 3)
    tokenizer = ByteBPETokenizer(TRAINED.merges)
    sizes = []
    for character in "abcdefgh":
        assert tokenizer.encode(character) == TRAINED.encode(character)
        sizes.append(len(tokenizer._words))
    assert sizes == [1, 2, 3, 1, 2, 3, 1, 2]
    assert tokenizer.encode(CORPUS) == TRAINED.encode(CORPUS)


def test_threads_share_a_tokenizer(monkeypatch):
    monkeypatch.setattr(WordCache, "limit", 5)
    tokenizer = ByteBPETokenizer(TRAINED.merges)
    expected = TRAINED.encode(CORPUS)
    with ThreadPoolExecutor(4) as pool:
        assert all(ids == expected for ids in pool.map(tokenizer.encode, [CORPUS] * 40))


def test_a_long_word_stays_in_pieces():
    letter = "𠀀"  # four bytes
    text = (" " + letter * 100) * 2
    tokenizer = ByteBPETokenizer.train(text, 10_000)
    assert max(len(tokenizer.id_to_piece(i)) for i in range(256, tokenizer.vocab_size)) == LONGEST_PIECE == 257
    assert tokenizer.decode(tokenizer.encode(text)) == text


@pytest.mark.parametrize("corpus", ["", [], ["", ""]])
def test_no_text_to_train_on(corpus):
    with pytest.raises(ValueError, match="no text to learn merges from"):
        ByteBPETokenizer.train(corpus, 300)


def test_too_small_a_vocabulary():
    with pytest.raises(ValueError, match=r"vocab_size 261 is too small: 256 bytes and 6 special tokens need .* 262"):
        ByteBPETokenizer.train("text", 261)
    assert ByteBPETokenizer.train("text text", 262).merges == []
    assert ByteBPETokenizer.train("text text", 256, []).special_ids == ()


def test_texts_must_be_str():
    with pytest.raises(TypeError, match=r"learns from text .*got bytes"):
        ByteBPETokenizer.train(["good", b"bad"], 300)
    with pytest.raises(TypeError, match=r"encodes text .*got bytes"):
        TRAINED.encode(b"bytes")
    with pytest.raises(TypeError, match=r"encodes text .*got NoneType"):
        TRAINED.encode_array(None)
    with pytest.raises(TypeError, match="several texts"):
        TRAINED.encode_batch("one text")


@pytest.mark.parametrize("bad", [-1, 360, 10**9])
def test_ids_outside_the_vocabulary(bad):
    for use in (lambda: TRAINED.decode([5, bad]), lambda: TRAINED.id_to_token(bad), lambda: TRAINED.id_to_piece(bad)):
        with pytest.raises(IndexError, match=rf"token id {bad} .* ids are 0 to 359"):
            use()
    assert TRAINED.decode([0, 359]) == "\0<sep>"


def test_ids_that_are_no_row_of_integers():
    with pytest.raises(ValueError, match=r"one row of ids, got shape \(2, 3\)"):
        TRAINED.decode(np.zeros((2, 3), dtype=int))
    with pytest.raises(TypeError, match="integers, got dtype float64"):
        TRAINED.decode([1.0, 2.0])
    with pytest.raises(TypeError, match="integers, got dtype bool"):
        TRAINED.decode(np.array([True]))


@pytest.mark.parametrize("merges", [[(256, 97)], [(97, 98), (97, 257)], [(-1, 97)]])
def test_merges_use_what_was_made_before(merges):
    with pytest.raises(ValueError, match="comes too early"):
        ByteBPETokenizer(merges)


def test_merges_that_make_one_token_twice():
    with pytest.raises(ValueError, match="two tokens are called 'abc'"):
        ByteBPETokenizer([(97, 98), (98, 99), (256, 99), (97, 257)])


def test_merges_do_not_grow_without_bound():
    doubling = [(97, 97), *((256 + i, 256 + i) for i in range(60))]
    with pytest.raises(ValueError, match=f"more than {LONGEST_PIECE} bytes"):
        ByteBPETokenizer(doubling)
