"""Control signs that text cannot forge."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tokenizers.support import CORPUS
from tinyllm.tokenizers import SPECIAL_TOKENS, ByteBPETokenizer, CharTokenizer

NAMES = ("<unk>", *SPECIAL_TOKENS)
BPE = ByteBPETokenizer.train(CORPUS + " <mask> <pad> [SEP]" * 50, 500, NAMES)
CHARACTERS = CharTokenizer.train(CORPUS + "<>", NAMES)
TOKENIZERS = st.sampled_from([BPE, CHARACTERS])
PIECES = st.lists(st.sampled_from([*NAMES, "a", " ", "<", ">", "pad", "<pad", "mask>", "fox"]), max_size=12)


@given(TOKENIZERS, PIECES)
def test_names_in_text_are_text(tokenizer, pieces):
    text = "".join(pieces)
    ids = tokenizer.encode(text)
    assert not set(ids) & set(tokenizer.special_ids)
    assert tokenizer.decode(ids) == text
    assert tokenizer.decode(ids, skip_special=True) == text


@given(TOKENIZERS, PIECES)
def test_names_are_signs_when_asked(tokenizer, pieces):
    text = "".join(pieces)
    expected = []
    rest = ""
    for piece in [*pieces, None]:
        if piece is None or piece in NAMES:
            expected += tokenizer.encode(rest)
            rest = ""
            expected += [] if piece is None else [tokenizer.token_to_id(piece)]
        else:
            rest += piece
    # "<" + "pad" + ">" spells a name too: only where the pieces hold all the names the text holds can they be compared.
    if sum(text.count(name) for name in NAMES) == sum(piece in NAMES for piece in pieces):
        assert tokenizer.encode(text, allow_special=True) == expected
        assert tokenizer.encode_array(text, allow_special=True).tolist() == expected
        assert tokenizer.encode_batch([text], allow_special=True) == [expected]
        assert tokenizer.decode(expected, skip_special=True) == "".join(p for p in pieces if p not in NAMES)
    assert tokenizer.decode(tokenizer.encode(text, allow_special=True)) == text


@pytest.mark.parametrize("tokenizer", [BPE, CHARACTERS])
def test_the_ids_have_names(tokenizer):
    by_attribute = [tokenizer.unk_id, tokenizer.pad_id, tokenizer.bos_id, tokenizer.eos_id]
    by_attribute += [tokenizer.mask_id, tokenizer.cls_id, tokenizer.sep_id]
    assert tuple(by_attribute) == tokenizer.special_ids
    assert [tokenizer.id_to_token(i) for i in by_attribute] == list(NAMES)
    assert by_attribute == list(range(tokenizer.vocab_size - 7, tokenizer.vocab_size))


def test_absent_special_tokens_are_none():
    tokenizer = ByteBPETokenizer([], ["<eos>"])
    assert (tokenizer.eos_id, tokenizer.pad_id, tokenizer.unk_id, tokenizer.cls_id) == (256, None, None, None)
    assert ByteBPETokenizer([]).unk_id is None
    assert ByteBPETokenizer([], []).decode([60, 61], skip_special=True) == "<="


def test_the_longer_name_wins():
    tokenizer = ByteBPETokenizer([], ["<a", "<a>b", "<a>"])
    assert tokenizer.encode("<a>b<a><a", allow_special=True) == [257, 258, 256]


def test_names_of_the_users_own():
    tokenizer = ByteBPETokenizer([], ["<|user|>", "[INST].*"])
    assert tokenizer.encode("[INST].*x<|user|>", allow_special=True) == [257, ord("x"), 256]
    assert tokenizer.encode("[INST]..", allow_special=True) == list(b"[INST]..")


@pytest.mark.parametrize("name", ["", "PAD", "#", "##", " mask", "a"])
def test_names_that_text_could_produce(name):
    for make in (lambda: ByteBPETokenizer.train(CORPUS, 400, [name]), lambda: CharTokenizer.train("abc", [name])):
        with pytest.raises(ValueError, match="could be ordinary text"):
            make()


def test_bad_lists_of_names():
    with pytest.raises(TypeError, match=r"write \('<pad>',\)"):
        ByteBPETokenizer.train(CORPUS, 400, "<pad>")
    with pytest.raises(TypeError, match="is a str, got 3"):
        ByteBPETokenizer([], [3])
    with pytest.raises(ValueError, match="repeat a name"):
        ByteBPETokenizer([], ["<pad>", "<eos>", "<pad>"])
    with pytest.raises(ValueError, match="unpaired surrogate"):
        ByteBPETokenizer([], ["<a\ud800>"])
    with pytest.raises(ValueError, match="two tokens are called 'Â¡'"):
        ByteBPETokenizer([(0xC2, 0xA1)], ["Â¡"])
