"""The parts of a tokenizer.json: by example, and against definitions simple enough to trust."""

import itertools
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tokenizers.charsmaps import EXAMPLE_TEXT
from tests.tokenizers.support import CORPUS, TEXT
from tests.tokenizers.unicode_text import texts
from tinyllm.tokenizers import ByteBPETokenizer, PipelineTokenizer, StreamDecoder
from tinyllm.tokenizers.pipeline import contents
from tinyllm.tokenizers.pipeline.aligned import Aligned
from tinyllm.tokenizers.pipeline.bpe import BPE
from tinyllm.tokenizers.pipeline.decoders import read_decoder
from tinyllm.tokenizers.pipeline.entries import Entry
from tinyllm.tokenizers.pipeline.forms import to_form
from tinyllm.tokenizers.pipeline.graphemes import graphemes
from tinyllm.tokenizers.pipeline.normalizers import is_chinese, read_normalizer
from tinyllm.tokenizers.pipeline.pre_tokenizers import read_pre_tokenizer
from tinyllm.tokenizers.pipeline.unigram import Unigram
from tinyllm.tokenizers.pipeline.wordpiece import WordPiece

OURS = ByteBPETokenizer.train(CORPUS, 360)
AS_THEIRS = PipelineTokenizer(OURS.as_json())
BERT_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "un", "##aff", "##able", "cafe", ",", "do", "'", "t", "東", "##s"]
BERT = PipelineTokenizer(contents.bert({t: i for i, t in enumerate(BERT_TOKENS)}))


def part(read, kind, **options):
    return read(Entry({"type": kind, **options}, "part"))


def normalized(text, kind, **options):
    done = part(read_normalizer, kind, **options)(Aligned(text))
    assert done.spans is None or len(done.spans) == len(done.text)
    return done.text, [done.span(i, i + 1) for i in range(len(done.text))]


def words(text, kind, **options):
    return [(piece.text, piece.span(0, len(piece.text))) for piece in part(read_pre_tokenizer, kind, **options)(Aligned(text))]


@given(TEXT | texts())
def test_our_own_files_mean_the_same_here(text):
    for signs in (False, True):
        mine, theirs = (t.encoding(text, special=False, allow_special=signs) for t in (OURS, AS_THEIRS))
        assert (mine.ids, mine.offsets, mine.tokens) == (theirs.ids, theirs.offsets, theirs.tokens)
    assert AS_THEIRS.encode(text) == OURS.encode(text)
    if not any("\ud800" <= character <= "\udfff" for character in text):
        assert AS_THEIRS.decode(AS_THEIRS.encode(text)) == text


@given(st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]), texts())
def test_normal_forms_are_the_standard_librarys(form, text):
    done = to_form(Aligned(text, 5), form)
    assert done.text == unicodedata.normalize(form, text)
    assert all(5 <= start <= end <= 5 + len(text) for start, end in done.origins())


