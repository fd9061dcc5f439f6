"""Saving and loading: what was saved comes back, and nothing else gets in."""

import copy
import errno
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tokenizers.support import CORPUS, DENSE_TEXT, TEXT
from tinyllm.tokenizers import ByteBPETokenizer, CharTokenizer, load, storage

BPE = ByteBPETokenizer.train(CORPUS, 330, ["<pad>", "<mask>"])
CHARACTERS = CharTokenizer.train("hello world\n😀\ud83d\ude00", ["<unk>", "<eos>"])
BOTH = pytest.mark.parametrize("tokenizer", [BPE, CHARACTERS], ids=["bpe", "characters"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tokenizers")


@given(DENSE_TEXT, TEXT)
def test_a_loaded_tokenizer_is_the_saved_one(folder, corpus, text):
    for tokenizer in (ByteBPETokenizer.train(corpus + "x", 290), CharTokenizer.train(corpus + text + "x")):
        tokenizer.save(folder / "saved.json")
        first = (folder / "saved.json").read_bytes()
        loaded = load(folder / "saved.json")
        assert type(loaded) is type(tokenizer)
        assert loaded.vocab_size == tokenizer.vocab_size and loaded.special_tokens == tokenizer.special_tokens
        assert loaded.encode(text) == tokenizer.encode(text)
        assert loaded.decode(range(loaded.vocab_size)) == tokenizer.decode(range(tokenizer.vocab_size))
        loaded.save(str(folder / "saved.json"))
        assert (folder / "saved.json").read_bytes() == first


def test_the_file_is_readable(tmp_path):
    BPE.save(tmp_path / "new" / "tokenizer.json")
    text = (tmp_path / "new" / "tokenizer.json").read_text(encoding="utf-8")
    assert '\n   "h e",\n' in text and '"Ġthe": ' in text
    content = json.loads(text)
    assert content["version"] == "1.0"
    assert [token["content"] for token in content["added_tokens"]] == ["<pad>", "<mask>"]
    assert content["model"]["vocab"]["Ġ"] == 32
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["tokenizer.json"]


@BOTH
@given(data=st.data())
def test_a_file_cut_short_anywhere(folder, tokenizer, data):
    tokenizer.save(folder / "cut.json")
    whole = (folder / "cut.json").read_bytes()
    (folder / "cut.json").write_bytes(whole[: data.draw(st.integers(0, len(whole) - 3))])
    with pytest.raises(ValueError, match=r"cut\.json is cut short or not JSON"):
        load(folder / "cut.json")


@given(data=st.data())
def test_a_changed_byte_never_makes_another_tokenizer(folder, data):
    BPE.save(folder / "flipped.json")
    whole = bytearray((folder / "flipped.json").read_bytes())
    whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    (folder / "flipped.json").write_bytes(whole)
    try:
        loaded = load(folder / "flipped.json")
    except ValueError as error:
        assert "flipped.json" in str(error)
    else:
        assert loaded.as_json() == BPE.as_json()


def set_to(*place_and_value):
    *place, key, value = place_and_value

    def change(content):
        for step in place:
            content = content[step]
        content[key] = value

    return change


def swap_merges(content):
    merges = content["model"]["merges"]
    merges[3], merges[4] = merges[4], merges[3]


TAMPERED = {
    "another version": (set_to("version", "2.0"), 'version" is .2.0., this code reads "1.0"'),
    "no model": (lambda content: content.pop("model"), '"model" must be a dict, got NoneType'),
    "model of another kind": (set_to("model", "type", "Unigram"), "'Unigram', this code reads BPE and WordLevel"),
    "merges gone": (lambda content: content["model"].pop("merges"), '"merges" must be a list'),
    "merge is no text": (set_to("model", "merges", 2, ["a", "b"]), '"merges" must be strings'),
    "merge of three": (set_to("model", "merges", 2, "a b c"), "'a b c' is not a pair"),
    "merge of unknown tokens": (set_to("model", "merges", 2, "a xyzzy"), "'a xyzzy' is not a pair"),
    "merge of a special token": (set_to("model", "merges", 2, "a <mask>"), "comes too early"),
    "merge dropped": (
        lambda content: content["model"]["merges"].pop(),
        'added_tokens.0.id" is 328, but .* implies 327',
    ),
    "merges swapped": (swap_merges, 'file.model.vocab.*(implies|should not have)'),
    "id changed": (set_to("model", "vocab", "Ġthe", 3), "too early|implies"),
    "id is true": (set_to("model", "vocab", "\u0101", True), "the id True: ids are integers"),
    "id is a float": (set_to("model", "vocab", "a", 97.0), "the id 97.0: ids are integers"),
    "token added": (set_to("model", "vocab", "intruder", 9999), "should not have 'intruder'"),
    "vocab is a list": (set_to("model", "vocab", []), '"vocab" must be a dict, got list'),
    "another splitting rule": (
        set_to("pre_tokenizer", "pretokenizers", 0, "pattern", "Regex", r"\w+"),
        'file.pre_tokenizer.pretokenizers.0.pattern.Regex" is',
    ),
    "a normalizer": (set_to("normalizer", {"type": "Lowercase"}), '"file.normalizer" is .*Lowercase'),
    "dropout": (set_to("model", "dropout", 0.1), '"file.model.dropout" is 0.1'),
    "special id changed": (set_to("added_tokens", 0, "id", 7), 'file.added_tokens.0.id" is 7, '),
    "zero for false": (set_to("added_tokens", 0, "lstrip", 0), 'file.added_tokens.0.lstrip" is 0, '),
    "special token unnamed": (set_to("added_tokens", 0, "content", None), '"content" must be a str'),
    "special token no object": (set_to("added_tokens", 0, "<pad>"), '"added_tokens" must hold objects'),
    "special token renamed": (set_to("added_tokens", 0, "content", "<pod>"), "<p[ao]d>"),
    "special token twice": (set_to("added_tokens", 0, "content", "<mask>"), "repeat a name"),
    "extra entry": (set_to("extra", 1), "should not have 'extra'"),
}


@pytest.mark.parametrize("change, message", TAMPERED.values(), ids=TAMPERED.keys())
def test_tampered_files(tmp_path, change, message):
    content = copy.deepcopy(BPE.as_json())
    change(content)
    (tmp_path / "bad.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ValueError, match=rf"bad\.json is no intact tokenizer file of ours: .*({message})"):
        load(tmp_path / "bad.json")


@pytest.mark.parametrize(
    "change, message",
    [
        (set_to("model", "vocab", "he", 2), "'he' is not one character"),
        (set_to("model", "vocab", "q", 99), 'added_tokens.0.id" is 12, but .* implies 13'),
        (set_to("model", "vocab", {}), "no text"),
        (set_to("model", "unk_token", "<eos>"), '"file.model.unk_token" is <eos>'),
    ],
)
def test_tampered_files_of_characters(tmp_path, change, message):
    content = copy.deepcopy(CHARACTERS.as_json())
    change(content)
    (tmp_path / "bad.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        load(tmp_path / "bad.json")


def test_a_small_file_cannot_make_large_tokens(tmp_path):
    tokens = ["a" * 2**i for i in range(12)]
    content = copy.deepcopy(BPE.as_json())
    content["model"]["merges"] = [f"{token} {token}" for token in tokens]
    content["model"]["vocab"] |= {token: 255 + i for i, token in enumerate(tokens) if i}
    (tmp_path / "bomb.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ValueError, match="no word is longer"):
        load(tmp_path / "bomb.json")


@pytest.mark.parametrize("data", [b"[1, 2]", b"null", b'"text"'])
def test_json_that_is_no_object(tmp_path, data):
    (tmp_path / "odd.json").write_bytes(data)
    with pytest.raises(ValueError, match="not a JSON object"):
        load(tmp_path / "odd.json")


@pytest.mark.parametrize("data", [b"", b"\xff\xfe\x00", b"[" * 100_000, b"9" * 5_000, b"{'a': 1}", b"\0" * 99])
def test_what_is_no_json(tmp_path, data):
    (tmp_path / "odd.json").write_bytes(data)
    with pytest.raises(ValueError, match=r"odd\.json"):
        load(tmp_path / "odd.json")


def test_too_large_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "LARGEST_FILE", 1 << 20)
    (tmp_path / "large.json").write_bytes(b" " * (1 << 20) + b"{")
    with pytest.raises(ValueError, match="larger than 1 MiB"):
        load(tmp_path / "large.json")


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"missing\.json"):
        load(tmp_path / "missing.json")


@BOTH
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch, tokenizer, step):
    path = tmp_path / "tokenizer.json"
    tokenizer.save(path)
    before = path.read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, step, full)
    with pytest.raises(OSError, match="No space left"):
        ByteBPETokenizer([]).save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_appears_whole(tmp_path, monkeypatch):
    """At the moment of renaming, the file beside holds everything."""
    path = tmp_path / "tokenizer.json"
    replace = os.replace
    seen = []

    def watch(source, target):
        seen.append(Path(source).read_bytes())
        assert Path(source).parent == path.parent and not path.exists()
        replace(source, target)

    monkeypatch.setattr(os, "replace", watch)
    BPE.save(path)
    assert seen == [path.read_bytes()]


def test_a_path_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        BPE.save(tmp_path / "file" / "tokenizer.json")
    with pytest.raises(OSError, match="folder"):
        (tmp_path / "folder").mkdir()
        BPE.save(tmp_path / "folder")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]
