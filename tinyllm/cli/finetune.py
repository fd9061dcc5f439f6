"""`tinyllm finetune`: a classifier from labelled texts, on a pretrained model or from scratch."""

from __future__ import annotations

import argparse
from typing import Any

from . import options, runs

EXAMPLES = """\
examples:
  tinyllm finetune --from runs/pretrain
      which package a docstring comes from, by a pretrained model
  tinyllm finetune --from runs/masked --labels-per-class 8 --steps 60 --out runs/few
      the same with 8 labels a class
  tinyllm finetune --labels-per-class 8 --steps 60 --out runs/scratch
      the same network without pretraining, to compare with
  tinyllm finetune --from runs/pretrain --data reviews.csv --text-column review --label-column stars --out runs/reviews
      your own labels
"""
RECIPE = {**options.TRAINING, "steps": 500, "lr": 3e-3, "schedule": "linear", "eval_every": 50}


def add_command(commands: Any) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        "finetune", help="teach a model to classify texts",
        description="Teach a pretrained model, or one from scratch, to tell texts apart.",
        epilog=EXAMPLES, formatter_class=options.HelpFormatter,
    )
    command.add_argument("--task", choices=("classification",), default="classification", help="what is learned")
    command.add_argument(
        "--from", dest="from_run", metavar="RUN",
        help="a pretrain run: its best model and its tokenizer (default: from scratch, sized by the options under model)",
    )
    command.add_argument(
        "--pooling", choices=("mean", "max", "cls", "last"), default="mean", help="how one vector is made from all tokens'"
    )
    data = command.add_argument_group("labels", "docstrings and the package they come from, unless --data is given")
    data.add_argument("--data", metavar="FILE", help="a .csv, .tsv or .jsonl file with named columns")
    data.add_argument("--text-column", default="text", metavar="NAME", help="the texts of --data")
    data.add_argument("--label-column", default="label", metavar="NAME", help="the labels of --data")
    data.add_argument("--valid-share", type=float, default=0.15, metavar="P", help="share of --data to choose the best by")
    data.add_argument("--test-share", type=float, default=0.15, metavar="P", help="share of --data to report on")
    data.add_argument("--labels-per-class", type=int, metavar="N", help="learn from so many of each class (default: all)")
    data.add_argument("--max-length", type=int, default=64, metavar="N", help="tokens of a text that are read")
    data.add_argument(
        "--hide-share", type=float, default=0.1, metavar="P", help="share of tokens hidden in training, drawn anew each time"
    )
    options.add_tokenizer(command)
    command.add_argument("--trunk", choices=("gpt", "bert"), default="bert", help="from scratch: reads one way, or both ways")
    options.add_model(command, layers=2, context=128)
    options.add_training(command, **RECIPE)
    options.add_output(command, "runs/finetune")
    return command


def run(args: argparse.Namespace) -> None:
    from ..backend import manual_seed
    from ..models import GPT, Bert, SequenceClassifier
    from ..training import Classification, train
    from .labels import read_labels, report_test, sources
    from .pretrain import report

    args = runs.resumed(args)
    config = options.train_config(args)
    labels = read_labels(args)
    manual_seed(args.seed)
    if args.from_run is not None:
        before = runs.open_run(args.from_run)
        tokenizer, trunk = before.tokenizer(), before.model("best")
        if not isinstance(trunk, GPT | Bert):
            raise ValueError(f"{before.path} is a run of {before.config['command']}: --from takes one of pretrain")
    else:
        tokenizer = runs.make_tokenizer(args, labels.train.texts)
        trunk_config = options.model_config(args, args.trunk, tokenizer.vocab_size)
        trunk = {"gpt": GPT, "bert": Bert}[args.trunk](trunk_config)
    if args.max_length > trunk.config.context:
        raise ValueError(f"--max-length {args.max_length} is more than the model's context {trunk.config.context}: take less")
    train_source, valid_source, test_source = sources(args, tokenizer, labels)
    model = SequenceClassifier(trunk, len(labels.names), args.pooling, args.dropout, labels.names)
    home = runs.begin_run(args, tokenizer, data=labels.description, labels=list(labels.names))
    if not args.quiet:
        start = f"from {args.from_run}" if args.from_run else "from scratch"
        print(f"{type(trunk).__name__} of {model.n_parameters():,} parameters, {start}; {labels}")
    history = train(
        model, Classification(), train_source, valid_source, config, home.path, args.resume, progress=not args.quiet
    )
    report_test(args, home, test_source, labels)
    report(args, home, history)