NORMALIZED = [
    ("NFD", {}, "xé", "xe\u0301", [(0, 1), (1, 2), (1, 2)]),
    ("NFC", {}, "e\u0301x", "éx", [(0, 1), (2, 3)]),
    ("NFKC", {}, "ﬁ", "fi", [(0, 1), (0, 1)]),
    ("Lowercase", {}, "AİΣ", "ai\u0307σ", [(0, 1), (1, 2), (1, 2), (2, 3)]),
    ("StripAccents", {}, "e\u0301\u0903x", "ex", [(0, 1), (3, 4)]),
    ("Strip", {"strip_left": True, "strip_right": False}, " \u3000a ", "a ", [(2, 3), (3, 4)]),
    ("Strip", {"strip_left": True, "strip_right": True}, " \t ", "", []),
    ("Strip", {"strip_left": True, "strip_right": True}, "   a   ", "a", [(3, 4)]),
    ("Replace", {"pattern": {"String": "b"}, "content": "x"}, "aab", "aax", [(0, 1), (1, 2), (2, 3)]),
    ("Replace", {"pattern": {"Regex": "b+"}, "content": "xy"}, "abb", "axy", [(0, 1), (2, 3), (2, 3)]),
    ("Precompiled", {"precompiled_charsmap": EXAMPLE_TEXT}, "e\u0301e\u0301\u0301\u0301", "ée\u0301\u0301\u0301",
     [(0, 1), (2, 3), (3, 4), (4, 5), (5, 6)]),
    ("Nmt", {}, "\x0ba\x0c", "a ", [(1, 2), (2, 3)]),
    ("Strip", {"strip_left": False, "strip_right": True}, " a  ", " a", [(0, 1), (1, 2)]),
    ("Replace", {"pattern": {"String": "ab"}, "content": "xyz"}, "1ab2", "1xyz2", [(0, 1), (2, 3), (2, 3), (2, 3), (3, 4)]),
    ("Replace", {"pattern": {"Regex": " +"}, "content": "_"}, "a  b", "a_b", [(0, 1), (2, 3), (3, 4)]),
    ("Prepend", {"prepend": "▁"}, "ab", "▁ab", [(0, 1), (0, 1), (1, 2)]),
    ("Prepend", {"prepend": "▁"}, "", "", []),
    ("ByteLevel", {}, " é", "ĠÃ©", [(0, 1), (1, 2), (1, 2)]),
    ("Nmt", {}, "a\x01\u200bb", "a b", [(0, 1), (2, 3), (3, 4)]),
    ("Precompiled", {"precompiled_charsmap": EXAMPLE_TEXT}, "x½\re\u0301", "x1⁄2 é",
     [(0, 1), (1, 2), (1, 2), (1, 2), (2, 3), (3, 4)]),
    ("BertNormalizer", {"clean_text": True, "handle_chinese_chars": True, "lowercase": True}, "É\0東\t", "e 東  ",
     [(0, 1), (2, 3), (2, 3), (2, 3), (3, 4)]),
    ("BertNormalizer", {"clean_text": False, "handle_chinese_chars": False, "lowercase": True, "strip_accents": False},
     "É\t", "é\t", [(0, 1), (1, 2)]),
]  # fmt: skip


@pytest.mark.parametrize("kind, options, text, becomes, spans", NORMALIZED)
def test_normalizers(kind, options, text, becomes, spans):
    assert normalized(text, kind, **options) == (becomes, spans)


HYPHENS = {"Removed": "the final countdown", "Isolated": "the - final - - countdown", "Contiguous": "the - final -- countdown",
           "MergedWithPrevious": "the- final- - countdown", "MergedWithNext": "the -final - -countdown"}  # fmt: skip
CUT = [
    *[("Split", {"pattern": {"String": "-"}, "behavior": b, "invert": False}, "the-final--countdown", w)
      for b, w in HYPHENS.items()],
    ("Split", {"pattern": {"Regex": "[a-z]+"}, "behavior": "Removed", "invert": True}, "the-final", "the final"),
    ("BertPreTokenizer", {}, "don't stop—x $1", "don ' t stop — x $ 1"),
    ("Whitespace", {}, "a_1 b!? c", "a_1 b !? c"),
    ("WhitespaceSplit", {}, "a_1  b!?\u3000c", "a_1 b!? c"),
    ("Punctuation", {}, "a-«b»", "a - « b »"),
    ("Digits", {"individual_digits": True}, "a12²", "a 1 2 ²"),
    ("Digits", {"individual_digits": False}, "a12²b", "a 12² b"),
    ("ByteLevel", {"add_prefix_space": True}, "it's 1é", "Ġit 's Ġ1 Ã©"),
    ("ByteLevel", {"add_prefix_space": False, "use_regex": False}, "a b", "aĠb"),
    ("Metaspace", {"replacement": "▁"}, "a  b", "▁a ▁ ▁b"),
    ("Metaspace", {"replacement": "▁", "prepend_scheme": "never", "split": False}, "a b", "a▁b"),
    ("Metaspace", {"replacement": "▁", "add_prefix_space": False}, "a b", "a ▁b"),
    ("CharDelimiterSplit", {"delimiter": "x"}, "axxb", "a b"),
]  # fmt: skip


@pytest.mark.parametrize("kind, options, text, pieces", CUT)
def test_pre_tokenizers(kind, options, text, pieces):
    assert " ".join(word for word, _ in words(text, kind, **options)) == pieces
    steps = [{"type": kind, **options}]
    assert words(text, "Sequence", pretokenizers=steps) == words(text, kind, **options)


