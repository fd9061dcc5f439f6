"""Windows over long passages: they cover it, the answer is where its characters are, and a perfect model reads it back."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.pieces import CLS, PAD, SEP, AnyPieces
from tests.data.support import check_keys, check_source, epoch, rows
from tinyllm.data import Answer, AnswerSpans, Question
from tinyllm.data.answer_spans import tokens_between
from tinyllm.data.located import locate

TEXT = st.text(st.sampled_from("abcde ~é漢🙂"), min_size=1, max_size=60)


@st.composite
def question_lists(draw):
    questions = []
    for number in range(draw(st.integers(1, 5))):
        passage = draw(TEXT) if number % 2 == 0 else questions[-1].passage      # two questions on each passage
        a, b = sorted(draw(st.tuples(*[st.integers(0, len(passage))] * 2)))
        answers = (Answer(passage[a:b], a),) if passage[a:b].strip() else ()
        questions.append(Question(f"q{number}", draw(TEXT), passage, answers))
    return questions


SIZES = st.tuples(st.integers(0, 5), st.integers(1, 8), st.integers(1, 4))      # overlap, new tokens, question


def make(questions, pieces, sizes, seed=0, batch_size=3):
    overlap, new, max_question = sizes
    return AnswerSpans(questions, AnyPieces(pieces), batch_size, max_question + 3 + overlap + new, overlap, max_question, seed)


def contents(batches):
    keys = ("row", "starts", "ends")
    return [
        (*row, *(int(batch[key][i]) for key in keys), *batch["segment_ids"][i][batch["attention_mask"][i]].tolist())
        for batch in batches for i, row in enumerate(rows([batch]))
    ]


@given(question_lists(), st.integers(0, 99), SIZES, st.integers(0, 2**40), st.integers(0, 9))
def test_every_window_once_an_epoch(questions, pieces, sizes, seed, number):
    check_source(lambda seed: make(questions, pieces, sizes, seed), contents, seed, number)
    for batch in epoch(make(questions, pieces, sizes, seed), number):
        check_keys(batch, "ids", "attention_mask", "segment_ids", "starts", "ends", "row")
        assert (batch["ids"][~batch["attention_mask"]] == PAD).all()


@given(question_lists(), st.integers(0, 99), SIZES)
def test_windows_cover_the_passage_and_hold_the_answer(questions, pieces, sizes):
    overlap, new, max_question = sizes
    source, tokenizer = make(questions, pieces, sizes), AnyPieces(pieces)
    seen = [[] for _ in questions]
    lengths = [length for batch in source.evaluation() for length in batch["attention_mask"].sum(axis=1).tolist()]
    assert lengths == sorted(lengths, reverse=True)
    for batch in source.evaluation():
        for ids, segments, start, end, row in zip(
            rows([batch]), batch["segment_ids"], batch["starts"], batch["ends"], batch["row"], strict=True
        ):
            number, first, count = source.windows[row, :3]
            asked = locate(tokenizer, questions[number].question)[0][:max_question]
            passage, places = locate(tokenizer, questions[number].passage)
            assert ids == (CLS, *asked, SEP, *passage[first : first + count], SEP)
            before = len(asked) + 2
            assert segments.tolist() == [0] * before + [1] * (count + 1) + [0] * (len(segments) - before - count - 1)
            assert len(ids) <= max_question + 3 + overlap + new
            seen[number].append((first, count))
            # Character by character: which tokens of this window are part of the answer, and is any outside?
            answer = questions[number].answers
            inside = set(range(answer[0].start, answer[0].end)) if answer else set()
            of_answer = [t for t, (a, b) in enumerate(places) if inside & set(range(a, b))]
            if of_answer and first <= of_answer[0] and of_answer[-1] < first + count:
                assert (start - before + first, end - before + first) == (of_answer[0], of_answer[-1])
            else:
                assert start == end == 0
    for question, stretches in zip(questions, map(sorted, seen), strict=True):
        n = len(locate(tokenizer, question.passage)[0])
        assert stretches[0][0] == 0 and sum(stretches[-1]) == n
        for (first, count), (later, _) in pairwise(stretches):
            assert later == first + count - overlap and count > overlap


@given(question_lists(), st.integers(0, 99), SIZES)
def test_a_model_that_knows_the_answer_reads_it_back(questions, pieces, sizes):
    source = make(questions, pieces, sizes)
    logits = {}
    for batch in source.evaluation():
        for i, row in enumerate(batch["row"]):
            logits[int(row)] = np.zeros((batch["ids"].shape[1], 2), dtype=np.float32)
            logits[int(row)][batch["starts"][i], 0] += 5
            logits[int(row)][batch["ends"][i], 1] += 7
    found = source.windows[:, 3] > 0
    readings = source.readings(logits, max_tokens=99)
    assert len(readings) == len(questions)
    for number, (question, reading) in enumerate(zip(questions, readings, strict=True)):
        _, places = source.passages[number]
        answers = question.answers
        tokens = tokens_between(places, answers[0].start, answers[0].end) if answers else None
        if found[source.windows[:, 0] == number].any():
            a, b = places[tokens[0], 0], places[tokens[1], 1]
            assert (reading.found[0].start, reading.found[0].end, reading.found[0].score) == (a, b, 12.0)
            assert reading.null_score == 0.0        # one window that says "here" is enough
        else:
            assert reading.answer(0.0) == "" and reading.null_score == 12.0
    held = [found[source.windows[:, 0] == number].any() for number in range(len(questions))]
    assert source.unseen == sum(bool(question.answers) and not here for question, here in zip(questions, held, strict=True))


def test_one_token_characters_give_exact_answers():
    passage = "One crow saw two owls; the owls saw no crow."
    question = Question("a", "Who?", passage, (Answer("two owls", 13),))
    source = AnswerSpans([question], AnyPieces(0, longest=1), 2, max_length=24, overlap=8)
    assert len(source.windows) == 4 and source.windows[:, 1].tolist() == [0, 9, 18, 27]
    assert (source.windows[:, 3] > 0).tolist() == [False, True, False, False]
    assert source.windows[1].tolist() == [0, 9, 17, 6 + 4, 6 + 11]


def test_an_answer_without_a_token_is_counted():
    passage = "One crow ~~~~~~~~ saw."
    answers = [(), (Answer("~~~", 11),), (Answer("One", 0),)]
    asked = [Question(f"q{i}", "Who?", passage, each) for i, each in enumerate(answers)]
    source = AnswerSpans(asked, AnyPieces(0, longest=1), 2)
    assert source.unseen == 1 and (source.windows[:, 3] > 0).tolist() == [False, False, True]


@pytest.mark.parametrize("start, length, unseen", [(7, 8, 0), (10, 8, 0), (7, 10, 0), (7, 11, 1), (7, 40, 1)])
def test_an_answer_that_no_window_holds_is_counted_once(start, length, unseen):
    """Windows of 17 tokens, the second from the tenth on: what is no longer than they share is whole in one, more by luck."""
    passage = "One crow saw two owls; the owls saw no crow, for the crow was black."
    question = Question("a", "Who?", passage, (Answer(passage[start : start + length], start),))
    source = AnswerSpans([question], AnyPieces(0, longest=1), 2, max_length=24, overlap=8)
    assert (source.unseen, (source.windows[:, 3] > 0).any()) == (unseen, not unseen)


@given(question_lists(), st.integers(0, 99), SIZES)
def test_marks_are_the_passages_tokens_that_stand_in_the_question(questions, pieces, sizes):
    overlap, new, max_question = sizes
    longest, tokenizer = max_question + 3 + overlap + new, AnyPieces(pieces)
    plain = AnswerSpans(questions, tokenizer, 3, longest, overlap, max_question)
    marked = AnswerSpans(questions, tokenizer, 3, longest, overlap, max_question, marked=True)
    for one, other in zip(plain.evaluation(), marked.evaluation(), strict=True):
        assert all(np.array_equal(one[key], other[key]) for key in one if key != "segment_ids")
        for before, after, row in zip(one["segment_ids"], other["segment_ids"], other["row"], strict=True):
            number, start, count, *_ = marked.windows[row]
            question = questions[number]
            asked = [question.question[a:b].casefold() for a, b in locate(tokenizer, question.question)[1]]
            texts = [question.passage[a:b].casefold() for a, b in locate(tokenizer, question.passage)[1]][start : start + count]
            at = len(marked.asked[number]) + 2
            assert after[at : at + count].tolist() == [2 if text and text in asked else 1 for text in texts]
            assert np.array_equal(np.delete(after, np.arange(at, at + count)), np.delete(before, np.arange(at, at + count)))


def test_marks_do_not_care_for_case_and_leave_white_space_alone():
    question = Question("a", "a B?", "A cb", ())
    source = AnswerSpans([question], AnyPieces(0, longest=1), 1, marked=True)
    assert source.marks is not None and source.marks[0].tolist() == [1, 0, 0, 1]


def test_a_passage_that_just_fits_needs_no_room_for_an_overlap():
    question = Question("a", "Who?", "One crow", ())
    source = AnswerSpans([question], AnyPieces(0, 1), 1, max_length=4 + 3 + 8, overlap=100)
    assert source.windows[:, 1:3].tolist() == [[0, 8]]
    with pytest.raises(ValueError, match="leaves 7 tokens beside"):
        AnswerSpans([question], AnyPieces(0, 1), 1, max_length=4 + 3 + 7, overlap=7)


def test_answer_spans_refuse():
    question = Question("a", "Who?", "One crow saw two owls.", ())
    with pytest.raises(ValueError, match="max_length 10 leaves 3 tokens beside question 'a', and overlap 3 leaves none new"):
        AnswerSpans([question], AnyPieces(0, 1), 1, max_length=10, overlap=3)
    with pytest.raises(ValueError, match="max_length 5 leaves 0 tokens beside"):
        AnswerSpans([question], AnyPieces(0, 1), 1, max_length=5)
    for signs in (False, "<cls>", "<sep>"):
        with pytest.raises(ValueError, match="lacks <cls> or <sep>"):
            AnswerSpans([question], AnyPieces(0, signs=signs), 1)
    with pytest.raises(ValueError, match="no questions: give at least one"):
        AnswerSpans([], AnyPieces(0), 1)
    with pytest.raises(ValueError, match="batch_size 1, max_question 0, overlap 128"):
        AnswerSpans([question], AnyPieces(0), 1, max_question=0)
