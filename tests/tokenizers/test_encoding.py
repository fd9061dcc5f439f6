"""Tokens with their places in the text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tokenizers.support import CORPUS, TEXT
from tinyllm.tokenizers import SPECIAL_TOKENS, ByteBPETokenizer, CharTokenizer
from tinyllm.tokenizers.encoding import spans_of_bytes

BPE = ByteBPETokenizer.train(CORPUS, 360)
CHARACTERS = CharTokenizer.train(CORPUS)
TOKENIZERS = st.sampled_from([BPE, CHARACTERS])
NAMES = st.lists(st.sampled_from(["<mask>", "<unk>", "<sep>", "é", "fox", " the", "語"]), max_size=6).map("".join)


@given(TOKENIZERS, TEXT | NAMES, st.booleans())
def test_the_tokens_are_those_of_encode(tokenizer, text, allow_special):
    found = tokenizer.encoding(text, special=False, allow_special=allow_special)
    assert found.ids == tokenizer.encode(text, allow_special)
    assert found.tokens == [tokenizer.id_to_token(i) for i in found.ids]
    assert found.segment_ids == [0] * len(found) and found.special == [False] * len(found)


@given(TEXT | NAMES, st.booleans())
def test_offsets_are_the_characters_that_the_bytes_belong_to(text, allow_special):
    found = BPE.encoding(text, special=False, allow_special=allow_special)
    owner = [i for i, character in enumerate(text) for _ in character.encode("utf-8", "surrogatepass")]
    byte = 0
    for token_id, (start, end) in zip(found.ids, found.offsets):
        owners = owner[byte : byte + len(BPE.id_to_piece(token_id))]
        assert (start, end) == (owners[0], owners[-1] + 1)
        byte += len(owners)
    assert byte == len(owner)


@given(TEXT | NAMES, st.booleans())
def test_offsets_of_characters_cut_the_text(text, allow_special):
    found = CHARACTERS.encoding(text, special=False, allow_special=allow_special)
    pieces = [text[start:end] for start, end in found.offsets]
    assert "".join(pieces) == text
    for token, piece in zip(found.tokens, pieces):
        assert token == piece or (token == "<unk>" and len(piece) == 1)


@given(TOKENIZERS, TEXT, TEXT)
def test_a_pair_as_bert_reads_it(tokenizer, text, pair):
    a, b = (tokenizer.encoding(each, special=False) for each in (text, pair))
    cls, sep = tokenizer.cls_id, tokenizer.sep_id
    one, two = tokenizer.encoding(text), tokenizer.encoding(text, pair)
    assert one.ids == [cls, *a.ids, sep]
    assert two.ids == [cls, *a.ids, sep, *b.ids, sep]
    assert two.tokens == ["<cls>", *a.tokens, "<sep>", *b.tokens, "<sep>"]
    assert two.offsets == [(0, 0), *a.offsets, (0, 0), *b.offsets, (0, 0)]
    assert two.segment_ids == [0] * (len(a) + 2) + [1] * (len(b) + 1)
    assert two.special == [True] + [False] * len(a) + [True] + [False] * len(b) + [True]
    unframed = tokenizer.encoding(text, pair, special=False)
    assert unframed.ids == a.ids + b.ids
    assert unframed.segment_ids == [0] * len(a) + [1] * len(b)


@pytest.mark.parametrize(
    "names, one, two",
    [
        (["<bos>", "<eos>"], "<bos> x <eos>", "<bos> x y <eos>"),
        (["<eos>", "<cls>"], "x <eos>", "x y <eos>"),
        (["<bos>"], "<bos> x", "<bos> x y"),
        ([], "x", "x y"),
        (SPECIAL_TOKENS, "<cls> x <sep>", "<cls> x <sep> y <sep>"),
    ],
)
def test_the_frame_is_made_of_what_there_is(names, one, two):
    tokenizer = ByteBPETokenizer([], names)
    assert tokenizer.encoding("x").tokens == one.split()
    found = tokenizer.encoding("x", "y")
    assert found.tokens == two.split()
    assert found.special == [token not in "xy" for token in found.tokens]
    assert found.segment_ids == sorted(found.segment_ids) and found.segment_ids[-1] == 1


def test_an_example_to_read():
    found = ByteBPETokenizer([(32, 99)], ["<cls>", "<sep>"]).encoding("a café", "é")
    assert found.tokens == ["<cls>", "a", "Ġc", "a", "f", "Ã", "©", "<sep>", "Ã", "©", "<sep>"]
    assert found.offsets == [
        (0, 0), (0, 1), (1, 3), (3, 4), (4, 5), (5, 6), (5, 6), (0, 0), (0, 1), (0, 1), (0, 0),
    ]  # fmt: skip
    assert spans_of_bytes("", []) == []


def test_only_text_is_encoded():
    for arguments in [(3,), ("text", b"bytes")]:
        with pytest.raises(TypeError, match=r"encodes text \(str\), got"):
            BPE.encoding(*arguments)