def test_a_space_is_put_in_front_of_the_text_and_not_after_a_sign():
    first = part(read_pre_tokenizer, "Metaspace", replacement="▁", prepend_scheme="first")
    assert [piece.text for piece in first(Aligned("a b"))] == ["▁a", "▁b"]
    assert [piece.text for piece in first(Aligned("a b", 7))] == ["a", "▁b"]


@pytest.mark.parametrize(
    "text, pieces",
    [
        ("ab\r\nc", ["a", "b", "\r\n", "c"]),
        ("e\u0301\u0327x", ["e\u0301\u0327", "x"]),
        ("한\u1112\u1161\u11ab글", ["한", "\u1112\u1161\u11ab", "글"]),
        ("👩🏽\u200d👩x", ["👩🏽\u200d👩", "x"]),
        ("🇫🇷🇩🇪🇪", ["🇫🇷", "🇩🇪", "🇪"]),
        ("\u0600a\u0903\u200d", ["\u0600a\u0903\u200d"]),
        ("a\u200b\u0301", ["a", "\u200b", "\u0301"]),
    ],
)
def test_graphemes(text, pieces):
    assert list(graphemes(text)) == pieces


def all_ways(word):
    """Each way to cut a word into pieces, as (start, end)."""
    for cuts in itertools.product([False, True], repeat=max(len(word) - 1, 0)):
        places = [0, *(i + 1 for i, cut in enumerate(cuts) if cut), len(word)]
        yield list(itertools.pairwise(places)) if word else []


PIECES = st.fixed_dictionaries(
    {piece: st.floats(-9, -1) for piece in "abé"},
    optional={piece: st.floats(-12, -1) for piece in ("ab", "ba", "aba", "bb", "éa", "abab")},
)


@given(PIECES, st.text("abé", max_size=8))
def test_unigram_finds_the_most_probable_row(scores, word):
    pieces = [("<unk>", 0.0), *scores.items()]
    ids, spans = Unigram(pieces, 0).tokens(word)
    assert [pieces[i][0] for i in ids] == [word[a:b] for a, b in spans]
    assert spans in list(all_ways(word))
    ways = [sum(scores.get(word[a:b], -1e9) for a, b in way) for way in all_ways(word)]
    assert sum(scores[pieces[i][0]] for i in ids) == pytest.approx(max(ways))


def test_unigram_by_example():
    model = Unigram([("<unk>", 0.0), ("a", -2.0), ("<0xC3>", -9.0), ("<0xA9>", -9.0)], 0, byte_fallback=True)
    assert model.tokens("axxa") == ([1, 0, 1], [(0, 1), (1, 3), (3, 4)])
    assert model.tokens("aéx") == ([1, 0], [(0, 1), (1, 3)])     # a run is one: x has no byte token here
    assert model.tokens("aé") == ([1, 2, 3], [(0, 1), (1, 2), (1, 2)])
    # The unknown costs 10 more than the least probable token: so x, unknown, is better spelt as part of ax, and y not.
    model = Unigram([("<unk>", -1.0), ("a", -2.0), ("ax", -12.9), ("ay", -33.0)], 0)
    assert model.tokens("ax")[0] == [2] and model.tokens("ay")[0] == [3]
    model = Unigram([("<unk>", -1.0), ("a", -2.0), ("ay", -9.0), ("b", -30.0)], 0)
    assert model.tokens("aya")[0] == [2, 1] and model.tokens("yxa") == ([0, 1], [(0, 2), (2, 3)])
    with pytest.raises(ValueError, match="no token for the unknown"):
        Unigram([("a", -1.0)], None).tokens("ab")


@given(st.text("abc", max_size=10))
def test_wordpiece_is_greedy(word):
    vocab = {t: i for i, t in enumerate(["[UNK]", "a", "ab", "##b", "##a", "##ab", "##bab", "c"])}
    ids, spans, start = [], [], 0
    while start < len(word):
        ends = [e for e in range(len(word), start, -1) if ("##" if start else "") + word[start:e] in vocab]
        if not ends:
            ids, spans = [0], [(0, len(word))]
            break
        ids.append(vocab[("##" if start else "") + word[start : ends[0]]])
        spans.append((start, ends[0]))
        start = ends[0]
    assert WordPiece(vocab).tokens(word) == (ids, spans)


