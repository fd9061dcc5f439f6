"""Language: a causal model reads on, on a text of the user's own."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Hashable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ...data import CausalWindows, corpus, read_text
from ...models import GPT
from ...tokenizers import Tokenizer
from ...training import Causal, evaluate
from ...training.corpora import encode_documents
from .outcome import Outcome
from .sides import Sides, check_shares
from .starts import causal, check_context
from .table_texts import read_column
from .task import RECIPE, Task, add_data

TEXTS = (".txt", ".md", ".rst", ".py", "")


class Language(Task):
    """Python's documentation, or a text: one document, of which the ends are held out, or one a row of a table."""

    what = "characters"
    recipe: ClassVar[dict[str, Any]] = {**RECIPE, "batch": 8, "steps": 300, "eval_every": 50}
    examples = """\
  tinyllm finetune --task language --from runs/pretrain --data book.txt --out runs/book
      your own text, its last parts held out
  tinyllm finetune --task language --from smollm2 --data letters.csv --text-column letter --batch 4 --out runs/letters
      a text a row of a table, on a model that tinyllm fetch brought
"""

    @classmethod
    def add_options(cls, command: argparse.ArgumentParser) -> None:
        data = add_data(command, "Python's own documentation", "a text, or a .csv, .tsv or .jsonl file with a column of texts")
        data.add_argument("--text-column", default="text", metavar="NAME", help="the texts of a table")
        data.add_argument("--max-length", type=int, default=128, metavar="N", help="tokens that are read at once")

    # ------------------------------------------------------------ data

    def own(self) -> Sides:
        found = corpus()
        if found.missing:
            print(f"not in this Python's documentation: {', '.join(found.missing)}", file=sys.stderr)
        train, held_out = ([document.text for document in side] for side in (found.train, found.validation))
        source = f"documentation of Python {found.python}"
        return Sides(Texts(train), Texts(held_out[0::2]), Texts(held_out[1::2]), source, self.what)

    def read(self) -> Sides:
        args = self.args
        if args.data is None or Path(args.data).suffix.lower() not in TEXTS:
            sides = super().read()
            if args.data is not None:
                sides.train, sides.valid, sides.test = map(Texts, (sides.train, sides.valid, sides.test))
            return sides
        check_shares(args.valid_share, args.test_share)
        text = read_text(args.data)
        first, last = (round(len(text) * share) for share in (1 - args.valid_share - args.test_share, 1 - args.test_share))
        train, valid, test = (Texts([piece], documents=False) for piece in (text[:first], text[first:last], text[last:]))
        return Sides(train, valid, test, args.data, self.what)

    def read_other(self, path: str, names: Sequence[str]) -> Sides:
        whole = Path(path).suffix.lower() in TEXTS
        test = Texts([read_text(path)], documents=False) if whole else Texts(self.load(path))
        return Sides(Texts([]), Texts([]), test, path, self.what)

    def load(self, path: str, names: Sequence[str] | None = None) -> list[Any]:
        return read_column(path, self.args.text_column)

    def keys(self, row: str) -> Iterable[Hashable]:
        return (row,)

    def texts(self, sides: Sides) -> Iterable[str]:
        texts: Iterable[str] = sides.train
        return texts

    # ------------------------------------------------------------ learning

    def build(self, start: Any, tokenizer: Tokenizer, sides: Sides) -> GPT:
        if start is None:
            raise ValueError("--task language goes on training a causal model: give it by --from; tinyllm pretrain makes one")
        model = causal(self.args, start, tokenizer)
        check_context("--max-length", self.args.max_length, model)
        return model

    def objective(self, sides: Sides) -> Causal:
        return Causal()

    def batches(self, rows: Texts, model: Any, tokenizer: Tokenizer, sides: Sides) -> CausalWindows:
        args = self.args
        return CausalWindows(rows.tokens(tokenizer), args.max_length, args.batch, args.seed)

    # ------------------------------------------------------------ judging

    def test(self, model: Any, tokenizer: Tokenizer, sides: Sides) -> Outcome:
        tokens = sides.test.tokens(tokenizer)
        objective = Causal(len(sides.test) / len(tokens))
        source = CausalWindows(tokens, self.args.max_length, self.args.batch)

        def of(some: Any) -> dict[str, float]:
            return evaluate(some, objective, source.evaluation(), self.args.workers)

        metrics = of(model)
        baselines = {}
        if len(sides.train):
            if (before := self.before()) is not None:
                baselines["the model before"] = of(before)
            baselines["how often each token occurs"] = unigram(sides.train.tokens(tokenizer), tokens[1:], tokenizer.vocab_size)
        return Outcome({**metrics, "tokens": len(tokens) - 1}, len(metrics), baselines)

    def next_steps(self, folder: str) -> tuple[str, ...]:
        return (f'tinyllm generate {folder} --prompt "The"',)


class Texts:
    """Documents; their length is that of all characters. A text that is one piece has no begin and no end."""

    def __init__(self, rows: Sequence[str], documents: bool = True) -> None:
        self.rows, self.documents = list(rows), documents

    def __len__(self) -> int:
        return sum(map(len, self.rows))

    def __iter__(self) -> Iterator[str]:
        return iter(self.rows)

    def tokens(self, tokenizer: Tokenizer) -> np.ndarray:
        """All as one row of ids."""
        return encode_documents(tokenizer, self.rows) if self.documents else tokenizer.encode_array(self.rows[0])


def unigram(learned: np.ndarray, asked: np.ndarray, vocab_size: int) -> dict[str, float]:
    """Loss and perplexity of guessing each token by how often it occurred, each counted once more than it did."""
    counts = np.bincount(learned, minlength=vocab_size) + 1.0
    loss = float(-np.log(counts[asked] / counts.sum()).mean())
    return {"loss": loss, "perplexity": math.exp(loss)}
