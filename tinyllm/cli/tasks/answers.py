"""Answers that stand in a passage."""

from __future__ import annotations

import argparse
import math
import re
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from functools import partial
from typing import Any, ClassVar

from ...autograd import no_grad
from ...data import AnswerSpans, Question, Reading, builtin, read_squad
from ...metrics import answer_f1, answer_scores
from ...models import SpanReader
from ...tokenizers import Tokenizer
from ...training import SpanExtraction
from ...viz.amounts import bars
from .outcome import Outcome
from .sides import Sides
from .starts import add_trunk, check_context, trunk
from .task import RECIPE, Task, add_data

SHOWN, SEGMENTS = 20, 3
NONE = "(no answer)"


class Answers(Task):
    """Questions on passages, some without an answer: of a grammar, or in SQuAD's format."""

    what = "questions"
    recipe: ClassVar[dict[str, Any]] = {**RECIPE, "steps": 1500, "eval_every": 250}
    examples = """\
  tinyllm finetune --task answers --out runs/answers
      questions on short stories of a grammar, from scratch
  tinyllm finetune --task answers --from minilm --data squad.json --max-length 384 --out runs/answers
      your own, in SQuAD's format, on a model that tinyllm fetch brought
"""

    @classmethod
    def add_options(cls, command: argparse.ArgumentParser) -> None:
        data = add_data(command, "questions on stories of a small grammar", "a .json file in SQuAD's format, 1.1 or 2.0")
        data.add_argument("--max-length", type=int, default=128, metavar="N", help="tokens of a window: question and passage")
        data.add_argument("--overlap", type=int, default=32, metavar="N", help="tokens that neighbouring windows share")
        data.add_argument("--max-question", type=int, default=32, metavar="N", help="tokens of a question that are read")
        data.add_argument("--max-answer", type=int, default=30, metavar="N", help="tokens of an answer that is given")
        add_trunk(command, ("bert",), "reads both ways")

    # ------------------------------------------------------------ data

    def own(self) -> Sides:
        found: Any = builtin("questions")
        return Sides(found.train, found.validation, found.test, "the grammar of questions", self.what)

    def load(self, path: str, names: Sequence[str] | None = None) -> list[Any]:
        return list(read_squad(path))

    def keys(self, row: Question) -> Iterable[Hashable]:
        return (row.passage,)

    def texts(self, sides: Sides) -> Iterable[str]:
        passages = dict.fromkeys(question.passage for question in sides.train)
        return [*passages, *(question.question for question in sides.train)]

    # ------------------------------------------------------------ learning

    def build(self, start: Any, tokenizer: Tokenizer, sides: Sides) -> SpanReader:
        if self.args.max_answer < 1:
            raise ValueError(f"--max-answer {self.args.max_answer}: an answer has at least 1 token, so take at least 1")
        # From scratch a small model does not learn to compare words, so it is told which ones the question has: segment 2. What
        # belongs to them stands near, which rotary positions tell from the first step on.
        if start is None and self.args.positions is None:
            self.args.positions = "rotary"
        model = SpanReader(trunk(self.args, start, tokenizer, n_segments=SEGMENTS), self.args.dropout)
        check_context("--max-length", self.args.max_length, model)
        return model

    def objective(self, sides: Sides) -> SpanExtraction:
        return SpanExtraction()

    def batches(self, rows: Sequence[Question], model: Any, tokenizer: Tokenizer, sides: Sides) -> AnswerSpans:
        args, marked = self.args, model.trunk.n_segments == SEGMENTS
        return AnswerSpans(rows, tokenizer, args.batch, args.max_length, args.overlap, args.max_question, args.seed, marked)

    # ------------------------------------------------------------ judging

    def test(self, model: Any, tokenizer: Tokenizer, sides: Sides) -> Outcome:
        """Where some questions have no answer, how sure the model must be to give one is chosen on the validation side."""
        silent_too = any(question.impossible for side in (sides.train, sides.valid, sides.test) for question in side)
        threshold = None
        if silent_too:
            threshold = self.decided.get("threshold", 0.0)
            if sides.valid:
                threshold = best_threshold(sides.valid, self._read(model, tokenizer, sides, sides.valid))
        readings = self._read(model, tokenizer, sides, sides.test)
        guessed = [reading.answer(threshold) for reading in readings]
        gold = [[answer.text for answer in question.answers] for question in sides.test]
        scores = answer_scores(gold, guessed)
        metrics: dict[str, float] = {"exact_match": scores.exact_match, "f1": scores.f1, "questions": len(gold)}
        if silent_too:
            metrics |= {
                "answered_exact_match": scores.answered_exact_match, "answered_f1": scores.answered_f1,
                "silent_where_there_is_no_answer": scores.unanswerable, "without_answer": scores.without_answer,
            }
        simple = answer_scores(gold, [likeliest_sentence(question) for question in sides.test])
        baselines = {"the sentence that shares most with the question": {"exact_match": simple.exact_match, "f1": simple.f1}}
        if silent_too:
            never = scores.without_answer / max(len(gold), 1)
            baselines["never an answer"] = {"exact_match": never, "f1": never}
        shown = [
            {"question": question.question, "right": " / ".join(dict.fromkeys(answers)) or NONE, "found": guess or NONE}
            for question, answers, guess in list(zip(sides.test, gold, guessed, strict=True))[:SHOWN]
        ]
        heights = {"this model": scores.f1, **{name: found["f1"] for name, found in baselines.items()}}
        picture = ("answers.png", partial(bars, heights, "F1 of answers", f"{len(gold):,} test questions"))
        details = {"threshold": threshold}
        return Outcome(metrics, 3, baselines, shown, details, picture)

    def _read(self, model: Any, tokenizer: Tokenizer, sides: Sides, rows: Sequence[Question]) -> list[Reading]:
        source = self.batches(rows, model, tokenizer, sides)
        logits: dict[int, Any] = {}
        with no_grad():
            for batch in source.evaluation():
                answers = model(batch["ids"], batch["attention_mask"], batch["segment_ids"]).numpy()    # (B, T, 2)
                logits.update(zip(batch["row"].tolist(), answers, strict=True))
        return source.readings(logits, max_tokens=self.args.max_answer)


