"""Which label a text has."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Hashable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ...data import LabelledBatches, LabelledTexts, classification, read_table
from ...models import SequenceClassifier
from ...models.pooling import POOLINGS
from ...tokenizers import Tokenizer
from ...training import Classification as Objective
from ...training import measure
from ...viz.classification import confusion_map
from .outcome import Outcome
from .sides import Sides, check_shares
from .starts import add_trunk, check_context, framed, trunk
from .task import Task, add_data


class Classification(Task):
    """Docstrings and the package they come from, or a table of texts and labels."""

    what = "texts"
    examples = """\
  tinyllm finetune --from runs/pretrain
      which package a docstring comes from, by a pretrained model
  tinyllm finetune --from runs/masked --labels-per-class 8 --steps 60 --out runs/few
      the same with 8 labels a class
  tinyllm finetune --labels-per-class 8 --steps 60 --out runs/scratch
      the same network without pretraining, to compare with
  tinyllm finetune --from minilm --data reviews.csv --text-column review --label-column stars --out runs/reviews
      your own labels, on a model that tinyllm fetch brought
"""

    @classmethod
    def add_options(cls, command: argparse.ArgumentParser) -> None:
        data = add_data(command, "docstrings and the package they come from", "a .csv, .tsv or .jsonl file with named columns")
        data.add_argument("--text-column", default="text", metavar="NAME", help="the texts of --data")
        data.add_argument("--label-column", default="label", metavar="NAME", help="the labels of --data")
        data.add_argument("--labels-per-class", type=int, metavar="N", help="learn from so many of each class (default: all)")
        data.add_argument("--max-length", type=int, default=64, metavar="N", help="tokens of a text that are read")
        data.add_argument(
            "--hide-share", type=float, default=0.1, metavar="P", help="share of tokens hidden in training, others each time"
        )
        add_trunk(command, ("bert", "gpt", "llama"), "reads both ways, or one way")
        command.add_argument("--pooling", choices=POOLINGS, default="mean", help="how one vector is made from all tokens'")

    # ------------------------------------------------------------ data

    def own(self) -> Sides:
        found = classification(self.args.seed)
        if found.missing:
            print(f"not in this Python's documentation: {', '.join(found.missing)}", file=sys.stderr)
        return Sides(found.train, found.validation, found.test, "docstrings by package", self.what, found.names)

    def read(self) -> Sides:
        args = self.args
        if args.data is None:
            sides = self.own()
        else:
            table = self._table(args.data)
            train, valid, test = _split(table, args.valid_share, args.test_share, args.seed)
            sides = Sides(train, valid, test, args.data, self.what, table.names)
        if args.labels_per_class is not None:
            sides.train = sides.train.few(args.labels_per_class, args.seed)
        return sides

    def read_other(self, path: str, names: Sequence[str]) -> Sides:
        table = self._table(path, names)
        return Sides(table.rows(np.zeros(0, int)), table.rows(np.zeros(0, int)), table, path, self.what, table.names)

    def load(self, path: str, names: Sequence[str] | None = None) -> list[Any]:
        table = self._table(path, names)
        return list(zip(table.texts, table.labels.tolist(), strict=True))

    def keys(self, row: Any) -> Iterable[Hashable]:
        return (row[0],)

    def _table(self, path: str, names: Sequence[str] | None = None) -> LabelledTexts:
        return read_table(path, self.args.text_column, self.args.label_column, names=names)

    def texts(self, sides: Sides) -> Iterable[str]:
        texts: Iterable[str] = sides.train.texts
        return texts

    # ------------------------------------------------------------ learning

    def build(self, start: Any, tokenizer: Tokenizer, sides: Sides) -> SequenceClassifier:
        args = self.args
        model = SequenceClassifier(trunk(args, start, tokenizer), len(sides.names), args.pooling, args.dropout, sides.names)
        check_context("--max-length", args.max_length, model)
        if args.hide_share and tokenizer.mask_id is None:
            raise ValueError(f"--hide-share {args.hide_share} needs a tokenizer with <mask>: take --hide-share 0")
        return model

    def objective(self, sides: Sides) -> Objective:
        return Objective()

    def batches(self, rows: LabelledTexts, model: Any, tokenizer: Tokenizer, sides: Sides) -> LabelledBatches:
        args = self.args
        return LabelledBatches(
            [framed(model, tokenizer, text, args.max_length) for text in rows.texts], rows.labels, args.batch,
            args.max_length, tokenizer.pad_id or 0, args.seed, args.hide_share, tokenizer.mask_id, tokenizer.special_ids,
        )

    # ------------------------------------------------------------ judging

    def test(self, model: Any, tokenizer: Tokenizer, sides: Sides) -> Outcome:
        source = self.batches(sides.test, model, tokenizer, sides)
        sums = measure(model, Objective(), source.evaluation(), self.args.workers)
        found, confusion = Objective().metrics(sums), sums["confusion"]
        counts = confusion.sum(axis=0) + confusion.sum(axis=1)
        per_class = {f"F1 of {name}": 2 * confusion[i, i] / max(counts[i], 1) for i, name in enumerate(sides.names)}
        metrics = {name: found[name] for name in ("accuracy", "macro_f1", "loss")}
        metrics |= {"texts": len(sides.test), **{name: float(value) for name, value in per_class.items()}}
        baselines, details = {}, {"labels": list(sides.names), "confusion": confusion.tolist()}
        if len(sides.train):
            majority = float(np.mean(sides.test.labels == np.bincount(sides.train.labels).argmax()))
            baselines["always the commonest class"] = {"accuracy": majority}
            details["majority_accuracy"] = majority
        picture = ("confusion.png", partial(confusion_map, confusion, sides.names))
        return Outcome(metrics, 2, baselines, details=details, picture=picture)


def _split(table: LabelledTexts, valid_share: float, test_share: float, seed: int) -> tuple[LabelledTexts, ...]:
    """Equal texts on one side; each class in the same shares, at least one text of it to learn from.

    A text that occurs with several labels counts as one of the first's.
    """
    check_shares(valid_share, test_share)
    groups: dict[str, list[int]] = {}
    for i, text in enumerate(table.texts):
        groups.setdefault(text, []).append(i)
    sides: tuple[list[int], list[int], list[int]] = ([], [], [])
    for label in range(len(table.names)):
        units = [rows for rows in groups.values() if table.labels[rows[0]] == label]
        order = np.random.default_rng([seed, label]).permutation(len(units))
        n_valid = min(round(valid_share * len(units)), len(units) - 1)
        n_test = min(round(test_share * len(units)), len(units) - 1 - n_valid)
        for place, unit in enumerate(order):
            side = 1 if place < n_valid else 2 if place < n_valid + n_test else 0
            sides[side].extend(units[unit])
    if not all(sides):
        raise ValueError(f"{len(table)} texts are too few to hold parts of them out: give more, or other shares")
    return tuple(table.rows(np.sort(np.array(side, np.int64))) for side in sides)


def read_labels(args: argparse.Namespace) -> Sides:
    """The texts and labels of a run with these options."""
    return Classification(args).read()
