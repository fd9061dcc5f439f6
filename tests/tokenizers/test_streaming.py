"""Text while its tokens are still coming."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tokenizers.support import CORPUS, TEXT
from tinyllm.tokenizers import ByteBPETokenizer, CharTokenizer, StreamDecoder

BPE = ByteBPETokenizer.train(CORPUS, 360)
CHARACTERS = CharTokenizer.train(CORPUS)
# Bytes that begin, continue and break characters, surrogates (ED A0) and what only looks like them.
STRAY = st.sampled_from([0xED, 0xA0, 0x80, 0xC3, 0xA9, 0xF0, 0x9F, 0x98, 0xE6, 0x41, 0xFF, 0xBD, 0x9F, BPE.mask_id])


def stream(tokenizer, ids, **options):
    decoder = StreamDecoder(tokenizer, **options)
    return [decoder.push(i) for i in ids] + [decoder.finish()]


@given(
    st.lists(STRAY, max_size=20) | st.lists(st.integers(0, BPE.vocab_size - 1), max_size=30) | TEXT.map(BPE.encode),
    st.booleans(),
)
def test_all_answers_together_are_the_text(ids, skip_special):
    assert "".join(stream(BPE, ids, skip_special=skip_special)) == BPE.decode(ids, skip_special)


@given(TEXT)
def test_what_was_said_is_never_taken_back(text):
    """Each answer is as long as it can be: the complete characters of the bytes so far, and not one more."""
    answers = stream(BPE, BPE.encode(text))
    said = sent = b""
    for token_id, answer in zip(BPE.encode(text), answers, strict=False):
        sent += BPE.id_to_piece(token_id)
        said += answer.encode("utf-8", "surrogatepass")
        assert sent.startswith(said) and len(sent) - len(said) < 4
    assert answers[-1] == ""


def test_a_character_comes_when_its_last_byte_is_there():
    assert stream(ByteBPETokenizer([]), "aé語😀".encode()) == ["a", "", "é", "", "", "語", "", "", "", "😀", ""]


def test_what_cannot_become_a_character_comes_at_once():
    decoder = StreamDecoder(ByteBPETokenizer([]))
    assert [decoder.push(i) for i in b"\xe8\xaaA\xff"] == ["", "", "\ufffdA", "\ufffd"]


def test_finish_tells_of_the_unfinished_and_starts_again():
    decoder = StreamDecoder(ByteBPETokenizer([]))
    assert decoder.push(0xE8) == ""
    assert decoder.finish() == "\ufffd"
    assert decoder.finish() == ""
    assert decoder.push(0x41) == "A"


def test_special_tokens_show_or_not():
    ids = [65, BPE.mask_id, 66, BPE.eos_id]
    assert stream(BPE, ids) == ["A", "<mask>", "B", "<eos>", ""]
    assert stream(BPE, np.array(ids), skip_special=True) == ["A", "", "B", "", ""]


def test_characters_come_one_by_one():
    assert stream(CHARACTERS, CHARACTERS.encode("naïve 東;")) == ["n", "a", "ï", "v", "e", " ", "東", ";", ""]


@pytest.mark.parametrize("skip_special", [True, False])
def test_ids_outside_the_vocabulary(skip_special):
    for bad in (-1, 360):
        with pytest.raises(IndexError, match=f"token id {bad} "):
            StreamDecoder(BPE, skip_special).push(bad)