def test_long_words_are_unknown_to_wordpiece():
    model = WordPiece({"[UNK]": 0, "a": 1, "##a": 2}, longest_word=5)
    assert model.tokens("aaaaa")[0] == [1, 2, 2, 2, 2]
    assert model.tokens("aaaaaa") == ([0], [(0, 6)])


BPE_CASES = [
    ({}, "abx", ["ab"], [(0, 2)]),
    ({"unknown": "?"}, "abxxab", ["ab", "?", "?", "ab"], [(0, 2), (2, 3), (3, 4), (4, 6)]),
    ({"unknown": "?", "fuse_unknown": True}, "xxé", ["?"], [(0, 3)]),
    ({"byte_fallback": True}, "aé", ["a", "<0xC3>", "<0xA9>"], [(0, 1), (1, 2), (1, 2)]),
    ({"byte_fallback": True, "unknown": "?"}, "語", ["?"], [(0, 1)]),
    ({}, "abab", ["ab", "ab"], [(0, 2), (2, 4)]),
    ({}, "aab", ["a", "ab"], [(0, 1), (1, 3)]),
    ({"ignore_merges": True}, "bab", ["bab"], [(0, 3)]),
    ({}, "bab", ["b", "ab"], [(0, 1), (1, 3)]),
]


@pytest.mark.parametrize("options, word, tokens, spans", BPE_CASES)
def test_byte_pairs(options, word, tokens, spans):
    names = ["?", "a", "b", "ab", "bab", "<0xC3>", "<0xA9>", "▁"]
    model = BPE({t: i for i, t in enumerate(names)}, [("a", "b")], **options)
    ids, found = model.tokens(word)
    assert ([names[i] for i in ids], found) == (tokens, spans)


def test_affixes_of_byte_pairs():
    names = ["a", "##b", "##b</w>", "ab</w>", "a</w>"]
    model = BPE({t: i for i, t in enumerate(names)}, [("a", "##b</w>")], prefix="##", suffix="</w>")
    assert [names[i] for i in model.tokens("ab")[0]] == ["ab</w>"]
    assert [names[i] for i in model.tokens("abb")[0]] == ["a", "##b", "##b</w>"]
    assert [names[i] for i in model.tokens("a")[0]] == ["a</w>"]


@given(st.text("ab▁", min_size=1, max_size=60), st.integers(1, 8))
def test_a_long_text_in_parts_is_the_text(text, remembered):
    names = ["▁", "a", "b", "▁▁", "▁a", "ab", "▁ab", "▁▁▁"]
    merges = [("▁", "▁"), ("a", "b"), ("▁", "ab"), ("▁▁", "▁"), ("▁", "a")]
    whole, parts = (BPE({t: i for i, t in enumerate(names)}, merges) for _ in range(2))
    whole.longest_remembered, parts.longest_remembered = 1000, remembered
    assert parts.tokens(text) == whole.tokens(text)
    assert parts._cuts


def test_a_pair_for_bert():
    found = BERT.encoding("Unaffable café, 東", "don't [MASK]")
    first = [("[CLS]", (0, 0)), ("un", (0, 2)), ("##aff", (2, 5)), ("##able", (5, 9)), ("cafe", (10, 14)), (",", (14, 15)),
             ("東", (16, 17)), ("[SEP]", (0, 0))]  # fmt: skip
    second = [("[UNK]", (0, 3)), ("'", (3, 4)), ("t", (4, 5)), ("[UNK]", (6, 7)), ("[UNK]", (7, 11)), ("[UNK]", (11, 12)),
              ("[SEP]", (0, 0))]  # fmt: skip
    assert list(zip(found.tokens, found.offsets)) == first + second
    assert found.segment_ids == [0] * len(first) + [1] * len(second)
    assert found.special == [t in ("[CLS]", "[SEP]") for t in found.tokens]
    assert BERT.encoding("[MASK]", special=False, allow_special=True).ids == [BERT.mask_id]
    assert BERT.mask_id not in BERT.encode("[MASK]")
    assert (BERT.pad_id, BERT.unk_id, BERT.cls_id, BERT.sep_id, BERT.bos_id) == (0, 1, 2, 3, None)
    assert BERT.decode(BERT.encode("unaffable do, t")) == "unaffable do, t"
    assert BERT.decode([2, 5, 3], skip_special=True) == "un"


