"""tinyllm's training step, as `train` takes it."""

from __future__ import annotations

import atexit
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, NoReturn

import numpy as np

from tests.benchmarks.configs import BETAS, CONFIGS, LR, WEIGHT_DECAY, Config, batches
from tinyllm import formulas_only, manual_seed
from tinyllm.functional import FORMULAS
from tinyllm.models import GPT, Bert, BertConfig, GPTConfig, Seq2Seq, Seq2SeqConfig, SequenceClassifier
from tinyllm.training import Causal, Classification, SequenceToSequence, TrainConfig, keep_freed_memory
from tinyllm.training.loop import Loop
from tinyllm.training.workers import choose_workers


def model(config: Config) -> Any:
    """The model with the weights that all contenders start from."""
    manual_seed(0)
    c = config
    sizes: Any = {"n_layers": c.layers, "n_heads": c.heads, "d_model": c.width, "context": c.context}
    bend = {"tanh": "gelu_tanh", "none": "gelu"}[c.gelu]
    if c.family == "gpt":
        return GPT(GPTConfig(c.vocab, activation=bend, **sizes))
    if c.family == "seq2seq":
        return Seq2Seq(Seq2SeqConfig(c.vocab, norm_first=False, **sizes))
    trunk = BertConfig(c.vocab, activation=bend, norm_first=False, norm_eps=1e-12, n_segments=2, masked_head=False, **sizes)
    return SequenceClassifier(Bert(trunk), 2, "cls")


def weights(config: str) -> dict[str, np.ndarray]:
    """What the peers start from."""
    return model(CONFIGS[config]).state_dict()


class Repeated:
    """The same few batches over and over."""

    def __init__(self, found: list[dict[str, np.ndarray]]) -> None:
        self.found = found

    def batch(self, step: int) -> dict[str, np.ndarray]:
        return self.found[step % len(self.found)]


def start(config: Config, n_workers: int, processes: bool | None = None) -> tuple[Loop, Callable[[], float]]:
    """The loop, and a function that takes its next step and answers the loss. The one place that knows how training goes."""
    objective = {"gpt": Causal, "seq2seq": SequenceToSequence, "bert": Classification}[config.family]()
    told = TrainConfig(steps=1 << 30, lr=LR, betas=BETAS, weight_decay=WEIGHT_DECAY, schedule="constant", warmup=0, clip=0.0)
    workers = choose_workers(n_workers, processes)
    loop = Loop(model(config), objective, Repeated(batches(config)), None, told, workers)
    loop.model.train()
    keep_freed_memory()
    workers.__enter__()
    loop.begin()
    if workers.rank > 0:
        follow(loop)
    atexit.register(workers.__exit__, None, None, None)
    atexit.register(workers.collect, False)             # called first

    def step() -> float:
        workers.collect(True)
        return loop.update()["loss"]

    return loop, step


def follow(loop: Loop) -> NoReturn:
    """What the other processes do: a step whenever the first takes one, until it is gone."""
    try:
        while loop.workers.collect(None)[0]:
            loop.update()
    except BaseException as error:
        loop.workers.__exit__(type(error), error, error.__traceback__)
    raise SystemExit


def build(
    config: str, workers: int = 1, processes: bool | None = None, formulas: bool = False, without: str | None = None
) -> Callable[[], float]:
    """`processes` None: as `train` chooses. `formulas`: no twin at all; `without`: the formula in place of this one twin."""
    if without is not None:
        FORMULAS[without].twin = None
    _, step = start(CONFIGS[config], workers, processes)

    def run() -> float:
        with formulas_only() if formulas else nullcontext():
            return step()

    return run
