"""Regular expressions of tokenizer files, translated."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyllm.tokenizers.pipeline import unicode
from tinyllm.tokenizers.pipeline.patterns import Pattern, _compiled, literal
from tinyllm.tokenizers.pipeline.pre_tokenizers import GPT2_WORD

EXAMPLES = [
    (GPT2_WORD, "I've 12 naïve  語, x", ["I", "'ve", " 12", " naïve", " ", " 語", ",", " x"]),
    (r"\p{L}+", "aé語1", ["aé語"]),
    (r"\P{L}", "a1é", ["1"]),
    (r"\p{^L}", "a1é", ["1"]),
    (r"[^\p{L}\s]+", "a1 é!2", ["1", "!2"]),
    (r"[\P{N}]", "1a²", ["a"]),
    (r"\p{N}{1,3}", "12345Ⅷ²", ["123", "45Ⅷ", "²"]),
    (r"\s", "a\x1c\x85\u3000\u200b", ["\x85", "\u3000"]),
    (r"\S+", "a\x1cb c", ["a\x1cb", "c"]),
    (r"\d+", "1٣²", ["1٣"]),
    (r"\w+", "a_\u0301-ⓐ", ["a_\u0301", "ⓐ"]),
    (r"\h+", "g09afAFgG/:", ["09afAF"]),
    (r"\w+", "ⓐⓩ🄰🅉🅐🅩🅰🆉²³¹¼¾½", ["ⓐⓩ🄰🅉🅐🅩🅰🆉²³¹¼¾½"]),
    (r"[\w]+", "\u24b5ⒶⓩⓏ\u24ea\U0001f12f🄰🅉\U0001f14a🅐🅩\U0001f16a🅰🆉\U0001f18a²", ["ⒶⓩⓏ", "🄰🅉", "🅐🅩", "🅰🆉"]),
    (r"[^a-c]", "abcd^", ["d", "^"]),
    (r"[c-]", "b-c", ["-", "c"]),
    (r"[b-d]+", "abcde", ["bcd"]),
    (r"(?i:'s|'T)x", "'Sx 'tx", ["'Sx", "'tx"]),
    (r"(?i)é+", "éÉ", ["éÉ"]),
    (r"^.|.$", "ab\ncd", ["a", "b", "c", "d"]),
    (r"\A.|.\z", "ab\ncd", ["a", "d"]),
    (r"a\Z", "a\n", ["a"]),
    (r"\bé\b", "é éa", ["é"]),
    (r"a\Bb", "ab b", ["ab"]),
    (r"[a\-\]x-z\x{1F600}\u00e9\t]", "a-]y😀é\tb", ["a", "-", "]", "y", "😀", "é", "\t"]),
    (r"[]a]", "]a", ["]", "a"]),
    (r"a{2}|b{,2}c|d{1,}e|f{x", "aa bbc dde f{x", ["aa", "bbc", "dde", "f{x"]),
    (r"a++b|c*?d|(?>e+)f", "aab ccd eef", ["aab", "ccd", "eef"]),
    (r"(?=b)|a", "aab", ["a", "a"]),
    (r"(?<!a)b(?!c)", "ab bc b", ["b"]),
]


@pytest.mark.parametrize("source, text, matches", EXAMPLES, ids=map(str, range(len(EXAMPLES))))
def test_examples(source, text, matches):
    found = [text[start:end] for start, end in Pattern(source).matches(text)]
    assert found == matches


@pytest.mark.parametrize("source", [source for source, *_ in EXAMPLES])
@given(text=st.text("abcdexyz AZ09_'-\n\t\x1c!{]", max_size=20))
def test_the_pattern_for_ascii_is_the_pattern(source, text):
    assert [m.span() for m in _compiled(source, unicode.LAST_ASCII).finditer(text)] == [
        m.span() for m in _compiled(source, unicode.LAST).finditer(text)
    ]


@given(st.text(max_size=8), st.text(max_size=8))
def test_a_literal_matches_itself(needle, text):
    if needle:
        parts = Pattern(literal(needle)).parts(text + needle + text)
        assert [(text + needle + text)[a:b] for a, b, matched in parts if matched] == re.findall(
            re.escape(needle), text + needle + text
        )


@given(st.text("ab \n1é", max_size=20), st.sampled_from([r"\s+", "a", r"(?=b)", "$", GPT2_WORD]))
def test_the_parts_are_the_whole_text(text, source):
    parts = Pattern(source).parts(text)
    assert "".join(text[start:end] for start, end, _ in parts) == text


REFUSED = {
    r"(a+)+b": "for ever",
    r"(?:a|aa)*b": "for ever",
    r"(a?){30}b": "for ever",
    r"((a*b))+": "for ever",
    r"\p{Han}": r"general categories",
    r"\p{L": "general categories",
    r"[[:alpha:]]": "class within a class",
    r"[a&&b]": "class within a class",
    r"[a": "does not end",
    r"(a": "does not end",
    r"a)": "without its",
    r"(?P<x>a)": r"group \(\?P",
    r"(a)\1": r"escape \\1",
    r"\K": r"escape \\K",
    r"*a": "nothing before",
    r"a**": "quantifier of a quantifier",
    r"a{1,2}+": "quantifier of a quantifier",
    r"[z-a]": "go up",
    r"[\d-z]": "go up",
    r"\x{110000}": "beyond Unicode",
    "a{99999999999}": "not one that",
    "a" * 5000: "5000 characters",
    "\\": r"escape \\",
}


@pytest.mark.parametrize("source, message", REFUSED.items())
def test_what_is_not_translated_is_refused(source, message):
    with pytest.raises(ValueError, match=message):
        Pattern(source)


@given(st.text(r"ab()[]{}|*+?\^$.-:=!<>pPLNsSdDwW,12ié", max_size=14))
def test_any_source_is_translated_or_refused(source):
    try:
        pattern = Pattern(source)
    except ValueError:
        return
    pattern.parts("ab é1\n")


def test_long_runs_take_no_long_time():
    pattern = Pattern(GPT2_WORD)
    begin = time.perf_counter()
    for text in (" " * 50_000, " " * 50_000 + "x", "a" * 50_000 + "é", "'" * 50_000):
        pattern.parts(text)
    assert time.perf_counter() - begin < 5


def test_ranges():
    assert unicode.joined([(5, 7), (1, 2), (3, 3), (6, 9)]) == [(1, 3), (5, 9)]
    assert unicode.all_but([(0, 1), (5, 5)], 7) == [(2, 4), (6, 7)]
    assert unicode.all_but([], 7) == [(0, 7)]
    assert unicode.all_but([(0, 7)], 7) == []
    assert unicode.of_category("Nd", 127) == [(0x30, 0x39)]
