"""Tokenizers of others: every form they come in, and nothing damaged gets through."""

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tokenizers.charsmaps import EXAMPLE_TEXT
from tests.tokenizers.support import CORPUS
from tinyllm.tokenizers import ByteBPETokenizer, PipelineTokenizer, from_gguf, load
from tinyllm.tokenizers.pipeline import contents

BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "cafe", "Café", "caf", "##e"]
ALPHABET = ByteBPETokenizer([], []).as_json()["model"]["vocab"]
GPT2 = {name: i for i, name in enumerate([*sorted(ALPHABET), "he", "Ġhe", "<|endoftext|>"])}
UNIGRAM = {
    "type": "Unigram", "unk_id": 1,
    "vocab": [["<pad>", 0], ["<unk>", 0.0], ["</s>", 0.0], ["▁", -2.0], ["a", -1.5], ["▁a", -2.5]],
}  # fmt: skip
T5 = contents.content(
    UNIGRAM,
    [contents.added_token(i, name) for i, name in enumerate(["<pad>", "<unk>", "</s>"])],
    normalizer={
        "type": "Sequence",
        "normalizers": [
            {"type": "Precompiled", "precompiled_charsmap": EXAMPLE_TEXT},
            {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "▁"},
        ],
    },
    pre_tokenizer={"type": "Sequence", "pretokenizers": [{"type": "Metaspace", "replacement": "▁"}]},
    post_processor=contents.template([], [("</s>", 2)]),
    decoder={"type": "Metaspace", "replacement": "▁"},
)
WHOLE = {
    "bert": contents.bert({t: i for i, t in enumerate(BERT)}),
    "gpt2": contents.gpt2(GPT2, ["h e", "Ġ he"]),
    "t5": T5,
}


def write(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", WHOLE)
def test_what_is_saved_comes_back(tmp_path, name):
    made = PipelineTokenizer(WHOLE[name], {}, "{{ messages }}")
    made.save(tmp_path / "a" / "tokenizer.json")
    for place in (tmp_path / "a", tmp_path / "a" / "tokenizer.json"):
        again = load(place)
        assert type(again) is PipelineTokenizer and again.as_json() == WHOLE[name]
        assert again.roles() == made.roles() and again.chat_template == "{{ messages }}"
        for text in ("he café", "a aa  \n½x", "<|endoftext|>[MASK]</s>", ""):
            assert again.encoding(text, "he") == made.encoding(text, "he")


def test_saving_says_what_this_tokenizer_is_and_leaves_the_rest(tmp_path):
    old = PipelineTokenizer(WHOLE["bert"], {"pad_token": "cafe", "eos_token": "cafe"}, "{{ old }}")
    old.save(tmp_path / "tokenizer.json")
    write(tmp_path / "tokenizer_config.json", {"pad_token": "cafe", "clean_up_tokenization_spaces": False})
    write(tmp_path / "special_tokens_map.json", {"eos_token": "cafe"})
    (tmp_path / "chat_template.jinja").write_text("{{ older }}")
    PipelineTokenizer(WHOLE["bert"], {}, "{{ new }}").save(tmp_path / "tokenizer.json")
    again = load(tmp_path)
    assert (old.pad_id, again.pad_id, again.eos_id, again.chat_template) == (5, 0, None, "{{ new }}")
    assert json.loads((tmp_path / "tokenizer_config.json").read_text())["clean_up_tokenization_spaces"] is False
    PipelineTokenizer(WHOLE["bert"]).save(tmp_path / "b" / "other.json")
    assert [file.name for file in (tmp_path / "b").iterdir()] == ["other.json"]


def test_a_vocab_txt(tmp_path):
    file = write(tmp_path / "vocab.txt", "\n".join(BERT) + "\n")
    assert load(tmp_path).encoding("Café").tokens == ["[CLS]", "cafe", "[SEP]"]
    write(tmp_path / "tokenizer_config.json", {"do_lower_case": False, "mask_token": {"content": "cafe"}})
    cased = load(file)
    assert cased.encoding("Café").tokens == ["[CLS]", "Café", "[SEP]"]
    assert (cased.mask_id, cased.pad_id, cased.vocab_size) == (5, 0, 9)
    with pytest.raises(ValueError, match=r"vocab\.txt .*\[UNK\]"):
        load(write(file, "a\nb\n"))
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match=r"vocab\.txt is not text in UTF-8"):
        load(file)


