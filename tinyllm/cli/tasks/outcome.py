"""What a test found: numbers beside a baseline, examples, and a picture; on the screen and in the run's folder."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...training.files import write_file
from ...viz.style import save as save_picture

TEST, EXAMPLES = "test.json", "examples.md"
SHOWN, WIDEST = 3, 160          # examples on the screen, and characters of a cell there
SPELT = {
    "f1": "F1", "macro_f1": "macro F1", "answered_f1": "answered F1", "bleu": "BLEU", "chrf": "chrF", "mrr": "MRR",
    "recall_at_1": "recall@1", "recall_at_10": "recall@10", "rouge1": "ROUGE-1", "rouge2": "ROUGE-2", "rougeL": "ROUGE-L",
}
"""How measures are written that are no words."""


@dataclass
class Outcome:
    """`metrics` in the order in which they are read, the first `headline` of them on one line.

    A baseline is what something simple reaches by the same measures: a number without one says little. `details` go to
    test.json alone. `picture` draws when asked to, for matplotlib may be missing.
    """

    metrics: dict[str, float]
    headline: int
    baselines: dict[str, dict[str, float]] = field(default_factory=dict)
    examples: list[dict[str, str]] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)
    picture: tuple[str, Callable[[], Any]] | None = None

    def show(self) -> None:
        """The line of the test, the baselines, and a few examples."""
        print("test: " + _numbers(dict(list(self.metrics.items())[: self.headline])))
        for name, found in self.baselines.items():
            print(f"  {name}: {_numbers(found)}")
        for example in self.examples[:SHOWN]:
            print()
            for name, text in example.items():
                print(f"  {name + ':':12} {_short(text, WIDEST)}")
        if self.examples:
            print()

    def save(self, folder: Path) -> None:
        """test.json, and what there is of examples and picture."""
        content = {**self.metrics, "baselines": self.baselines, **self.details, "examples": self.examples}
        write_file(folder / TEST, json.dumps(content, indent=1).encode() + b"\n")
        if self.examples:
            write_file(folder / EXAMPLES, _table(self.examples).encode("utf-8", "replace"))
        if self.picture is not None:
            name, draw = self.picture
            try:
                save_picture(draw(), folder / name)
            except ImportError as error:
                print(f"no {name}: {error}", file=sys.stderr)


def _numbers(metrics: Mapping[str, float]) -> str:
    shown = {name: f"{value:,}" if isinstance(value, int) else f"{value:.3f}" for name, value in metrics.items()}
    return ", ".join(f"{spelt(name)} {value}" for name, value in shown.items())


def spelt(name: str) -> str:
    """The name of a measure, as it is printed."""
    return SPELT.get(name, name.replace("_", " "))


def _short(text: str, most: int) -> str:
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= most else one_line[: most - 1] + "…"


def _table(examples: Sequence[Mapping[str, str]]) -> str:
    """Markdown, a row an example; a bar would end a cell."""
    columns = list(examples[0])
    rows = [columns, ["---"] * len(columns), *([" ".join(e[c].split()).replace("|", "\\|") for c in columns] for e in examples)]
    return "".join("| " + " | ".join(row) + " |\n" for row in rows)
