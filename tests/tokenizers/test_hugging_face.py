"""The files that we write mean the same to Hugging Face's `tokenizers`."""

import random

import pytest

from tests.tokenizers.support import CORPUS
from tinyllm.tokenizers import ByteBPETokenizer, CharTokenizer

pytestmark = pytest.mark.parity

ALPHABET = "ab 's'tll \n\t\r\x1c\x85_-1²½Ⅷéñ\u0301語言😀ก็\u00a0  x9'"


@pytest.mark.parametrize("cls", [ByteBPETokenizer, CharTokenizer])
def test_same_ids_and_same_text(cls, tmp_path):
    tokenizers = pytest.importorskip("tokenizers", reason="Hugging Face's tokenizers is not installed")
    corpus = CORPUS + ALPHABET
    ours = cls.train(corpus, 500) if cls is ByteBPETokenizer else cls.train(corpus)
    ours.save(tmp_path / "tokenizer.json")
    theirs = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert theirs.get_vocab_size() == ours.vocab_size
    draw = random.Random(0)
    for _ in range(3000):
        text = "".join(draw.choices(ALPHABET, k=draw.randrange(30)))
        if draw.random() < 0.1:
            text += draw.choice(ALPHABET) * draw.randrange(60, 140) + "<mask>a"
        ids = ours.encode(text, allow_special=True)
        assert theirs.encode(text).ids == ids, text
        assert theirs.decode(ids, skip_special_tokens=False) == ours.decode(ids) == text