def test_a_vocab_json_with_merges(tmp_path):
    vocab = write(tmp_path / "vocab.json", GPT2)
    with pytest.raises(FileNotFoundError, match=r"merges\.txt"):
        load(vocab)
    write(tmp_path / "merges.txt", "#version: 0.2\nh e\nĠ he\n")
    gpt2 = load(tmp_path)
    assert gpt2.encoding("he he é").tokens == ["he", "Ġhe", "Ġ", "Ã", "©"]
    assert gpt2.decode(gpt2.encode("he é")) == "he é"
    assert gpt2.eos_id == gpt2.bos_id == gpt2.special_ids[0] == 258 and gpt2.pad_id is None
    names = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    write(vocab, {name: i for i, name in enumerate([*names, *GPT2])})
    write(tmp_path / "special_tokens_map.json", {"cls_token": "<s>", "sep_token": "</s>"})
    roberta = load(vocab)
    found = roberta.encoding("he", "he <mask>", allow_special=True)
    assert found.tokens == ["<s>", "he", "</s>", "</s>", "he", "<mask>", "</s>"]
    assert found.offsets[-2] == (3, 9) and set(found.segment_ids) == {0}
    assert (roberta.cls_id, roberta.sep_id, roberta.mask_id, roberta.pad_id) == (0, 2, 4, 1)
    with pytest.raises(ValueError, match=r"vocab\.json .*merge 0"):
        write(tmp_path / "merges.txt", "x q\n")
        load(vocab)


def test_no_tokenizer_at_all(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no tokenizer"):
        load(tmp_path)
    (tmp_path / "spiece.model").write_bytes(b"")
    with pytest.raises(FileNotFoundError, match="must be converted"):
        load(tmp_path)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "vocab.txt")


def replaced(content, *path_and_value):
    *path, key, value = path_and_value
    content = copy.deepcopy(content)
    inner = content
    for step in path:
        inner = inner[step]
    inner[key] = value
    return content


REFUSED = [
    ("bert", ("normalizer", "type", "Romanize"), 'file.normalizer" is a normalizer of type .Romanize.; read here are'),
    ("bert", ("normalizer", "lowercase", 1), 'file.normalizer.lowercase" must be a bool'),
    ("bert", ("normalizer", []), "normalizer|"),
    ("bert", ("pre_tokenizer", "type", "UnicodeScripts"), "a pre-tokenizer of type 'UnicodeScripts'"),
    ("bert", ("model", "type", "Transducer"), "a model of type 'Transducer'"),
    ("bert", ("model", "vocab", "cafe", 0), "one id to two tokens"),
    ("bert", ("model", "vocab", "cafe", -1), "gives 'cafe' the id -1"),
    ("bert", ("model", "vocab", "cafe", 1 << 40), "gives 'cafe' the id"),
    ("bert", ("model", "vocab", "cafe", True), "gives 'cafe' the id True"),
    ("bert", ("model", "vocab", "x" * 2000, 99), "2000 characters"),
    ("bert", ("model", "unk_token", 3), 'file.model.unk_token" must be a str'),
    ("bert", ("added_tokens", 0, "content", ""), "is empty"),
    ("bert", ("added_tokens", 0, "id", 4), "gives .\\[PAD\\]. the id 4"),
    ("bert", ("added_tokens", 0, "lstrip", "yes"), "lstrip. must be a bool"),
    ("bert", ("post_processor", "sep", ["[SEP]", 77]), "id 77, which no token"),
    ("bert", ("post_processor", "cls", ["[CLS]"]), "must be .name, id."),
    ("bert", ("decoder", "prefix", "#" * 5000), "5000 characters"),
    ("gpt2", ("model", "merges", ["h e x"]), 'merges.0" must be two tokens'),
    ("gpt2", ("model", "merges", [["h", "q"]]), "both and 'hq' must be tokens"),
    ("gpt2", ("model", "dropout", 0.1), "dropout. is 0.1"),
    ("gpt2", ("post_processor", "trim_offsets", None), "trim_offsets. must be a bool"),
    ("t5", ("model", "vocab", 3, ["▁", "x"]), r'vocab.3" must be \[token, score\]'),
    ("t5", ("model", "vocab", 3, ["▁", float("nan")]), "finite"),
    ("t5", ("model", "unk_id", 6), "there are 6 tokens"),
    ("t5", ("normalizer", "normalizers", 0, "precompiled_charsmap", "AAAA"), "charsmap is damaged"),
    ("t5", ("normalizer", "normalizers", 0, "precompiled_charsmap", "?"), "charsmap is damaged"),
    ("t5", ("normalizer", "normalizers", 1, "pattern", {"Regex": "(a+)+"}), "for ever"),
    ("t5", ("pre_tokenizer", "pretokenizers", 0, "replacement", "▁▁"), "must be one character"),
    ("t5", ("pre_tokenizer", "pretokenizers", 0, "prepend_scheme", "often"), "known are always, first, never"),
    ("t5", ("post_processor", "single", 0, "Sequence", "id", "B"), "has only A"),
    ("t5", ("post_processor", "special_tokens", {}), "does not list"),
    ("t5", ("version", "2.0"), 'this code reads "1.0"'),
]


