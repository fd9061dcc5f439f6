"""Each part of a tokenizer.json against Hugging Face's `tokenizers`, in any combination.

The model in the middle has a token for each byte and nothing else, so ids and offsets show the text after
normalising byte by byte, and where each byte came from; and how many tokens each word has shows the cuts.
"""

from __future__ import annotations

import json
from itertools import groupby
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from tests.tokenizers.charsmaps import EXAMPLE
from tests.tokenizers.unicode_text import KNOWN, texts
from tinyllm.tokenizers.pipeline import PipelineTokenizer

BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
CL100K = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
O200K = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
    r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
PATTERNS = [
    CL100K, O200K, r"\s+", r"\d", r"\w+", r"\W", r"[^\w\s]|_", r"\p{P}", r"[\p{S}\p{Zs}]+", r"\bx|x\b", r"(?<=a).", r"$", r"^",
    r"(?=[A-Z])", r"\P{L}{2}", r"[^\p{^L}a-z]+", r"[\x{4e00}-\x{9fff}\u00e9]", r"\t|\x20(?=\S)", r"(?>a+)b?",
    r"e\p{M}*+", r"[\]\-x]",
]  # fmt: skip
BEHAVIORS = ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]

NORMALIZERS = st.sampled_from(
    [
        normalizers.NFC(), normalizers.NFD(), normalizers.NFKC(), normalizers.NFKD(), normalizers.Lowercase(),
        normalizers.Nmt(),
        normalizers.StripAccents(), normalizers.Strip(), normalizers.Strip(left=False), normalizers.Strip(right=False),
        normalizers.Replace("a", ""), normalizers.Replace("the", "é"), normalizers.Replace(Regex(r"\s+"), " "),
        normalizers.Replace(Regex(" {2,}"), "▁▁"), normalizers.Prepend("▁"), normalizers.Prepend("ab"),
        normalizers.BertNormalizer(), normalizers.BertNormalizer(clean_text=False, strip_accents=False),
        normalizers.Precompiled(EXAMPLE), normalizers.ByteLevel(),
    ]
)  # fmt: skip
PRE_TOKENIZERS = st.one_of(
    st.sampled_from(
        [
            pre_tokenizers.BertPreTokenizer(), pre_tokenizers.Whitespace(), pre_tokenizers.WhitespaceSplit(),
            pre_tokenizers.Digits(), pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.CharDelimiterSplit("x"),
            pre_tokenizers.ByteLevel(), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            *(pre_tokenizers.Metaspace(prepend_scheme=s, split=p) for s in ("always", "first", "never") for p in (True, False)),
        ]
    ),
    st.builds(pre_tokenizers.Punctuation, st.sampled_from(BEHAVIORS)),
    st.builds(
        pre_tokenizers.Split, st.sampled_from(PATTERNS).map(Regex) | st.sampled_from(["the", " ", "."]),
        st.sampled_from(BEHAVIORS), st.booleans(),
    ),
)  # fmt: skip


def pair_of(normalizer: Any, pre_tokenizer: Any) -> tuple[PipelineTokenizer, Tokenizer]:
    theirs = Tokenizer(models.BPE({token: i for i, token in enumerate(BYTES)}, [], byte_fallback=True))
    if normalizer:
        theirs.normalizer = normalizer
    if pre_tokenizer:
        theirs.pre_tokenizer = pre_tokenizer
    theirs.add_tokens(["x1", "NAÏVE"])
    return PipelineTokenizer(json.loads(theirs.to_str())), theirs


def assert_same(pair: tuple[PipelineTokenizer, Tokenizer], text: str) -> None:
    ours, theirs = pair
    expected = theirs.encode(text)
    got = ours.encoding(text)
    assert got.ids == expected.ids
    assert got.offsets == expected.offsets
    words = [1 if known is not None else len(piece.text.encode()) for piece, known in ours._stretches(text, True)]
    assert words == [len(list(word)) for _, word in groupby(expected.word_ids)]


@settings(max_examples=1500)
@given(st.lists(NORMALIZERS, min_size=1, max_size=3), texts())
def test_normalizers(steps: list[Any], text: str) -> None:
    assert_same(pair_of(normalizers.Sequence(steps), None), text)


@settings(max_examples=1500)
@given(st.lists(PRE_TOKENIZERS, min_size=1, max_size=3), texts())
def test_pre_tokenizers(steps: list[Any], text: str) -> None:
    assert_same(pair_of(None, pre_tokenizers.Sequence(steps)), text)


@settings(max_examples=1500)
@given(st.lists(NORMALIZERS, max_size=2), st.lists(PRE_TOKENIZERS, max_size=2), texts())
def test_both(first: list[Any], second: list[Any], text: str) -> None:
    assert_same(pair_of(normalizers.Sequence(first), pre_tokenizers.Sequence(second)), text)


@pytest.mark.parametrize("pattern", PATTERNS)
@given(text=texts())
def test_patterns(pattern: str, text: str) -> None:
    assert_same(pair_of(None, pre_tokenizers.Split(Regex(pattern), "isolated")), text)


@pytest.mark.parametrize(
    "part",
    [
        normalizers.BertNormalizer(), normalizers.NFKC(), normalizers.NFD(), normalizers.StripAccents(),
        normalizers.Lowercase(), pre_tokenizers.BertPreTokenizer(), pre_tokenizers.Whitespace(), pre_tokenizers.Digits(),
        pre_tokenizers.ByteLevel(),
        pre_tokenizers.Split(Regex(O200K), "isolated"),
    ],
)  # fmt: skip
def test_every_character_that_all_tables_know(part: Any) -> None:
    is_normalizer = isinstance(part, normalizers.Normalizer)
    pair = pair_of(part, None) if is_normalizer else pair_of(None, part)
    for i in range(0, len(KNOWN), 500):
        assert_same(pair, "a".join(KNOWN[i : i + 500]) + " ")