DECODED = [
    ("ByteLevel", {}, ["ĠÃ", "©", "<x> y"], "\u0020é<x> y"),
    ("WordPiece", {"prefix": "##", "cleanup": True}, ["a", "##b", ",", "do", "n't"], "ab, don't"),
    ("Metaspace", {"replacement": "▁"}, ["▁a", "▁b"], "a b"),
    ("BPEDecoder", {"suffix": "</w>"}, ["a</w>", "b</w>"], "a b"),
    ("ByteFallback", {}, ["<0xC3>", "<0xA9>", "a", "<0xC3>"], "éa\ufffd"),
    ("Strip", {"content": " ", "start": 1, "stop": 2}, ["  a   ", " "], " a "),
    ("Strip", {"content": " ", "start": 2, "stop": 0}, [" ab", "c"], "abc"),
    ("Replace", {"pattern": {"String": "▁"}, "content": " "}, ["▁a"], " a"),
    ("Sequence", {"decoders": [{"type": "Fuse"}, {"type": "Strip", "content": "a", "start": 1, "stop": 0}]}, ["a", "a"], "a"),
]


@pytest.mark.parametrize("kind, options, tokens, text", DECODED)
def test_decoders(kind, options, tokens, text):
    assert "".join(part(read_decoder, kind, **options)(tokens)) == text


@given(texts())
def test_streamed_pieces_are_the_decoded_text(text):
    ids = AS_THEIRS.encode(text)
    stream = StreamDecoder(AS_THEIRS)
    assert "".join(map(stream.push, ids)) + stream.finish() == AS_THEIRS.decode(ids)


def test_added_tokens_and_the_space_around_them():
    vocab = {t: i for i, t in enumerate(["<unk>", "a", "b"])}
    rules = [
        {"id": 3, "content": "<l>", "lstrip": True, "special": True, "normalized": False},
        {"id": 4, "content": "<r>", "rstrip": True, "special": False, "normalized": False},
        {"id": 5, "content": "is", "single_word": True, "special": False, "normalized": True},
        {"id": 6, "content": "<l>x", "special": False, "normalized": False},
    ]
    content = contents.content({"type": "WordLevel", "vocab": vocab, "unk_token": "<unk>"}, rules)
    content["normalizer"] = {"type": "Lowercase"}
    made = PipelineTokenizer(content)
    assert made.encoding("a  <l>b", allow_special=True).offsets == [(0, 1), (1, 6), (6, 7)]
    assert made.encoding("<r>  b").offsets == [(0, 5), (5, 6)]
    assert made.encode("IS") == [5] and made.encode("this") == [0] and made.encode("isle") == [0]
    assert made.encode(" is ") == [0, 5, 0] and made.encode("<r> ") == [4]
    assert made.encode("<l>x") == [6] and made.encode("<l>b", allow_special=True) == [3, 2]
    assert made.encode("<l>b") == [0]
    assert made.special_ids == (3,) and made.vocab_size == 7


def test_normalising_does_not_grow_without_end():
    doubled = {"type": "Replace", "pattern": {"String": "a"}, "content": "aaaa"}
    grow = part(read_normalizer, "Sequence", normalizers=[doubled] * 4)
    assert len(grow(Aligned("a" * 10)).text) == 2560
    with pytest.raises(ValueError, match="more than 64 characters of one"):
        grow(Aligned("a" * 1000))
    with pytest.raises(ValueError, match="at most 256"):
        part(read_normalizer, "Prepend", prepend="▁" * 257)


