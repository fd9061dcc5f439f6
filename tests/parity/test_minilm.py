"""MiniLM's sentence vectors against sentence-transformers': the same files, tokenizer and pooling included."""

from __future__ import annotations

import argparse

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer
from transformers.utils.logging import disable_progress_bar

from tinyllm import no_grad
from tinyllm.cli.tasks.embeddings import Embeddings
from tinyllm.data import fetched, pad_batch
from tinyllm.models import Bert, SentenceEncoder
from tinyllm.tokenizers import load

disable_progress_bar()

LONGEST = 256               # tokens that sentence-transformers reads of a text, [CLS] and [SEP] included
SENTENCES = [
    "Yes.",
    "A ferry leaves for the islands at noon.",
    "Where did I put the keys, and who moved the lamp?",
    "Der Zug nach Zürich fährt heute zwanzig Minuten später.",
    "Ma grand-mère préférait le thé très chaud, même en été.",
    "¿Quién dejó la ventana abierta anoche?",
    "Кошка спит на тёплом подоконнике.",
    "今天下午我们去河边散步。",
    "昨日は雨でしたが、今日は晴れています。",
    "القهوة جاهزة على الطاولة",
    "E-mail: anna_k@example.org, 3.50 €, 19:45 – don't   reply! 🙂\n\tThanks.",
    "The baker opens at six. " * 20,
    "Rain fell on the harbour while the pilots waited for the tide. " * 40,
]


def test_sentence_vectors():
    folder = fetched("minilm")
    if folder is None:
        pytest.skip("MiniLM is not here, and so its sentence vectors were not compared: tinyllm fetch minilm")
    theirs = SentenceTransformer(str(folder), device="cpu")
    assert theirs.max_seq_length == LONGEST
    tokenizer = load(folder)
    encoder = SentenceEncoder(Bert.from_pretrained(folder).eval(), pooling="mean", normalize=True)
    rows = [tokenizer.encoding(text, special=False).ids[: LONGEST - 2] for text in SENTENCES]
    assert len(rows[0]) < 3 and len(rows[-1]) == LONGEST - 2                    # from a word to one that is cut
    ids, mask = pad_batch([[tokenizer.cls_id, *row, tokenizer.sep_id] for row in rows], tokenizer.pad_id, LONGEST)
    with no_grad():
        together = encoder(ids, attention_mask=mask).numpy()
        alone = encoder(ids[:1, : mask[0].sum()]).numpy()
    expected = theirs.encode(SENTENCES, show_progress_bar=False)
    np.testing.assert_allclose(together, expected, rtol=0, atol=1e-5)
    np.testing.assert_allclose(alone, expected[:1], rtol=0, atol=1e-5)          # what pads a text is not seen
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1.0, rtol=0, atol=1e-5)
    assert np.abs(expected - expected[0]).max(axis=1)[1:].min() > 1e-2          # different texts, different vectors


def test_texts_that_finetune_cuts_are_read_as_theirs():
    folder = fetched("minilm")
    if folder is None:
        pytest.skip("MiniLM is not here, and so its vectors of long texts were not compared: tinyllm fetch minilm")
    theirs = SentenceTransformer(str(folder), device="cpu")
    theirs.max_seq_length = 64
    encoder = SentenceEncoder(Bert.from_pretrained(folder).eval(), pooling="mean", normalize=True)
    found = Embeddings(argparse.Namespace(max_length=64)).vectors(encoder, load(folder), SENTENCES)
    np.testing.assert_allclose(found, theirs.encode(SENTENCES, show_progress_bar=False), rtol=0, atol=1e-5)
