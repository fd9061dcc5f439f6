"""What a task starts from: how a text is framed and cut, and how long it may be."""

from __future__ import annotations

import argparse

import numpy as np

from tests.cli.task_data import labelled
from tinyllm.cli.tasks import find
from tinyllm.cli.tasks.starts import closed, fit_lengths, framed, trunk
from tinyllm.generation import Hypothesis
from tinyllm.models import GPT, Bert, BertConfig, GPTConfig, SentenceEncoder, Seq2Seq, Seq2SeqConfig
from tinyllm.tokenizers import ByteBPETokenizer

SIZES = {"vocab_size": 262, "context": 8, "n_layers": 1, "n_heads": 1, "d_model": 4}


def test_a_text_is_framed_as_the_trunk_met_texts():
    tokenizer, sizes = ByteBPETokenizer.train("a few words", 262), SIZES
    plain, full = Bert(BertConfig(**sizes)), Bert(BertConfig(**sizes, n_segments=2))
    assert framed(plain, tokenizer, "few", 8) == [tokenizer.bos_id, *tokenizer.encode("few")]
    assert framed(SentenceEncoder(full), tokenizer, "few", 8) == [tokenizer.cls_id, *tokenizer.encode("few"), tokenizer.sep_id]
    bare = ByteBPETokenizer.train("a few words", 258, special_tokens=("<cls>", "<sep>"))
    assert framed(plain, bare, "few", 8) == bare.encoding("few").ids
    assert trunk(None, SentenceEncoder(full), tokenizer) is full


def test_a_long_text_is_cut_and_then_closed():
    tokenizer = ByteBPETokenizer.train("a", 262)                                 # a token a byte
    cls, sep, a, b = tokenizer.cls_id, tokenizer.sep_id, *tokenizer.encode("ab")
    row = tokenizer.encoding("abab")
    assert [closed(row, n) for n in (7, 6, 5, 4, 3, 2, 1)] == [
        *[[cls, a, b, a, b, sep]] * 2, [cls, a, b, a, sep], [cls, a, b, sep], [cls, a, sep], [cls, sep], [sep]
    ]
    for plain in (tokenizer.encoding("abab", special=False), tokenizer.encoding("", special=False)):
        assert closed(plain, 3) == plain.ids and closed(plain, -1) == plain.ids
    ends_in_a_sign = tokenizer.encoding("ab<sep>", special=False, allow_special=True)
    assert closed(ends_in_a_sign, 2) == [a, b, sep]                             # the text's own, no frame
    args = argparse.Namespace(batch=4, max_length=4, max_source=4, max_target=3, seed=0, hide_share=0.0, task="translation")
    bert = SentenceEncoder(Bert(BertConfig(**SIZES, n_segments=2)))
    table, pairs = labelled([(0, "abab"), (1, "a")]), [("abab", "abab"), ("a", "b"), ("ab", "ba")]
    long, short = [cls, a, b, sep], [cls, a, sep]

    def read(name: str, rows: object, model: object, ids: str = "ids", mask: str = "attention_mask") -> list[list[int]]:
        batch = next(find(name)(args).batches(rows, model, tokenizer, None).evaluation())
        return [row[seen].tolist() for row, seen in zip(batch[ids], batch[mask], strict=True)]

    assert read("classification", table, bert) == [long, short]
    assert read("embeddings", pairs, bert) == [long, short, long]
    assert read("embeddings", pairs, bert, "other_ids", "other_mask") == [long, [cls, b, sep], [cls, b, a, sep]]
    causal = GPT(GPTConfig(**SIZES))
    assert read("classification", table, causal)[0] == [tokenizer.bos_id, a, b, a]
    model = Seq2Seq(Seq2SeqConfig(**SIZES, start_id=tokenizer.bos_id))
    assert read("translation", pairs, model) == [long, short, long]
    source = find("translation")(args).batches(pairs, model, tokenizer, None)
    assert (source.cut_sources, source.cut_targets) == (1, 1)


def test_what_the_model_writes_and_the_vectors_are_of_closed_texts(monkeypatch):
    tokenizer, asked = ByteBPETokenizer.train("a", 262), []
    args = argparse.Namespace(max_length=4, max_source=4, max_target=3, beams=1)
    encoder = SentenceEncoder(Bert(BertConfig(**SIZES, n_segments=2)).eval())
    alike, other, _ = find("embeddings")(args).vectors(encoder, tokenizer, ["abab", "ab", "ba"])
    np.testing.assert_array_equal(alike, other)

    def search(model: object, rows: list[list[int]], *_: object, **__: object) -> list[list[Hypothesis]]:
        asked.extend(rows)
        return [[Hypothesis([], 0.0, 0.0, True)]] * len(rows)

    monkeypatch.setattr("tinyllm.cli.tasks.translation.beam_search_batch", search)
    assert find("translation")(args).write(None, tokenizer, ["abab", "ab"]) == ["", ""]
    assert asked == [tokenizer.encoding("ab").ids] * 2


def test_lengths_that_were_not_given_are_those_of_the_model():
    model = SentenceEncoder(Bert(BertConfig(**SIZES)))
    args = argparse.Namespace(max_source=64, max_target=5, context=32, given={"max_target"})
    fit_lengths(args, model)
    assert (args.max_source, args.max_target) == (8, 5)
    args = argparse.Namespace(max_length=64, context=32, given={"max_length"})
    fit_lengths(args, None)
    assert args.max_length == 64                                                # what was given stays, and is refused
    args.given = set()
    fit_lengths(args, None)
    assert args.max_length == 32
