"""Labelled texts to learn from, to choose by and to report on; and the report."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..data import LabelledBatches, LabelledTexts, classification, read_table
from ..tokenizers import Tokenizer
from ..training import Classification, measure
from ..training.files import write_file
from ..viz.classification import confusion_map
from ..viz.style import save as save_picture
from .runs import Run

CONFUSION = "confusion.png"


@dataclass
class Labels:
    """Three sides of a labelled set, and what the classes are called."""

    train: LabelledTexts
    valid: LabelledTexts
    test: LabelledTexts
    names: tuple[str, ...]
    description: dict[str, Any]

    def __str__(self) -> str:
        sides = f"{len(self.train)} texts to learn from, {len(self.valid)} to choose by, {len(self.test)} to report on"
        return f"{len(self.names)} classes, {sides}"


def read_labels(args: argparse.Namespace) -> Labels:
    """What --data names, or Python's docstrings by package. Raises as the readers do, and ValueError for empty sides."""
    if args.data is None:
        own = classification(args.seed)
        if own.missing:
            print(f"not in this Python's documentation: {', '.join(own.missing)}", file=sys.stderr)
        train, valid, test = own.train, own.validation, own.test
        names, source = own.names, "docstrings by package"
    else:
        table = read_table(args.data, args.text_column, args.label_column)
        train, valid, test = _split(table, args.valid_share, args.test_share, args.seed)
        names, source = table.names, args.data
    if args.labels_per_class is not None:
        train = train.few(args.labels_per_class, args.seed)
    digest = hashlib.sha256(json.dumps([[side.texts, side.labels.tolist()] for side in (train, valid, test)]).encode())
    sizes = {"train": len(train), "valid": len(valid), "test": len(test)}
    return Labels(train, valid, test, names, {"source": source, "texts": sizes, "sha256": digest.hexdigest()})


def _split(table: LabelledTexts, valid_share: float, test_share: float, seed: int) -> tuple[LabelledTexts, ...]:
    """Equal texts on one side; each class in the same shares, at least one row of it to learn from."""
    if min(valid_share, test_share) <= 0 or valid_share + test_share >= 1:
        raise ValueError(f"--valid-share {valid_share} and --test-share {test_share}: above 0, together below 1")
    groups: dict[tuple[int, str], list[int]] = {}
    for i, (label, text) in enumerate(zip(table.labels.tolist(), table.texts, strict=True)):
        groups.setdefault((label, text), []).append(i)
    sides: tuple[list[int], list[int], list[int]] = ([], [], [])
    for label in range(len(table.names)):
        units = [rows for (its, _), rows in groups.items() if its == label]
        order = np.random.default_rng([seed, label]).permutation(len(units))
        n_valid, n_test = (round(share * len(units)) for share in (valid_share, test_share))
        for place, unit in enumerate(order):
            side = 1 if place < n_valid else 2 if place < n_valid + n_test else 0
            sides[side].extend(units[unit])
    if not all(sides):
        raise ValueError(f"{len(table)} texts are too few to hold parts of them out: give more, or other shares")
    return tuple(table.rows(np.sort(np.array(side, np.int64))) for side in sides)


def sources(args: argparse.Namespace, tokenizer: Tokenizer, labels: Labels) -> tuple[LabelledBatches, ...]:
    """Batches of the three sides; a text begins with the tokenizer's start token, where it has one."""
    begin = [] if tokenizer.bos_id is None else [tokenizer.bos_id]
    if args.hide_share and tokenizer.mask_id is None:
        raise ValueError(f"--hide-share {args.hide_share} needs a tokenizer with <mask>: take --hide-share 0")
    return tuple(
        LabelledBatches(
            [begin + ids for ids in tokenizer.encode_batch(side.texts)], side.labels, args.batch, args.max_length,
            tokenizer.pad_id or 0, args.seed, args.hide_share, tokenizer.mask_id, tokenizer.special_ids,
        )
        for side in (labels.train, labels.valid, labels.test)
    )


def report_test(args: argparse.Namespace, home: Run, source: LabelledBatches, labels: Labels) -> dict[str, float]:
    """The best checkpoint on the test side, beside the majority class; confusion.png and test.json in the run's folder."""
    sums = measure(home.model("best"), Classification(), source.evaluation(), args.workers)
    metrics = Classification().metrics(sums)
    majority = float(np.mean(source.labels == np.bincount(labels.train.labels).argmax()))
    print(f"test: accuracy {metrics['accuracy']:.3f}, macro F1 {metrics['macro_f1']:.3f} "
          f"(always the commonest class: accuracy {majority:.3f})")
    results = {**metrics, "majority_accuracy": majority, "labels": list(labels.names), "confusion": sums["confusion"].tolist()}
    write_file(home.path / "test.json", json.dumps(results, indent=1).encode() + b"\n")
    try:
        save_picture(confusion_map(sums["confusion"], labels.names), home.path / CONFUSION)
    except ImportError as error:
        print(f"no {CONFUSION}: {error}", file=sys.stderr)
    return metrics