@pytest.mark.parametrize("name, change, message", REFUSED)
def test_what_is_not_known_is_refused_by_name(tmp_path, name, change, message):
    file = write(tmp_path / "tokenizer.json", json.dumps(replaced(WHOLE[name], *change)))
    if change == ("normalizer", []):            # nothing to do is fine
        load(file)
        return
    with pytest.raises(ValueError, match=rf"tokenizer\.json cannot be used as a tokenizer: .*({message})"):
        load(file)


def test_sequences_do_not_nest_without_end(tmp_path):
    inner = {"type": "NFC"}
    for _ in range(200):
        inner = {"type": "Sequence", "normalizers": [inner]}
    file = write(tmp_path / "tokenizer.json", replaced(WHOLE["bert"], "normalizer", inner))
    with pytest.raises(ValueError, match="objects deep"):
        load(file)


def places(content, path=()):
    yield path
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in items:
        if not (path and path[-1] == "vocab" and len(content) > 50):
            yield from places(value, (*path, key))


PLACES = [(name, path) for name, content in WHOLE.items() for path in places(content) if path]
VALUES = st.sampled_from(
    [None, True, 0, -1, 3, 1e9, 1 << 62, "", "x", "\ud800", "▁▁", [], [[]], [None], {}, {"type": "NFC"}, {"type": []}]
)


@given(st.sampled_from(PLACES), VALUES, st.sampled_from(PLACES), VALUES)
def test_a_damaged_file_is_refused_or_works(first, value, second, other):
    content = copy.deepcopy(WHOLE[first[0]])
    for (name, path), new in ((first, value), (second, other)):
        inner = content
        try:
            for step in path[:-1]:
                inner = inner[step]
            if name == first[0]:
                inner[path[-1]] = new
        except (KeyError, IndexError, TypeError):       # the first change took that place away
            continue
    try:
        made = PipelineTokenizer(json.loads(json.dumps(content)))
        for text in ("he café [MASK]", "aa ½  \r\n"):
            made.decode(made.encoding(text, "b", allow_special=True).ids)
    except ValueError:
        pass


LLAMA_TOKENS = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", "a", "b", "ab", "q", "▁a"]
LLAMA = {
    "tokenizer.ggml.model": "llama",
    "tokenizer.ggml.tokens": LLAMA_TOKENS,
    "tokenizer.ggml.token_type": [2, 3, 3] + [6] * 256 + [1] * 6,
    "tokenizer.ggml.scores": [0.0] * 259 + [-9.0, -8.0, -7.0, -2.0, -3.0, -1.0],
    "tokenizer.ggml.bos_token_id": 1,
    "tokenizer.ggml.eos_token_id": 2,
    "tokenizer.ggml.unknown_token_id": 0,
}
SMOLLM = {
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.ggml.pre": "smollm",
    "tokenizer.ggml.tokens": list(GPT2),
    "tokenizer.ggml.token_type": [1] * 258 + [3],
    "tokenizer.ggml.merges": ["h e", "Ġ he"],
    "tokenizer.ggml.bos_token_id": 258,
    "tokenizer.ggml.padding_token_id": 258,
    "tokenizer.chat_template": "{{ x }}",
}


def test_a_gguf_vocabulary_of_byte_pairs():
    made = from_gguf(SMOLLM)
    assert made.encoding("he he 12").tokens == ["he", "Ġhe", "Ġ", "1", "2"]
    assert made.encode("<|endoftext|>", allow_special=True) == [258] and len(made.encode("<|endoftext|>")) > 1
    assert (made.bos_id, made.pad_id, made.unk_id, made.chat_template) == (258, 258, None, "{{ x }}")
    framed = from_gguf(SMOLLM | {"tokenizer.ggml.add_bos_token": True})
    assert framed.encoding("he").tokens == ["<|endoftext|>", "he"]
    # GPT-2 keeps digits together, Llama 3 by threes and with what is before a word.
    cut = {"gpt-2": ["1234", "!he"], "llama-bpe": ["123", "4", "!he"], "qwen2": ["1", "2", "3", "4", "!he"]}
    for pre, pieces in cut.items():
        words = [p.text for p, _ in from_gguf(SMOLLM | {"tokenizer.ggml.pre": pre})._stretches("1234!he", False)]
        assert words == pieces if pre != "gpt-2" else words == ["1234", "!", "he"]


