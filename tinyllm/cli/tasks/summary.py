"""Summaries: a long text in short, learned from pairs."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from typing import Any, ClassVar

from ...data.first_lines import summaries
from ...metrics import rouge
from .. import options
from .pairs import pair_sides
from .sides import Sides
from .task import RECIPE
from .translation import Translation


class Summary(Translation):
    """Docstrings and their first lines, or pairs of a table. All but data and measures is as in translation."""

    recipe: ClassVar[dict[str, Any]] = {**RECIPE, "batch": 32, "steps": 2000, "eval_every": 250}
    model: ClassVar[dict[str, Any]] = {"layers": 2, "context": 256}
    small_lr = options.LR
    trunks: ClassVar[tuple[str, str]] = ("t5", "seq2seq")
    examples = """\
  tinyllm finetune --task summary --out runs/summary
      the first line of a docstring from what stands below it, from scratch
  tinyllm finetune --task summary --from runs/denoise --out runs/summary
      the same on a model of tinyllm pretrain --objective denoise
  tinyllm finetune --task summary --data articles.jsonl --source-column text --target-column title --out runs/titles
      your own pairs
"""
    default_columns = ("text", "summary")
    lengths = (256, 32)

    @classmethod
    def add_options(cls, command: argparse.ArgumentParser) -> None:
        cls.add_pairs(command, "bodies of docstrings and their first lines")

    def own(self) -> Sides:
        found = summaries()
        if found.missing:
            print(f"not in this Python's documentation: {', '.join(found.missing)}", file=sys.stderr)
        return pair_sides(found, "first lines of docstrings")

    def scores(self, gold: Sequence[str], written: Sequence[str]) -> dict[str, float]:
        """The F1 of each ROUGE."""
        found = rouge(gold, written)
        return {"rouge1": found.rouge1.f1, "rouge2": found.rouge2.f1, "rougeL": found.rougeL.f1}

    def simple(self, sides: Sides) -> dict[str, list[str]]:
        found = {"the first sentence": [re.split(r"(?<=[.!?])\s|\n\s*\n", source.strip())[0] for source, _ in sides.test]}
        if sides.train:
            likest = super().simple(sides)["the translation of the likest training sentence"]
            found["the summary of the likest training text"] = likest
        return found