def best_threshold(questions: Sequence[Question], readings: Sequence[Reading]) -> float:
    """How far "no answer" must lead before it is given: the threshold of the best F1, by trying every question's own lead.

    A question is answered while its lead is not above the threshold. Rajpurkar, Jia and Liang 2018, §5.
    """
    gold = [[answer.text for answer in question.answers] for question in questions]
    with_answer = [answer_f1(answers, reading.answer()) for answers, reading in zip(gold, readings, strict=True)]
    silent = [float(not answers) for answers in gold]
    leads = [reading.null_score - reading.found[0].score if reading.found else math.inf for reading in readings]
    order = sorted(range(len(leads)), key=lambda i: leads[i])
    total = best = sum(silent)                                  # a threshold below all leads: never an answer
    threshold = leads[order[0]] - 1.0 if math.isfinite(leads[order[0]]) else 0.0
    for place, i in enumerate(order):
        total += with_answer[i] - silent[i]
        last = place + 1 == len(order) or leads[order[place + 1]] > leads[i]
        if last and total > best and math.isfinite(leads[i]):
            best, threshold = total, leads[i]
    return threshold


def likeliest_sentence(question: Question) -> str:
    """The sentence of the passage whose words in common with the question weigh most, rare ones of the passage more."""
    sentences = [part for part in re.split(r"(?<=[.!?])\s+", question.passage) if part] or [question.passage]
    bags = [set(_words(sentence)) for sentence in sentences]
    frequency = Counter(word for bag in bags for word in bag)
    asked = set(_words(question.question))
    weights = [sum(math.log(1 + len(bags) / frequency[word]) for word in bag & asked) for bag in bags]
    return sentences[max(range(len(sentences)), key=lambda i: weights[i])]


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
