"""The data sets are what their generators write, their cards say so, and the check notices when not."""

import importlib.util
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyllm.data import read_table

DATASETS = Path(__file__).parents[2] / "datasets"


def load(name):
    spec = importlib.util.spec_from_file_location(name, DATASETS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def check():
    before = list(sys.path)
    yield load("check")
    sys.path[:] = before
    for name in ("build", "baselines"):
        sys.modules.pop(name, None)


@pytest.fixture
def copy(tmp_path):
    return Path(shutil.copytree(DATASETS, tmp_path / "datasets"))


@pytest.mark.parametrize("name", ["sentiment_negation", "reverse"])
def test_the_files_are_as_generated_and_as_their_cards_say(check, name):
    assert check.problems(name, DATASETS / name) == []


def test_the_commands_write_and_check(tmp_path):
    run = [sys.executable, "-W", "error"]
    done = subprocess.run([*run, DATASETS / "check.py"], capture_output=True, text=True)
    assert done.returncode == 0 and "as generated, as their cards say" in done.stdout, done.stderr
    subprocess.run([*run, DATASETS / "build.py", "--out", tmp_path], check=True, capture_output=True)
    for name in ("sentiment_negation", "reverse"):
        for split in ("train", "valid", "test"):
            assert (tmp_path / name / f"{split}.tsv").read_bytes() == (DATASETS / name / f"{split}.tsv").read_bytes()


def change(path, old, new):
    text = path.read_bytes().decode()
    assert old in text
    path.write_bytes(text.replace(old, new, 1).encode())


@pytest.mark.parametrize(
    ("name", "file", "old", "new", "messages"),
    [
        ("reverse", "README.md", "`8", "`9", ["lacks the line: | test.tsv"]),
        ("reverse", "README.md", "13.9%", "14.9%", ["lacks the line: | always copy, symbols"]),
        ("reverse", "test.tsv", "\t3\n", "\t4\n", ["not what its generator writes", "not balanced", "wrong target"]),
        ("reverse", "valid.tsv", "copy ", "reverse ", ["not what its generator", "not balanced", "wrong target"]),
        ("sentiment_negation", "test.tsv", "positive", "negative", ["not balanced", "not a pair of the same words"]),
        ("sentiment_negation", "valid.tsv", "the", "that", ["not a pair of the same words"]),
    ],
)
def test_the_check_notices(check, copy, name, file, old, new, messages):
    change(copy / name / file, old, new)
    found = "\n".join(check.problems(name, copy / name))
    for message in messages:
        assert message in found


def test_the_check_notices_a_text_in_two_splits(check, copy):
    for name in ("sentiment_negation", "reverse"):
        lines = [(copy / name / file).read_bytes().splitlines(keepends=True) for file in ("train.tsv", "test.tsv")]
        lines[1][1:3] = lines[0][2:0:-1]      # the pair in the other order is the same text still
        (copy / name / "test.tsv").write_bytes(b"".join(lines[1]))
        assert "train.tsv and test.tsv share a text" in "\n".join(check.problems(name, copy / name))


def test_the_check_notices_a_file_that_is_not_there(check, copy):
    (copy / "reverse" / "valid.tsv").unlink()
    assert check.problems("reverse", copy / "reverse") == ["reverse/valid.tsv is missing: run python datasets/build.py"]


@given(st.integers(0, 2**32), st.sampled_from([1, 2, 3]))
def test_a_pair_has_the_same_words_in_another_order_and_opposite_labels(seed, level):
    grammar = load("build").generator("sentiment_negation")
    (one, label, _), (other, opposite, _) = grammar.pair(random.Random(seed), level)
    assert one != other and sorted(one.split()) == sorted(other.split())
    assert {label, opposite} == {"positive", "negative"}


def judge(text, grammar):
    """The label by reading: what is claimed of the last clause that counts. Written without the grammar's patterns."""
    good = {word: True for word in grammar.GOOD} | {word: False for word in grammar.BAD}
    words = text.split()
    places = [i for i, word in enumerate(words) if word in good]
    denials = {"not", "never", "hardly", "nobody", "cannot", "doubt", "point", "means"}
    first, last = ([word for word in words[start:stop]] for start, stop in ((0, places[0]), (places[0] + 1, places[1])))
    denied = [bool(denials & set(first)), bool(denials & set(last))]
    assert denied.count(True) == 1
    truth = [good[words[place]] != no for place, no in zip(places, denied, strict=True)]
    if truth[0] == truth[1]:
        return truth[0]
    # The clauses disagree: one of them is conceded.
    conceded_first = {"although", "but", "forget"} & set(words)
    return truth[1] if conceded_first else truth[0]


@pytest.mark.parametrize("split", ["train", "valid", "test"])
def test_every_label_is_what_a_reader_would_say(split):
    grammar = load("build").generator("sentiment_negation")
    table = read_table(DATASETS / "sentiment_negation" / f"{split}.tsv")
    assert table.names == ("negative", "positive")
    for text, label in zip(table.texts, table.labels, strict=True):
        assert judge(text, grammar) == bool(label), text


def test_naive_bayes_against_numbers_worked_by_hand():
    baselines = load("baselines")
    train = [["good film", "p"], ["good", "p"], ["bad film", "n"]]
    # Three words: p has 3 of them, n has 2. "film": (1+1)/(3+3) for p, (1+1)/(2+3) for n. "good": 3/6 against 1/5.
    assert baselines.naive_bayes(train, [["film", "n"], ["good", "p"], ["good film", "p"]], 1) == [True] * 3
    assert baselines.ngrams("a b c", 2) == ["a", "b", "c", "a b", "b c"]
    assert baselines.percent([True, False, False]) == "33.3%"
