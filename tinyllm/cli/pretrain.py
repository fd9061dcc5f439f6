"""`tinyllm pretrain`: a model of language, from text alone."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from . import options, ranks, runs

EXAMPLES = """\
examples:
  tinyllm pretrain
      a causal model (GPT) on Python's own documentation, in runs/pretrain, in a minute or two
  tinyllm pretrain --objective masked --mask-share 0.2 --out runs/masked
      a model that reads both ways (Bert)
  tinyllm pretrain --objective masked-next --out runs/bert
      the same, and whether one sentence follows the other: BERT in full
  tinyllm pretrain --objective denoise --out runs/denoise
      an encoder-decoder (T5) that writes what was cut out of its text
  tinyllm pretrain --objective autoencode --out runs/code
      a sentence pressed into 64 numbers, and unfolded again
  tinyllm pretrain --corpus code --context 256 --out runs/python
      on the standard library's source: a model that writes Python
  tinyllm pretrain --text book.txt --steps 5000 --out runs/book
      your own text, its last tenth held out
  tinyllm pretrain --table reviews.csv --text-column review --out runs/reviews
  tinyllm pretrain --out runs/book --resume
      go on with a run that was stopped or killed, to the same numbers
  mpiexec -n 4 tinyllm pretrain --out runs/book
      four processes, on one machine or many, each with a quarter of every batch (pip install tinyllm[mpi])
  tinyllm pretrain --text tinyshakespeare.txt --tokenizer char --layers 4 --heads 4 --width 128 --context 64 --batch 12 \\
      --steps 2000 --dropout 0 --lr 1e-3 --min-lr 1e-4 --beta2 0.99 --warmup 100 --weight-decay 0.1
      nanoGPT's recipe for a laptop
"""
RECIPE: dict[str, Any] = {**options.TRAINING, "batch": 8, "steps": 2000, "lr": 5e-3}
CHOICES = ("causal", "masked", "masked-next", "denoise", "autoencode")


def add_command(commands: Any) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        "pretrain", help="train a model of language on text",
        description="Train on text alone: predict the next token (causal), fill in what is hidden (masked), also judge whether "
        "sentences follow each other (masked-next), write what was cut out (denoise), or press each sentence into a small "
        "vector (autoencode).",
        epilog=EXAMPLES, formatter_class=options.HelpFormatter,
    )
    command.add_argument("--objective", choices=CHOICES, default="causal", help="what is learned")
    command.add_argument(
        "--mask-share", type=float, default=0.15, metavar="P", help="masked, masked-next, denoise: share of tokens hidden"
    )
    command.add_argument("--mean-span", type=float, default=3.0, metavar="N", help="denoise: tokens of a piece that is cut out")
    command.add_argument("--code-size", type=int, default=64, metavar="N", help="autoencode: numbers that a sentence becomes")
    command.add_argument(
        "--hide-share", type=float, default=0.0, metavar="P", help="autoencode: share of tokens hidden from the encoder"
    )
    text = command.add_argument_group("text", "Python's own documentation, unless one of these is given")
    source = text.add_mutually_exclusive_group()
    source.add_argument(
        "--corpus", choices=("docs", "code"), default="docs", help="what comes with Python: documentation, or source code"
    )
    source.add_argument("--text", metavar="FILE", help="a UTF-8 text")
    source.add_argument("--table", metavar="FILE", help="a .csv, .tsv or .jsonl file with a column of texts")
    source.add_argument("--code", metavar="FOLDER", help="a folder of Python source")
    text.add_argument("--text-column", default="text", metavar="NAME", help="the column of --table")
    text.add_argument("--valid-share", type=float, default=0.1, metavar="P", help="share of the end of it that is held out")
    options.add_tokenizer(command)
    options.add_model(command, layers=2, context=128)
    options.add_training(command, **RECIPE)
    options.add_output(command, "runs/pretrain")
    return command


def run(args: argparse.Namespace) -> None:
    from ..backend import manual_seed
    from ..training import train
    from .corpora import read_corpus
    from .pretraining import OBJECTIVES, objective_and_sources

    first = ranks.first_alone_speaks()
    args = runs.resumed(args)
    config = options.train_config(args)
    corpus = read_corpus(args)
    chosen = OBJECTIVES[args.objective](args)
    tokenizer = runs.make_tokenizer(args, corpus.train, chosen.special_tokens)
    model_config = options.model_config(args, chosen.kind, tokenizer.vocab_size, **chosen.config(tokenizer))
    objective, train_source, valid_source = objective_and_sources(args, tokenizer, corpus)
    home = runs.begin_run(args, tokenizer, data=corpus.description)
    manual_seed(args.seed)
    model = options.model_of(chosen.kind, model_config)
    model.to(ranks.device(args.device))
    if not args.quiet:
        print(f"{type(model).__name__} of {model.n_parameters():,} parameters, {tokenizer.vocab_size:,} tokens; {corpus}")
    history = train(model, objective, train_source, valid_source, config, home.path, args.resume, progress=not args.quiet)
    if not first:
        return
    say_best(history)
    print(f"  what always says the same reaches {_numbers(chosen.baseline(model, train_source, valid_source))}")
    say_next(home, chosen.next_steps(str(home.path)))


def say_best(history: Any) -> None:
    """How it went."""
    best = history.best
    print(f"{history.step} steps; best on held-out data at step {best['step']}: {_numbers(best)}")


def say_next(home: runs.Run, next_steps: Sequence[str]) -> None:
    """What there is now, and what to do with it."""
    print(f"in {home.path}: {', '.join(sorted(path.name for path in home.path.iterdir()))}. Next:")
    for line in (*next_steps, f"tinyllm evaluate {home.path}", f"tinyllm info {home.path}"):
        print(f"  {line}")


def _numbers(record: dict[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in record.items() if isinstance(value, float))
