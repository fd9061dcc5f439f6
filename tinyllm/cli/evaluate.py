"""`tinyllm evaluate`: how good a run's model is on held-out data."""

from __future__ import annotations

import argparse
import json
from typing import Any

from . import options, runs

EXAMPLES = """\
examples:
  tinyllm evaluate runs/pretrain                      on the text that was held out
  tinyllm evaluate runs/pretrain --text other.txt     on another text
  tinyllm evaluate runs/finetune                      on the labels that were held out
  tinyllm evaluate runs/finetune --data other.csv     on other labels
  tinyllm evaluate runs/pretrain --checkpoint last --json
"""


def add_command(commands: Any) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        "evaluate", help="measure a run's model on held-out data", description="Measure a run's model on held-out data.",
        epilog=EXAMPLES, formatter_class=options.HelpFormatter,
    )
    command.add_argument("folder", metavar="RUN", help="the folder of a run of pretrain or finetune")
    command.add_argument("--checkpoint", choices=("best", "last"), default="best", help="which weights")
    command.add_argument("--text", metavar="FILE", help="a language model: another text, all of it")
    command.add_argument("--data", metavar="FILE", help="a classifier: another table with the run's columns, all of it")
    command.add_argument("--workers", type=int, metavar="N", help="threads (default: one a core)")
    command.add_argument("--json", action="store_true", help="one JSON object, for programs")
    return command


def run(args: argparse.Namespace) -> None:
    home = runs.open_run(args.folder)
    model, tokenizer = home.model(args.checkpoint), home.tokenizer()
    kind = home.config["command"]
    if (args.data if kind == "pretrain" else args.text) is not None:
        wrong, right = ("--data", "--text") if kind == "pretrain" else ("--text", "--data")
        raise ValueError(f"{home.path} is a run of {kind}: it is measured on {right}, not on {wrong}")
    if kind == "pretrain":
        metrics = _language_model(args, home, model, tokenizer)
    else:
        metrics = _classifier(args, home, model, tokenizer)
    if args.json:
        print(json.dumps(metrics))
        return
    for name, value in metrics.items():
        number = f"{value:.4f}" if isinstance(value, float) else value
        print(f"{name.replace('_', ' '):24} {number}")


def _language_model(args: argparse.Namespace, home: runs.Run, model: Any, tokenizer: Any) -> dict[str, Any]:
    from ..data import read_text
    from ..training import evaluate
    from .corpora import Texts, objective_and_sources, read_corpus

    before = home.options
    if args.text is not None:
        text = read_text(args.text)
        corpus = Texts([text], [text], False, {})
    else:
        corpus = read_corpus(before)
        runs.check_data(home, corpus.description)
    objective, _, held_out = objective_and_sources(before, tokenizer, corpus)
    return evaluate(model, objective, held_out.evaluation(), args.workers)


def _classifier(args: argparse.Namespace, home: runs.Run, model: Any, tokenizer: Any) -> dict[str, Any]:
    from ..data import read_table
    from ..training import Classification, measure
    from .labels import Labels, read_labels, sources

    before = home.options
    if args.data is not None:
        table = read_table(args.data, before.text_column, before.label_column, names=home.config["labels"])
        labels = Labels(table, table, table, table.names, {})
    else:
        labels = read_labels(before)
        runs.check_data(home, labels.description)
    _, _, test = sources(before, tokenizer, labels)
    sums = measure(model, Classification(), test.evaluation(), args.workers)
    per_class = {}
    for i, name in enumerate(labels.names):
        right, there, guessed = sums["confusion"][i, i], sums["confusion"][i].sum(), sums["confusion"][:, i].sum()
        per_class[f"F1 of {name}"] = float(2 * right / max(there + guessed, 1))
    return {**Classification().metrics(sums), "texts": int(sums["targets"]), **per_class}