def test_offsets_are_trimmed_and_template_segments_set():
    vocab = {t: i for i, t in enumerate(["a", "Ġ", "Ġa", "ĠĠa", "aĠ", "<s>"])}
    model = contents.byte_pairs(vocab, ["Ġ a", "Ġ Ġa", "a Ġ"])
    signs = [contents.added_token(5, "<s>", lstrip=True)]

    def spans(text, space, **parts):
        post = contents.byte_level(space)
        content = contents.content(model, signs, pre_tokenizer=contents.byte_level(space, use_regex=False), post_processor=post)
        return PipelineTokenizer(content | parts).encoding(text, allow_special=True).offsets

    assert spans("a", True) == [(0, 1)]                 # Ġa: the space was added, and is not in the text
    assert spans(" a", False) == [(1, 2)] and spans("  a", False) == [(2, 3)]
    assert spans("a a", False) == [(0, 1), (2, 3)]
    assert spans("a  <s>", False) == [(0, 1), (3, 6)]
    frame = contents.template([("<s>", 5)], [])
    frame["pair"][0]["SpecialToken"]["type_id"] = 3
    found = PipelineTokenizer(contents.content(model, signs, post_processor=frame)).encoding("aa", "aaa")
    assert found.segment_ids == [3, 0, 0, 1, 1, 1, 1] and found.special == [True, *[False] * 2, True, *[False] * 3]


def test_pieces_of_each_decoder():
    def pieces(*tokens, **decoder):
        vocab = {t: i for i, t in enumerate(tokens)}
        content = contents.content({"type": "WordLevel", "vocab": vocab, "unk_token": tokens[0]}, decoder=decoder or None)
        made = PipelineTokenizer(content)
        return [made.id_to_piece(i).decode() for i in range(made.vocab_size)]

    assert pieces("a", "##b", type="WordPiece", prefix="##", cleanup=True) == [" a", "b"]
    assert pieces("Ġa", "Ã©", type="ByteLevel") == [" a", "é"]
    assert pieces("▁a", "<0x41>", type="ByteFallback") == [" a", "A"]
    assert pieces("▁a", "<0x41>", type="Metaspace", replacement="▁") == [" a", "<0x41>"]
    assert pieces("a</w>", "b", type="BPEDecoder", suffix="</w>") == ["a ", "b"]
    assert pieces("a", "b") == [" a", " b"]


def test_models_that_do_not_say_their_type():
    vocab = {"[UNK]": 0, "a": 1, "##b": 2, "ab": 3, "b": 4}
    kinds = [
        ({"vocab": vocab, "merges": ["a b"]}, "BPE"), ({"vocab": [["a", -1.0]], "unk_id": 0}, "Unigram"),
        ({"vocab": vocab, "max_input_chars_per_word": 9}, "WordPiece"), ({"vocab": vocab, "unk_token": "[UNK]"}, "WordLevel"),
    ]  # fmt: skip
    for model, kind in kinds:
        assert type(PipelineTokenizer(contents.content(model)).model).__name__ == kind


def test_a_full_memory_starts_afresh(monkeypatch):
    monkeypatch.setattr(BPE, "words_limit", 2)
    model = BPE({"a": 0, "b": 1, "c": 2}, [])
    sizes = []
    for word in ("a", "b", "c", "ab", "a" * 300):
        assert model.tokens(word) == model.split(word)
        sizes.append(len(model._words))
    assert sizes == [1, 2, 1, 2, 2]


@given(st.text("abcd", min_size=1, max_size=12))
def test_merges_are_applied_in_their_order(word):
    names = [*"abcd", "ab", "cd", "abcd", "bc", "da", "aa", "aaaa"]
    merges = [("b", "c"), ("a", "b"), ("c", "d"), ("ab", "cd"), ("d", "a"), ("a", "a"), ("aa", "aa")]
    symbols = list(word)
    while found := [m for m in merges if m in list(itertools.pairwise(symbols))]:
        pair = min(found, key=merges.index)
        i = list(itertools.pairwise(symbols)).index(pair)
        symbols[i : i + 2] = ["".join(pair)]
    ids, spans = BPE({t: i for i, t in enumerate(names)}, merges).tokens(word)
    assert [names[i] for i in ids] == symbols
    assert [word[a:b] for a, b in spans] == symbols


@pytest.mark.parametrize("first, last", [("㐀", "䶿"), ("一", "鿿"), ("\uf900", "\ufaff"), ("\U00020000", "\U0002a6df")])
def test_the_blocks_of_chinese(first, last):
    for inside, outside in ((first, chr(ord(first) - 1)), (last, chr(ord(last) + 1))):
        assert is_chinese(ord(inside)) and not is_chinese(ord(outside))
