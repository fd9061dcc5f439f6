"""`tinyllm evaluate`: how good a run's model is on held-out data."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from . import options, runs, tasks

EXAMPLES = """\
examples:
  tinyllm evaluate runs/pretrain                      on the text that was held out
  tinyllm evaluate runs/pretrain --text other.txt     on another text
  tinyllm evaluate runs/finetune                      on the rows that were held out, by the task's measures
  tinyllm evaluate runs/finetune --data other.csv     on a file of other rows, in the format that the run was given
  tinyllm evaluate runs/pretrain --checkpoint last --json
"""


def add_command(commands: Any) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        "evaluate", help="measure a run's model on held-out data", description="Measure a run's model on held-out data.",
        epilog=EXAMPLES, formatter_class=options.HelpFormatter,
    )
    command.add_argument("folder", metavar="RUN", help="the folder of a run of pretrain or finetune")
    command.add_argument("--checkpoint", choices=("best", "last"), default="best", help="which weights")
    command.add_argument("--text", metavar="FILE", help="a pretrained model: another text, all of it")
    command.add_argument("--data", metavar="FILE", help="a fine-tuned model: another file with the run's columns, all of it")
    command.add_argument("--workers", type=int, metavar="N", help="threads (default: one a core, at most 8)")
    command.add_argument("--json", action="store_true", help="one JSON object, for programs")
    return command


def run(args: argparse.Namespace) -> None:
    home = runs.open_run(args.folder)
    model, tokenizer = home.model(args.checkpoint).eval(), home.tokenizer()
    kind = home.config["command"]
    if (args.data if kind == "pretrain" else args.text) is not None:
        wrong, right = ("--data", "--text") if kind == "pretrain" else ("--text", "--data")
        raise ValueError(f"{home.path} is a run of {kind}: it is measured on {right}, not on {wrong}")
    metrics = _pretrained(args, home, model, tokenizer) if kind == "pretrain" else _finetuned(args, home, model, tokenizer)
    from .tasks.outcome import spelt

    if args.json:
        print(json.dumps(metrics))
        return
    for name, value in metrics.items():
        number = f"{value:.4f}" if isinstance(value, float) else value
        print(f"{spelt(name):24} {number}")


def _pretrained(args: argparse.Namespace, home: runs.Run, model: Any, tokenizer: Any) -> dict[str, Any]:
    from ..data import read_text
    from ..training import evaluate
    from .corpora import Texts, read_corpus
    from .pretraining import objective_and_sources

    before = home.options
    if args.text is not None:
        text = read_text(args.text)
        corpus = Texts([text], [text], False, {})
    else:
        corpus = read_corpus(before)
        runs.check_data(home, corpus.description)
    objective, _, held_out = objective_and_sources(before, tokenizer, corpus)
    return evaluate(model, objective, held_out.evaluation(), args.workers)


def _finetuned(args: argparse.Namespace, home: runs.Run, model: Any, tokenizer: Any) -> dict[str, Any]:
    from .tasks.outcome import TEST

    before = home.options
    before.workers, before.out = args.workers, str(home.path)
    task = tasks.find(before.task)(before)
    if args.data is not None:
        sides = task.read_other(args.data, home.config["labels"])
        if (home.path / TEST).is_file():
            task.decided = _decided(home.path / TEST)
    else:
        sides = task.read()
        runs.check_data(home, sides.description)
        sides.train = []                                # no baselines: finetune has reported them
    return task.test(model, tokenizer, sides).metrics


def _decided(file: Path) -> dict[str, Any]:
    """A run's test.json."""
    found = runs.read_json(file)
    if not isinstance(found, dict):
        raise ValueError(f"{file} is no JSON object: restore it, or train again")
    return found
