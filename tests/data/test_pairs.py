"""Pairs of texts and dialogues: what was written is read, and errors name line and fix."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyllm.data import TextPairs, check_dialogue, read_dialogues, read_pairs

CHARACTERS = st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"], exclude_characters="\ufeff")
TEXT = st.text(CHARACTERS, min_size=1).filter(str.strip)


@given(st.lists(st.tuples(TEXT, TEXT, TEXT), min_size=1, max_size=5))
def test_columns_by_name_and_by_number(tmp_path_factory, rows):
    folder = tmp_path_factory.getbasetemp()
    table = "".join("\t".join(row) + "\n" for row in rows)
    (folder / "bare.tsv").write_text(table, encoding="utf-8", newline="")
    (folder / "named.tsv").write_text("en\tfr\tfrom\n" + table, encoding="utf-8", newline="")
    pairs = read_pairs(folder / "bare.tsv", 0, 1)
    assert pairs == TextPairs(tuple(row[0] for row in rows), tuple(row[1] for row in rows))
    assert read_pairs(folder / "named.tsv", "en", "fr") == pairs
    assert read_pairs(folder / "bare.tsv", 2, 0) == TextPairs(tuple(row[2] for row in rows), pairs.sources)
    assert pairs.rows([len(pairs) - 1]) == TextPairs(pairs.sources[-1:], pairs.targets[-1:])


@pytest.mark.parametrize(
    ("name", "content", "columns", "message"),
    [
        ("a.tsv", "a\tb\n", (0, 2), "line 1: no column 2: there are 0, 1"),
        ("a.tsv", "a\tb\nc\t \n", (0, 1), "line 2: column 1 is ' ': give a text"),
        ("a.tsv", "a\tb\nc\n", (0, 1), "line 2: 1 values for 2 columns"),
        ("a.csv", "a,b\n", ("a", 1), "columns 'a' and 1: give two names, or two numbers"),
        ("a.jsonl", "{}\n", (0, 1), "columns of .jsonl have names, not numbers"),
        ("a.csv", "source,target\n", ("source", "target"), "has no rows: give at least one"),
        ("a.txt", "x", (0, 1), "ends in '.txt'"),
    ],
)
def test_bad_pairs(tmp_path, name, content, columns, message):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        read_pairs(path, *columns)


@st.composite
def dialogues(draw):
    turns = [(role, draw(TEXT)) for _ in range(draw(st.integers(1, 3))) for role in ("user", "assistant")]
    system = [("system", draw(TEXT))] if draw(st.booleans()) else []
    return tuple({"role": role, "content": content} for role, content in system + turns)


@given(st.lists(dialogues(), min_size=1, max_size=4))
def test_dialogues_come_back(tmp_path_factory, made):
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.write_text("\n\n".join(json.dumps({"messages": one, "more": 1}) for one in made), encoding="utf-8")
    assert read_dialogues(path) == tuple(made)


@given(dialogues(), st.data())
def test_a_dialogue_without_one_of_its_messages_is_refused_or_still_takes_turns(dialogue, data):
    without = data.draw(st.integers(0, len(dialogue) - 1))
    rest = dialogue[:without] + dialogue[without + 1 :]
    if dialogue[without]["role"] == "system":
        assert check_dialogue(list(rest)) == rest
    else:
        with pytest.raises(ValueError, match=r"message .* has role|the last message is no reply"):
            check_dialogue(list(rest))


USER = {"role": "user", "content": "Hello."}
REPLY = {"role": "assistant", "content": "Good day."}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"text": "a"}, 'line 2: no list "messages"'),
        ({"messages": []}, 'line 2: no list "messages"'),
        ({"messages": ["a"]}, "line 2: message 1 is 'a': write"),
        ({"messages": [REPLY]}, "line 2: message 1 has role 'assistant': here stands system or user"),
        ({"messages": [USER, USER]}, "line 2: message 2 has role 'user': here stands assistant"),
        ({"messages": [USER, REPLY, {"role": "system", "content": "x"}]}, "message 3 has role 'system': here stands user"),
        ({"messages": [USER]}, "the last message is no reply"),
        ({"messages": [USER, {"role": "assistant", "content": ""}]}, "message 2 has content '': give a text"),
        ({"messages": [{"role": "user", "content": 5}]}, "message 1 has content 5: give a text"),
    ],
)
def test_bad_dialogues(tmp_path, row, message):
    path = tmp_path / "bad.jsonl"
    path.write_text(json.dumps({"messages": [USER, REPLY]}) + "\n" + json.dumps(row) + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        read_dialogues(path)


def test_files_that_hold_no_dialogues(tmp_path):
    with pytest.raises(ValueError, match=r"dialogues are read from \.jsonl"):
        read_dialogues(tmp_path / "a.json")
    with pytest.raises(TypeError, match="messages are dict: give a list"):
        check_dialogue({})
