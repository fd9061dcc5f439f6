"""The parts that tasks are made of: how data is split, what is counted, how a dialogue is cut, what a text is likened to."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.task_data import labelled
from tinyllm.cli.tasks import answers, find
from tinyllm.cli.tasks.bags import Bags
from tinyllm.cli.tasks.chat import pieces
from tinyllm.cli.tasks.classification import _split
from tinyllm.cli.tasks.entities import by_dictionary
from tinyllm.cli.tasks.language import unigram
from tinyllm.cli.tasks.outcome import Outcome
from tinyllm.cli.tasks.sides import Sides, split
from tinyllm.data import Answer, LabelledTexts, Question, Reading, TaggedSentence
from tinyllm.data.answers import Found
from tinyllm.generation import PLAIN, ChatTemplate
from tinyllm.metrics import answer_scores

# ---------------------------------------------------------------- sides


@given(
    keys=st.lists(st.lists(st.integers(0, 12), min_size=1, max_size=2), min_size=6, max_size=40), seed=st.integers(0, 5),
    shares=st.sampled_from([(0.15, 0.15), (0.4, 0.5), (0.05, 0.3)]),
)
def test_no_two_sides_share_a_key_and_no_row_is_lost(keys, seed, shares):
    rows = list(range(len(keys)))
    try:
        sides = split(rows, keys, *shares, seed)
    except ValueError as error:
        assert "too few, or too much alike" in str(error)
        return
    assert sorted(row for side in sides for row in side) == rows
    assert all(side == sorted(side) for side in sides)
    of_sides = [{key for row in side for key in keys[row]} for side in sides]
    assert not (of_sides[0] & of_sides[1] or of_sides[0] & of_sides[2] or of_sides[1] & of_sides[2])
    assert [list(side) for side in split(rows, keys, *shares, seed)] == [list(side) for side in sides]


def test_rows_of_their_own_are_split_by_the_shares():
    rows = list(range(200))
    train, valid, test = split(rows, [[row] for row in rows], 0.1, 0.25, seed=3)
    assert (len(train), len(valid), len(test)) == (130, 20, 50)
    assert split(rows, [[row] for row in rows], 0.1, 0.25, seed=4)[2] != test
    with pytest.raises(ValueError, match="above 0, together below 1"):
        split(rows, [[row] for row in rows], 0.5, 0.5, seed=0)


def test_a_description_tells_sets_apart():
    one = Sides(["a", "b"], ["c"], ["d"], "here", "texts")
    assert one.description["texts"] == {"train": 2, "valid": 1, "test": 1}
    others = [Sides(["a"], ["b", "c"], ["d"], "here", "texts"), Sides(["a", "B"], ["c"], ["d"], "here", "texts")]
    assert len({side.description["sha256"] for side in (one, *others)}) == 3
    assert Sides(["a", "b"], ["c"], ["d"], "there", "texts").description["sha256"] == one.description["sha256"]


def split_once(table: LabelledTexts, shares: tuple[float, float], seed: int) -> list[list[int]]:
    """How labelled rows were split before any was held back for training: units are (label, text)."""
    groups, sides = {}, [[], [], []]
    for i, unit in enumerate(zip(table.labels.tolist(), table.texts, strict=True)):
        groups.setdefault(unit, []).append(i)
    for label in range(3):
        units = [rows for (its, _), rows in groups.items() if its == label]
        n_valid, n_test = (round(share * len(units)) for share in shares)
        for place, unit in enumerate(np.random.default_rng([seed, label]).permutation(len(units))):
            sides[1 if place < n_valid else 2 if place < n_valid + n_test else 0] += units[unit]
    return [sorted(side) for side in sides]


LABELLED = st.lists(st.tuples(st.integers(0, 2), st.sampled_from("abcdefghijklmnopqrstuvw")), min_size=9, max_size=60)


@given(LABELLED, st.integers(0, 5), st.sampled_from([(0.15, 0.15), (0.5, 0.4), (0.6, 0.3)]), st.booleans())
def test_labelled_texts_are_split_by_text_and_each_class_is_learned(rows, seed, shares, one_label):
    if one_label:
        rows = [(ord(text) % 3, text) for _, text in rows]
    table = labelled(rows)
    try:
        sides = _split(table, *shares, seed)
    except ValueError as error:
        assert "too few" in str(error)
        return
    assert sorted(text for side in sides for text in side.texts) == sorted(table.texts)
    texts = [set(side.texts) for side in sides]
    assert not (texts[0] & texts[1] or texts[0] & texts[2] or texts[1] & texts[2])
    first = dict(reversed([(text, label) for label, text in rows]))
    assert {first[text] for text in texts[0]} == set(first.values())
    before = split_once(table, shares, seed)
    if one_label and {int(table.labels[i]) for i in before[0]} == set(table.labels.tolist()):
        assert [[rows[i] for i in side] for side in before] == [
            list(zip(side.labels.tolist(), side.texts, strict=True)) for side in sides
        ]


def test_a_class_of_two_keeps_one_for_training():
    train, valid, test = _split(labelled([(0, f"a{i}") for i in range(22)] + [(1, "b0"), (1, "b1")]), 0.5, 0.4, 0)
    assert [np.bincount(side.labels, minlength=2).tolist() for side in (train, valid, test)] == [[2, 1], [11, 1], [9, 0]]


SLOW = pytest.mark.slow                 # they read all of Python's documentation, once


@pytest.mark.parametrize(
    "task",
    ["entities", "answers", "translation", "chat", pytest.param("summary", marks=SLOW), pytest.param("embeddings", marks=SLOW)],
)
def test_the_set_that_comes_along_is_split_without_a_leak(task):
    learner = find(task)(argparse.Namespace(seed=0))
    sides = learner.own()
    assert min(len(side) for side in (sides.train, sides.valid, sides.test)) > 20
    seen = {key for row in sides.train for key in learner.keys(row)}
    assert not any(key in seen for row in sides.test for key in learner.keys(row))
    assert all(text.strip() for text in learner.texts(sides))


# ---------------------------------------------------------------- answers

def reading(lead: float, text: str) -> Reading:
    """One whose "no answer" leads the best piece by so much; without a text, one that found nothing."""
    return Reading((Found(text, 0, len(text), 1.0),) if text else (), 1.0 + lead)


@given(
    st.lists(
        st.tuples(st.sampled_from([-2.0, -1.0, 0.0, 0.5, 3.0]), st.sampled_from(["x", "y", ""]), st.sampled_from(["x", None])),
        min_size=1, max_size=8,
    )
)
def test_the_threshold_is_the_best_there_is(drawn):
    """As good as the best of all thresholds that can make a difference, tried one by one."""
    questions = [Question(str(i), "?", "x y", (Answer("x", 0),) if gold else ()) for i, (_, _, gold) in enumerate(drawn)]
    readings = [reading(lead, text) for lead, text, _ in drawn]
    gold = [[answer.text for answer in question.answers] for question in questions]

    def f1(threshold: float) -> float:
        return answer_scores(gold, [found.answer(threshold) for found in readings]).f1

    chosen = answers.best_threshold(questions, readings)
    assert math.isfinite(chosen)
    assert f1(chosen) == pytest.approx(max(map(f1, (-3.0, -2.0, -1.0, 0.0, 0.5, 3.0))))


def test_the_likeliest_sentence():
    passage = "Anna lives in Oslo. Bert has a red book. The book is in Oslo."
    asked = Question("1", "Who has the red book?", passage, ())
    assert answers.likeliest_sentence(asked) == "Bert has a red book."
    assert answers.likeliest_sentence(Question("2", "?", "nothing", ())) == "nothing"


# ---------------------------------------------------------------- chat

TEMPLATES = {
    "plain": PLAIN,
    "trimmed": "{% for m in messages %}[{{ m.role }}] {{ m.content | trim }} <eos>{% endfor %}"
               "{% if add_generation_prompt %}[assistant] {% endif %}",
}


def dialogue(texts: Sequence[str]) -> tuple[dict[str, str], ...]:
    return tuple({"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(texts))


@pytest.mark.parametrize("name", TEMPLATES)
@given(turns=st.lists(st.tuples(*[st.text("ab <>\n", min_size=1).filter(str.strip)] * 2), min_size=1, max_size=3))
def test_the_pieces_are_the_text_and_replies_begin_where_a_prompt_ends(name, turns):
    template = ChatTemplate(TEMPLATES[name], bos_token="<bos>", eos_token="<eos>")
    messages = dialogue([text for turn in turns for text in turn])
    cut = list(pieces(template, messages, ["<eos>"]))
    assert [is_reply for _, is_reply in cut] == [False, True] * len(turns)
    whole = "".join(text for text, _ in cut)
    assert template.render(messages, add_generation_prompt=False).rstrip("\n") == whole
    for i, (text, is_reply) in enumerate(cut):
        if is_reply:
            assert "".join(text for text, _ in cut[:i]) == template.render(messages[:i], add_generation_prompt=True)
            content = messages[i]["content"]
            assert text == (content if name == "plain" else f"{content.strip()} ") + "<eos>"


def test_a_dialogue_that_cannot_be_learned():
    plain = ChatTemplate(PLAIN, bos_token="<bos>", eos_token="<eos>")
    with pytest.raises(ValueError, match="control sign '<eos>'"):
        list(pieces(plain, dialogue(["hello", "bye<eos>"]), ["<bos>", "<eos>"]))
    forgetful = ChatTemplate("{{ messages[-1].content }}{% if add_generation_prompt %}>{% endif %}")
    with pytest.raises(ValueError, match="differently when another follows"):
        list(pieces(forgetful, dialogue(["a", "b", "c", "d"]), []))


# ---------------------------------------------------------------- baselines and counts

def test_a_bag_of_words_weighs_rare_words_and_knows_no_order():
    texts = ["the dog bites the man", "the cat", "a rare word"]
    bags = Bags(texts)
    np.testing.assert_allclose(np.linalg.norm(bags.vectors, axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(bags.of(["the man bites the DOG"]), bags.vectors[:1], rtol=1e-6)
    assert bags.nearest(["the rare", "the cat and the dog", "a cat"]) == [2, 1, 1]
    assert not bags.of(["unknown"]).any()
    assert bags.weight[bags.column["the"]] == pytest.approx(math.log(4 / 3 + 1))


def test_the_dictionary_of_tags_takes_the_commonest():
    train = [TaggedSentence(("May", "came"), ("B-PER", "O")), TaggedSentence(("May", "May"), ("O", "O"))]
    assert by_dictionary(train, [TaggedSentence(("May", "went"), ("B-PER", "O"))]) == [["O", "O"]]
    assert by_dictionary(train[:1], [TaggedSentence(("May", "May"), ("O", "O"))]) == [["B-PER", "B-PER"]]


def test_the_unigram_counts_each_token_once_more():
    loss = unigram(np.array([0, 0, 1]), np.array([0, 2]), 3)["loss"]
    assert loss == pytest.approx(-(math.log(3 / 6) + math.log(1 / 6)) / 2)


# ---------------------------------------------------------------- outcome

def test_an_outcome_is_shown_and_saved(tmp_path, capsys):
    def nothing():
        raise ImportError("no matplotlib")

    example = {"text": "a | b\nc " + "long " * 99, "right": "d"}
    outcome = Outcome({"f1": 0.5, "macro_f1": 0.25, "rows": 1200}, 2, {"a baseline": {"f1": 0.125}}, [example] * 5,
                      {"names": ["x"]}, ("picture.png", nothing))
    outcome.show()
    shown = capsys.readouterr().out
    assert shown.startswith("test: F1 0.500, macro F1 0.250\n  a baseline: F1 0.125\n")
    assert shown.count("text:") == 3 and "…" in shown and max(map(len, shown.splitlines())) < 180
    outcome.save(tmp_path)
    assert "no picture.png: no matplotlib" in capsys.readouterr().err
    saved = json.loads((tmp_path / "test.json").read_text())
    assert saved["f1"] == 0.5 and saved["names"] == ["x"] and len(saved["examples"]) == 5
    rows = (tmp_path / "examples.md").read_text().splitlines()
    assert len(rows) == 7 and rows[:2] == ["| text | right |", "| --- | --- |"] and rows[2].startswith("| a \\| b c long")
