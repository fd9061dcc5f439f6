"""The sets of datasets/: found in a checkout and in a wheel, read by what they are, errors that say what to do."""

import json
import tomllib
from pathlib import Path

import pytest

from tinyllm.data import LabelledTexts, Question, TaggedSentence, TextPairs, built_in, builtin, builtin_names

ROOT = Path(__file__).parents[2]


def write(folder, name, ending, *contents):
    (folder / name).mkdir(parents=True)
    for part, content in zip(("train", "valid", "test"), contents, strict=False):
        (folder / name / f"{part}{ending}").write_text(content, encoding="utf-8")


@pytest.fixture
def places(tmp_path, monkeypatch):
    """(in the wheel, in the checkout), both empty."""
    folders = (tmp_path / "wheel", tmp_path / "checkout")
    monkeypatch.setattr(built_in, "FOLDERS", folders)
    return folders


def question(number):
    asked = {"id": f"q{number}", "question": "Who?", "answers": [{"text": "Ada", "answer_start": 0}]}
    return json.dumps({"data": [{"paragraphs": [{"context": "Ada did.", "qas": [asked]}]}]})


def test_every_kind_of_file_is_read_as_what_it_is(places):
    folder = places[1]
    write(folder, "classes", ".tsv", *("text\tlabel\na\tx\nb\ty\n", "text\tlabel\nc\ty\n", "text\tlabel\nd\tx\n"))
    write(folder, "pairs", ".tsv", *(f"source\ttarget\tlevel\n{part}\tb\t1\n" for part in "abc"))
    write(folder, "tags", ".conll", *(f"{part} I-PER\n" for part in "abc"))
    write(folder, "asked", ".json", *map(question, range(3)))
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    write(folder, "chat", ".jsonl", *[json.dumps({"messages": turns}) + "\n"] * 3)
    (folder / "notes").mkdir()
    assert builtin_names() == {name: folder / name for name in ("asked", "chat", "classes", "pairs", "tags")}
    classes = builtin("classes")
    assert isinstance(classes.train, LabelledTexts) and classes.validation.names == classes.test.names == ("x", "y")
    assert classes.validation.labels.tolist() == [1] and classes.folder == folder / "classes"
    assert builtin("pairs").test == TextPairs(("c",), ("b",))
    assert builtin("tags").validation == (TaggedSentence(("b",), ("B-PER",)),)
    assert [part[0].id for part in (builtin("asked").train, builtin("asked").test)] == ["q0", "q2"]
    assert isinstance(builtin("asked").train[0], Question)
    assert builtin("chat").train == (tuple(turns),)


def test_the_wheel_comes_first(places):
    for folder, word in zip(places, ("wheel", "checkout"), strict=True):
        write(folder, "pairs", ".tsv", *[f"source\ttarget\n{word}\tb\n"] * 3)
    assert builtin("pairs").train.sources == ("wheel",)


def test_what_is_not_there_is_said(places):
    with pytest.raises(FileNotFoundError, match=r"no data sets at .*wheel or .*checkout: write them with `python datasets"):
        builtin("pairs")
    write(places[1], "pairs", ".tsv", "source\ttarget\na\tb\n")
    with pytest.raises(FileNotFoundError, match="pairs lacks its valid and test part: write it with"):
        builtin("pairs")
    for name in ("../pairs", "pears", "", "."):
        with pytest.raises(ValueError, match=r"no data set .*: there are pairs"):
            builtin(name)


@pytest.mark.parametrize("name", sorted(folder.parent.name for folder in (ROOT / "datasets").glob("*/train.*")))
def test_the_sets_of_this_checkout_are_read(name):
    found = builtin(name)
    assert found.folder == ROOT / "datasets" / name
    assert len(found.train) > len(found.test) > 0 and len(found.validation) > 0


def test_the_wheel_takes_their_files_along():
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"]
    assert build["wheel"]["sources"] == {"datasets": "tinyllm/datasets"}
    patterns = {path for path in build["wheel"]["include"] if path.startswith("/datasets")}
    assert patterns == {f"/datasets/*/{part}.*" for part in ("train", "valid", "test")}
    assert "/datasets" in build["sdist"]["include"]
