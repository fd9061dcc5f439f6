"""The command `tinyllm`. Reading order: main (the parser, errors), options (what commands share), corpora (text to learn from),
runs (what a run's folder holds); then a module a command: tour, pretrain, finetune, evaluate, generate, info, formulas,
progress."""

from .main import main

__all__ = ["main"]
