"""SQuAD's JSON: what was written is read, offsets hold, and errors name the place in the file."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyllm.data import Answer, Question, read_squad

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40).filter(str.strip)


@st.composite
def question_lists(draw):
    questions = []
    for number in range(draw(st.integers(1, 6))):
        passage = draw(TEXT) if not questions or draw(st.booleans()) else questions[-1].passage
        spans = [sorted(draw(st.tuples(*[st.integers(0, len(passage))] * 2))) for _ in range(draw(st.integers(0, 2)))]
        answers = tuple(Answer(passage[a:b], a) for a, b in spans if passage[a:b].strip())
        questions.append(Question(f"q{number}", draw(TEXT), passage, answers))
    return questions


def entry(question):
    answers = [{"text": answer.text, "answer_start": answer.start} for answer in question.answers]
    marked = {"is_impossible": True} if question.impossible else {}
    return {"id": question.id, "question": question.question, "answers": answers, **marked}


def write(path, questions):
    paragraphs = [{"context": question.passage, "qas": [entry(question)]} for question in questions]
    half = len(paragraphs) // 2
    data = [{"title": "one", "paragraphs": paragraphs[:half]}, {"title": "two", "paragraphs": paragraphs[half:]}]
    path.write_text(json.dumps({"version": "v2.0", "data": data}), encoding="utf-8")
    return path


@given(question_lists())
def test_what_was_written_is_read(tmp_path_factory, questions):
    found = read_squad(write(tmp_path_factory.getbasetemp() / "any.json", questions))
    assert found == tuple(questions)
    for question in found:
        assert question.impossible == (not question.answers)
        assert all(question.passage[answer.start : answer.end] == answer.text for answer in question.answers)


GOOD = {
    "data": [{"paragraphs": [{
        "context": "Crows count. Owls do not count.",
        "qas": [{"id": "a", "question": "Who counts?", "answers": [{"text": "Crows", "answer_start": 0}]}],
    }]}]
}
PARAGRAPH = ("data", 0, "paragraphs", 0)
QUESTION = (*PARAGRAPH, "qas", 0)
ANSWER = (*QUESTION, "answers", 0)


def changed(path, value):
    root = json.loads(json.dumps(GOOD))
    inside = root
    for step in path[:-1]:
        inside = inside[step]
    inside[path[-1]] = value
    return root


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("data",), None, r"'data' is nothing: SQuAD's format has a list there"),
        (("data",), [], "has no questions: give at least one"),
        (("data", 0), 7, r"data\[0\]: 7 is no object"),
        (("data", 0, "paragraphs"), {}, r"data\[0\]: 'paragraphs' is dict"),
        ((*PARAGRAPH, "context"), 3, r"data\[0\].paragraphs\[0\]: 'context' is 3: give a text"),
        ((*QUESTION, "question"), " ", r"data\[0\].paragraphs\[0\].qas\[0\]: 'question' is ' '"),
        ((*QUESTION, "id"), 5, "'id' is 5: give a text"),
        ((*QUESTION, "is_impossible"), "no", "'is_impossible' is 'no': write true or false"),
        ((*QUESTION, "is_impossible"), True, "is_impossible is True with 1 answers: drop the answers"),
        ((*QUESTION, "answers"), [], "is_impossible is False with 0 answers: give one, or set"),
        ((*ANSWER, "answer_start"), 1.0, r"answers\[0\]: 'answer_start' is 1.0"),
        ((*ANSWER, "answer_start"), True, "'answer_start' is True"),
        ((*ANSWER, "answer_start"), 6, "at character 6 stands 'count', not 'Crows': it stands at 0"),
        ((*ANSWER, "answer_start"), -31, "at character -31 stands 'Crows', not 'Crows': it stands at 0"),
        ((*ANSWER, "answer_start"), 10**30, "stands '', not 'Crows'"),
        ((*ANSWER, "text"), "crows", "stands 'Crows', not 'crows': copy the answer from the passage"),
        ((*PARAGRAPH, "qas"), GOOD["data"][0]["paragraphs"][0]["qas"] * 2, r"qas\[1\]: the id 'a' came before"),
    ],
)
def test_bad_files(tmp_path, path, value, message):
    file = tmp_path / "bad.json"
    file.write_text(json.dumps(changed(path, value)), encoding="utf-8")
    with pytest.raises(ValueError, match=message) as error:
        read_squad(file)
    assert str(file) in str(error.value)


@pytest.mark.parametrize("content", ["{", "[" * 100_000, "\u2014"])
def test_what_is_no_json(tmp_path, content):
    file = tmp_path / "bad.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match="not JSON"):
        read_squad(file)
    file.write_text("[1]", encoding="utf-8")
    with pytest.raises(ValueError, match="'data' is nothing"):
        read_squad(file)