def test_a_gguf_vocabulary_of_sentencepiece():
    made = from_gguf(LLAMA)
    # ▁a scores best, so it merges before ab does.
    assert made.encoding("ab é").tokens == ["<s>", "▁a", "b", "▁", "<0xC3>", "<0xA9>"]
    assert made.decode(made.encode("ab é")) == "ab é"
    assert (made.bos_id, made.eos_id, made.unk_id, made.special_ids) == (1, 2, 0, (1, 2))
    bare = from_gguf(LLAMA | {"tokenizer.ggml.add_space_prefix": False, "tokenizer.ggml.add_bos_token": False})
    assert bare.encoding("ab").tokens == ["ab"]


def test_no_text_becomes_a_sign_through_merges():
    tokens = ["<unk>", "<s>", "</s>", "<0x0A>", *"</s>0xA", "</", "<0", "<0x", "<0x0", "<0x0A", "▁"]
    of_scores = from_gguf({
        "tokenizer.ggml.model": "llama", "tokenizer.ggml.tokens": tokens, "tokenizer.ggml.add_space_prefix": False,
        "tokenizer.ggml.scores": [0.0] * 4 + [-1.0 - i for i in range(len(tokens) - 4)],
        "tokenizer.ggml.token_type": [2, 3, 3, 6] + [1] * (len(tokens) - 4), "tokenizer.ggml.add_bos_token": False,
    })
    for name in ("<s>", "</s>", "<0x0A>"):
        assert not set(of_scores.encode(name)) & {0, 1, 2, 3} and of_scores.decode(of_scores.encode(name)) == name
    vocab = {"<s>": 0, "<": 1, "s": 2, ">": 3, "<s": 4}
    byte_pairs = {"type": "BPE", "vocab": vocab, "merges": ["< s", "<s >"]}
    sign = {"id": 0, "content": "<s>", "special": True, "single_word": False, "lstrip": False, "rstrip": False,
            "normalized": False}
    made = PipelineTokenizer({"version": "1.0", "added_tokens": [sign], "model": byte_pairs})
    assert made.encode("<s>") == [4, 3] and made.encode("<s>", allow_special=True) == [0]


def test_an_ordinary_added_token_is_found_beside_a_sign():
    words = {"type": "WordLevel", "vocab": {"<unk>": 0, "x": 1}, "unk_token": "<unk>"}
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    added = [{"id": 2, "content": "<a>", "special": True, **flags}, {"id": 3, "content": "a>b", "special": False, **flags}]
    made = PipelineTokenizer({"version": "1.0", "added_tokens": added, "model": words})
    assert made.encode("x<a>b")[-1] == 3


@pytest.mark.parametrize(
    "change, message",
    [
        ({"tokenizer.ggml.model": "bert"}, "is 'bert': read here are gpt2 and llama"),
        ({"tokenizer.ggml.pre": "klingon"}, "'klingon', no rule for cutting text known here"),
        ({"tokenizer.ggml.tokens": []}, "has no tokenizer"),
        ({"tokenizer.ggml.tokens": None}, "must be a list of texts"),
        ({"tokenizer.ggml.token_type": [1, 2]}, "must be 259 numbers"),
        ({"tokenizer.ggml.merges": [3]}, "must be a list of texts"),
        ({"tokenizer.ggml.merges": ["h"]}, "must be two tokens"),
        ({"tokenizer.ggml.tokens": 5}, "must be a list of texts"),
        ({"tokenizer.ggml.token_type": 5}, "must be 259 numbers"),
        ({"tokenizer.ggml.pre": ["smollm"]}, "must be the name of a rule"),
        *(
            ({"tokenizer.ggml.bos_token_id": wrong}, r"tokenizer\.ggml\.bos_token_id.*one of 259 tokens")
            for wrong in (999, "abc", [1], float("nan"), 1.5)
        ),
        ({"tokenizer.ggml.add_eos_token": 1}, "must be true or false"),
        ({"tokenizer.ggml.model": "llama"}, "cannot do without"),
    ],
)
def test_a_damaged_gguf_vocabulary(change, message):
    with pytest.raises(ValueError, match=message):
        from_gguf(SMOLLM | change)


def test_ours_come_back_as_ours(tmp_path):
    made = ByteBPETokenizer.train(CORPUS, 300)
    made.save(tmp_path / "tokenizer.json")
    assert type(load(tmp_path)) is ByteBPETokenizer
