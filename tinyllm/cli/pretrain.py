"""`tinyllm pretrain`: a language model from text."""

from __future__ import annotations

import argparse
from typing import Any

from . import options, runs

EXAMPLES = """\
examples:
  tinyllm pretrain
      a causal model (GPT) on Python's own documentation, in runs/pretrain, in a minute or two
  tinyllm pretrain --objective masked --mask-share 0.2 --out runs/masked
      a model that reads both ways (BERT)
  tinyllm pretrain --text book.txt --steps 5000 --out runs/book
      your own text, its last tenth held out
  tinyllm pretrain --table reviews.csv --text-column review --out runs/reviews
  tinyllm pretrain --out runs/book --resume
      go on with a run that was stopped or killed, to the same numbers
  tinyllm pretrain --text tinyshakespeare.txt --tokenizer char --layers 4 --heads 4 --width 128 --context 64 --batch 12 \\
      --steps 2000 --dropout 0 --lr 1e-3 --min-lr 1e-4 --beta2 0.99 --warmup 100 --weight-decay 0.1
      nanoGPT's recipe for a laptop
"""
RECIPE = {**options.TRAINING, "batch": 8, "steps": 2000, "lr": 5e-3}


def add_command(commands: Any) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        "pretrain", help="train a language model on text",
        description="Train a language model: causal (predict the next token) or masked (fill in what is hidden).",
        epilog=EXAMPLES, formatter_class=options.HelpFormatter,
    )
    command.add_argument("--objective", choices=("causal", "masked"), default="causal", help="what is learned")
    command.add_argument("--mask-share", type=float, default=0.15, metavar="P", help="masked: share of tokens hidden")
    text = command.add_argument_group("text", "Python's own documentation, unless one of these is given")
    source = text.add_mutually_exclusive_group()
    source.add_argument("--text", metavar="FILE", help="a UTF-8 text")
    source.add_argument("--table", metavar="FILE", help="a .csv, .tsv or .jsonl file with a column of texts")
    text.add_argument("--text-column", default="text", metavar="NAME", help="the column of --table")
    text.add_argument("--valid-share", type=float, default=0.1, metavar="P", help="share of the end of it that is held out")
    options.add_tokenizer(command)
    options.add_model(command, layers=2, context=128)
    options.add_training(command, **RECIPE)
    options.add_output(command, "runs/pretrain")
    return command


def run(args: argparse.Namespace) -> None:
    from ..backend import manual_seed
    from ..models import GPT, Bert
    from ..training import train
    from .corpora import objective_and_sources, read_corpus

    args = runs.resumed(args)
    config = options.train_config(args)
    corpus = read_corpus(args)
    tokenizer = runs.make_tokenizer(args, corpus.train)
    kind = {"causal": "gpt", "masked": "bert"}[args.objective]
    model_config = options.model_config(args, kind, tokenizer.vocab_size)
    objective, train_source, valid_source = objective_and_sources(args, tokenizer, corpus)
    home = runs.begin_run(args, tokenizer, data=corpus.description)
    manual_seed(args.seed)
    model = {"gpt": GPT, "bert": Bert}[kind](model_config)
    if not args.quiet:
        print(f"{type(model).__name__} of {model.n_parameters():,} parameters, {tokenizer.vocab_size:,} tokens; {corpus}")
    history = train(model, objective, train_source, valid_source, config, home.path, args.resume, progress=not args.quiet)
    report(args, home, history)


def report(args: argparse.Namespace, home: runs.Run, history: Any) -> None:
    """How it went, and what to do with it."""
    best = history.best
    numbers = ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in best.items() if isinstance(value, float))
    print(f"{history.step} steps; best on held-out data at step {best['step']}: {numbers}")
    print(f"in {home.path}: config.json, tokenizer.json, metrics.jsonl, loss.png, best/ and last/. Next:")
    if args.command == "pretrain" and args.objective == "causal":
        print(f'  tinyllm generate {home.path} --prompt "The"')
    if args.command == "pretrain":
        print(f"  tinyllm finetune --from {home.path}")
    print(f"  tinyllm evaluate {home.path}")
    print(f"  tinyllm info {home.path}")
