"""Runs small enough for a second each; those that several tests look at are made once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tinyllm.cli import main
from tinyllm.data import Classification, Corpus, LabelledTexts
from tinyllm.data.docstrings import Document

WORDS = ("the", "a", "return", "value", "list", "of", "number", "string", "key", "file", "name", "open", "close", "is", "not")
SMALL = [
    "--layers", "1", "--heads", "2", "--width", "16", "--context", "16", "--batch", "4", "--steps", "6", "--eval-every", "3",
    "--log-every", "2", "--quiet",
]


def sentences(n: int, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, 8)).capitalize() + "." for _ in range(n)]


@pytest.fixture(scope="session")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("text") / "book.txt"
    file.write_text("\n".join(sentences(60)), encoding="utf-8")
    return file


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A .csv with columns review and stars, three labels that a word gives away."""
    file = tmp_path_factory.mktemp("table") / "reviews.csv"
    rows = [f'"{line} {("good", "bad", "so-so")[i % 3]}",{i % 3}' for i, line in enumerate(sentences(60, 1))]
    file.write_text("review,stars\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return file


@pytest.fixture(autouse=True)
def own_documentation(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few sentences in place of Python's documentation, which takes a while to read."""
    documents = [Document(line, "abc", "abc.py", "") for line in sentences(50)]
    own = Corpus(tuple(documents[:40]), tuple(documents[40:]), ("tkinter",), "3.x", "0")
    monkeypatch.setattr("tinyllm.cli.corpora.corpus", lambda: own)

    def labelled(seed: int) -> Classification:
        sides = [
            LabelledTexts(tuple(sentences(n, seed=n)), np.arange(n) % 3, ("email", "http", "xml")) for n in (30, 9, 12)
        ]
        return Classification(*sides, names=sides[0].names, missing=())

    monkeypatch.setattr("tinyllm.cli.tasks.classification.classification", labelled)


@pytest.fixture(scope="session")
def causal_run(tmp_path_factory: pytest.TempPathFactory, text: Path) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "causal"
    assert main(["pretrain", "--text", str(text), "--tokenizer", "char", *SMALL, "--out", str(folder)]) == 0
    return folder


@pytest.fixture(scope="session")
def masked_run(tmp_path_factory: pytest.TempPathFactory, text: Path) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "masked"
    options = ["--objective", "masked", "--vocab-size", "280", "--out", str(folder)]
    assert main(["pretrain", "--text", str(text), *options, *SMALL]) == 0
    return folder


@pytest.fixture(scope="session")
def classifier_run(tmp_path_factory: pytest.TempPathFactory, table: Path, masked_run: Path) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "classifier"
    options = ["--data", str(table), "--text-column", "review", "--label-column", "stars", "--max-length", "16"]
    assert main(["finetune", "--from", str(masked_run), *options, *SMALL, "--out", str(folder)]) == 0
    return folder
