"""The data sets are what their generators write, their cards say so, and the check notices when not."""

import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.datasets.support import DATASETS, generator, load
from tinyllm.data import read_table

NAMES = ("sentiment_negation", "reverse", "translation", "entities", "questions", "dialogues")


@pytest.fixture(scope="module")
def check():
    return load("check")


@pytest.fixture
def copy(tmp_path):
    return Path(shutil.copytree(DATASETS, tmp_path / "datasets"))


@pytest.mark.parametrize("name", NAMES)
def test_the_files_are_as_generated_and_as_their_cards_say(check, name):
    assert check.problems(name, DATASETS / name) == []


def test_the_commands_write_and_check(tmp_path):
    copy = Path(shutil.copytree(DATASETS, tmp_path / "datasets"))
    run = [sys.executable, "-W", "error"]
    program = "import check; check.build.NAMES = ('reverse', 'questions'); raise SystemExit(check.main())"
    done = subprocess.run([*run, "-c", program], cwd=DATASETS, capture_output=True, text=True)
    assert done.returncode == 0 and "reverse, questions: as generated, as their cards say" in done.stdout, done.stderr
    subprocess.run([*run, DATASETS / "build.py", "--out", copy], check=True, capture_output=True)
    for name in NAMES:
        files = [path for path in (DATASETS / name).iterdir() if path.suffix in (".tsv", ".conll", ".json", ".jsonl")]
        assert len(files) == 3 and all((copy / name / path.name).read_bytes() == path.read_bytes() for path in files)


def change(path, old, new):
    text = path.read_bytes().decode()
    assert old in text
    path.write_bytes(text.replace(old, new, 1).encode())


@pytest.mark.parametrize(
    ("name", "file", "old", "new", "messages"),
    [
        ("reverse", "README.md", "`8", "`9", ["lacks the line: | test.tsv"]),
        ("reverse", "README.md", "13.9%", "14.9%", ["lacks the line: | always copy, symbols"]),
        ("reverse", "../README.md", "50.0% of whole", "51.0% of whole", ["the row of reverse says 51.0%"]),
        ("reverse", "../README.md", "4,000 / 400", "4,000 / 401", ["the row of reverse lacks its sizes: 4,000 / 400 / 400"]),
        ("reverse", "test.tsv", "\t3\n", "\t4\n", ["not what its generator writes", "not balanced", "wrong target"]),
        ("reverse", "valid.tsv", "copy ", "reverse ", ["not what its generator", "not balanced", "wrong target"]),
        ("sentiment_negation", "test.tsv", "positive", "negative", ["not balanced", "not a pair of the same words"]),
        ("sentiment_negation", "valid.tsv", "the", "that", ["not a pair of the same words"]),
        ("translation", "test.tsv", "the ", "these ", ["not what its generator writes", "words that train lacks: ['these']"]),
        ("translation", "valid.tsv", "\t1\n", "\t2\n", ["valid: levels are not balanced"]),
        ("entities", "test.conll", " B-", " I-", ["test: an I- without its B-"]),
        ("entities", "valid.conll", " 1 O", " 2 O", ["levels are not balanced", "two levels in one sentence"]),
        ("questions", "test.json", '"answer_start":', '"answer_start":1', ["the answer does not stand at 1"]),
        ("questions", "valid.json", '"level":3', '"level":2', ["level 3 is what has no answer"]),
        ("questions", "valid.json", "valid-0-1", "valid-0-0", ["an id stands twice"]),
        ("dialogues", "test.jsonl", '"role":"user"', '"role":"system"', ["roles do not take turns"]),
        ("dialogues", "valid.jsonl", "radio has", "lamp has", ["the last reply is not about order"]),
        ("dialogues", "valid.jsonl", '"level":3', '"level":2', ["levels are not balanced"]),
    ],
)
def test_the_check_notices(check, copy, monkeypatch, name, file, old, new, messages):
    change(copy / name / file, old, new)
    if not file.endswith("README.md"):
        monkeypatch.setitem(check.baselines.MEASURE, name, lambda train, test: {})      # takes its time, and is not at stake
    found = "\n".join(check.problems(name, copy / name))
    for message in messages:
        assert message in found


def test_the_check_notices_a_text_in_two_splits(check, copy):
    for name in ("sentiment_negation", "reverse"):
        lines = [(copy / name / file).read_bytes().splitlines(keepends=True) for file in ("train.tsv", "test.tsv")]
        lines[1][1:3] = lines[0][2:0:-1]      # the pair in the other order is the same text still
        (copy / name / "test.tsv").write_bytes(b"".join(lines[1]))
        assert "train and test share a text" in "\n".join(check.problems(name, copy / name))


def test_the_check_notices_a_file_that_is_not_there(check, copy):
    (copy / "reverse" / "valid.tsv").unlink()
    assert check.problems("reverse", copy / "reverse") == ["reverse/valid.tsv is missing: run python datasets/build.py"]


@given(st.integers(0, 2**32), st.sampled_from([1, 2, 3]))
def test_a_pair_has_the_same_words_in_another_order_and_opposite_labels(seed, level):
    grammar = generator("sentiment_negation")
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
    grammar = generator("sentiment_negation")
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


def test_the_other_baselines_on_rows_small_enough_to_see():
    baselines = load("baselines")
    pairs = [(["the", "dog"], ["kan", "o"]), (["the", "cat"], ["mir", "o"]), (["cat"], ["mir"])]
    assert baselines.likeliest_words(pairs) == {"the": "o", "dog": "kan", "cat": "mir"}
    assert baselines.most_alike(["a b c", "a d", "d"], ["d a", "b", "d x"]) == [1, 0, 2]

    train = [[["in", "1", "O"], ["Port", "1", "B-LOC"], ["Kent", "1", "I-LOC"]], [["Kent", "1", "B-PER"], ["ran", "1", "O"]]]
    test = [[[word, "1", "O"] for word in ["Kent", "saw", "Port", "Kent"]]]
    assert baselines.seen_names(train, test) == [["B-PER", "O", "B-LOC", "I-LOC"]]
    train.append([["in", "1", "O"], ["we", "1", "O"]])
    # Met whole: "ran" at the end after Kent. By both neighbours: what stands between "in" and Kent. By one: the first word.
    test = [[[word, "1", "O"] for word in ("in", "Bath", "Kent", "ran")]]
    assert baselines.neighbours(train, test) == [["O", "B-LOC", "B-PER", "O"]]

    story = "Ada lives in Bath. Ben lives in Kent. Ada is a cook."
    entry = {"context": story, "question": "Where does Ben live?"}
    answers = {"Where does": baselines.Counter(Bath=2, Kent=1, cook=5)}
    assert baselines.nearest_sentence(entry, answers) == "Kent"
    assert baselines.nearest_sentence(entry, {"Where does": baselines.Counter(Bath=2)}) == ""
