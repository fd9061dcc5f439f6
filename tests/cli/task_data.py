"""A user's file for each task, so small that a run takes a second."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tests.cli.conftest import SMALL, sentences
from tinyllm.data import LabelledTexts

NAMES = ("Anna", "Bert", "Oslo", "Rome")
OPTIONS: dict[str, list[str]] = {
    "classification": ["--text-column", "review", "--label-column", "stars", "--max-length", "16", "--vocab-size", "280"],
    "entities": ["--max-length", "16", "--vocab-size", "280"],
    "answers": ["--max-length", "16", "--overlap", "2", "--max-question", "4", "--tokenizer", "char"],
    "translation": ["--max-source", "16", "--max-target", "16", "--beams", "2", "--vocab-size", "280"],
    "summary": ["--max-source", "16", "--max-target", "16", "--beams", "2", "--vocab-size", "280"],
    "embeddings": ["--max-length", "16", "--symmetric", "--vocab-size", "280"],
    "chat": ["--max-length", "64", "--context", "64", "--vocab-size", "280"],
    "language": ["--max-length", "16"],
}
MEASURES = {
    "classification": ("accuracy", "macro_f1", "loss", "texts"), "entities": ("f1", "precision", "recall", "accuracy"),
    "answers": ("exact_match", "f1", "answered_f1", "silent_where_there_is_no_answer"),
    "translation": ("bleu", "chrf", "exact_match"), "summary": ("rouge1", "rouge2", "rougeL"),
    "embeddings": ("recall_at_1", "recall_at_10", "mrr"), "chat": ("loss", "perplexity", "replies_to_the_letter"),
    "language": ("loss", "perplexity", "bits_per_character"),
}
PICTURES = {
    "classification": "confusion.png", "answers": "answers.png", "translation": "translation.png", "summary": "summary.png",
    "embeddings": "similarity.png",
}


def write(folder: Path, task: str) -> Path:
    """The task's file in this folder."""
    lines = sentences(40, seed=5)
    if task == "classification":
        rows = [f'"{line} {("good", "bad")[i % 2]}",{i % 2}' for i, line in enumerate(lines)]
        return _text(folder / "reviews.csv", "review,stars", *rows)
    if task == "entities":
        kinds = ("B-PER", "B-PER", "B-LOC", "B-LOC")
        tagged = (f"{NAMES[i % 4]} {kinds[i % 4]}\nsaw O\n{line.split()[0]} O\n" for i, line in enumerate(lines))
        return _text(folder / "words.conll", *tagged)
    if task == "answers":
        return _text(folder / "questions.json", json.dumps({"data": [{"paragraphs": [_paragraph(i) for i in range(40)]}]}))
    if task in ("translation", "summary"):
        header = "source\ttarget" if task == "translation" else "text\tsummary"
        return _text(folder / "pairs.tsv", header, *(f"{line}\t{line.split()[0]} {i}" for i, line in enumerate(lines)))
    if task == "embeddings":
        return _text(folder / "pairs.csv", "text,other", *(f"{line},{line.upper()} {i}" for i, line in enumerate(lines)))
    if task == "chat":
        return _text(folder / "talk.jsonl", *(json.dumps({"messages": _dialogue(i)}) for i in range(40)))
    return _text(folder / "book.txt", *sentences(60))


def _text(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _paragraph(i: int) -> dict[str, object]:
    """A passage of several windows; every third question has no answer."""
    name = NAMES[i % 4]
    passage = f"{i} {'x' * (i % 9)} {name} is here."
    answers = [] if i % 3 == 0 else [{"text": name, "answer_start": passage.index(name)}]
    question = {"id": str(i), "question": "Who?", "answers": answers, "is_impossible": not answers}
    return {"context": passage, "qas": [question]}


def _dialogue(i: int) -> list[dict[str, str]]:
    first, second = np.random.default_rng(i).integers(10, 99, 2)
    turns = [("user", f"{first}?"), ("assistant", f"{first}!"), ("user", f"{second}?"), ("assistant", f"{second}!")]
    return [{"role": role, "content": content} for role, content in turns[: 2 + 2 * (i % 2)]]


def labelled(rows: Sequence[tuple[int, str]]) -> LabelledTexts:
    """Rows of a label and its text, read."""
    return LabelledTexts(tuple(text for _, text in rows), np.array([label for label, _ in rows]), ("a", "b", "c"))


def command(task: str, file: Path, start: Path, out: Path, *more: object) -> list[str]:
    """A tiny run; a language model goes on from `start`, a causal run on characters."""
    origin = ["--from", str(start)] if task == "language" else []
    options = [*origin, *SMALL, *OPTIONS[task], "--out", str(out), *map(str, more)]
    return ["finetune", "--task", task, "--data", str(file), *options]
