"""What a task is: where its data comes from, which model learns it by which objective, and how it is judged."""

from __future__ import annotations

import argparse
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from .. import options

if TYPE_CHECKING:
    from ...tokenizers import Tokenizer
    from ...training import Objective
    from .outcome import Outcome
    from .sides import Sides

RECIPE = {**options.TRAINING, "steps": 500, "lr": None, "schedule": "linear", "eval_every": 50}


class Task(ABC):
    """A task with the options of one run, `args`. `finetune` asks for what stands below, in this order."""

    what: ClassVar[str]
    """Its rows in words: "sentences"."""
    recipe: ClassVar[dict[str, Any]] = RECIPE
    """The defaults of the training options."""
    small_lr: ClassVar[float] = options.LR
    """The learning rate of a small model, where none is given."""
    model: ClassVar[dict[str, Any]] = {"layers": 2, "context": 128}
    """The defaults of a model from scratch."""
    examples: ClassVar[str]
    """For --help."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.decided: dict[str, Any] = {}
        """What an earlier test of the model decided, as its test.json holds it."""

    # ------------------------------------------------------------ options

    @classmethod
    @abstractmethod
    def add_options(cls, command: argparse.ArgumentParser) -> None:
        """Groups of options of its own, --data among them."""

    # ------------------------------------------------------------ data

    @abstractmethod
    def own(self) -> Sides:
        """The set that comes with tinyllm."""

    @abstractmethod
    def load(self, path: str, names: Sequence[str] | None = None) -> list[Any]:
        """All rows of a user's file; `names` are the classes of a model that is there already."""

    @abstractmethod
    def keys(self, row: Any) -> Iterable[Hashable]:
        """What no two sides may share."""

    def names(self, rows: Sequence[Any]) -> tuple[str, ...]:
        """The classes in these rows, where the task has any."""
        return ()

    def read(self) -> Sides:
        """--data, split; or the built-in set."""
        from .sides import Sides, split

        args = self.args
        if args.data is None:
            return self.own()
        rows = self.load(args.data)
        sides = split(rows, [self.keys(row) for row in rows], args.valid_share, args.test_share, args.seed)
        return Sides(*sides, args.data, self.what, self.names(rows))

    def read_other(self, path: str, names: Sequence[str]) -> Sides:
        """Another file, all of it to report on."""
        from .sides import Sides

        return Sides([], [], self.load(path, names), path, self.what, tuple(names))

    @abstractmethod
    def texts(self, sides: Sides) -> Iterable[str]:
        """What a tokenizer from scratch learns from."""

    # ------------------------------------------------------------ learning

    @abstractmethod
    def build(self, start: Any, tokenizer: Tokenizer, sides: Sides) -> Any:
        """The model, on the one to start from or, where that is None, from scratch."""

    @abstractmethod
    def objective(self, sides: Sides) -> Objective:
        """What is learned."""

    @abstractmethod
    def batches(self, rows: Any, model: Any, tokenizer: Tokenizer, sides: Sides) -> Any:
        """Of one side: a source to train and to evaluate on."""

    # ------------------------------------------------------------ judging

    def before(self) -> Any:
        """The model that the run started from, as it was; None where there was none, or it is gone."""
        from ..sources import open_model

        if self.args.from_run is None:
            return None
        try:
            return open_model(self.args.from_run)[0]
        except FileNotFoundError:
            return None

    @abstractmethod
    def test(self, model: Any, tokenizer: Tokenizer, sides: Sides) -> Outcome:
        """How well the trained model does on the test side; baselines where the sides hold what they learn from."""

    def next_steps(self, folder: str) -> tuple[str, ...]:
        """Commands that use the run."""
        return ()


def add_data(command: argparse.ArgumentParser, own: str, what: str) -> Any:
    """The options of every task's data: `own` says what is learned without --data, `what` the file is."""
    data = command.add_argument_group("data", f"{own}, unless --data is given")
    data.add_argument("--data", metavar="FILE", help=what)
    data.add_argument("--valid-share", type=float, default=0.15, metavar="P", help="share of --data to choose the best by")
    data.add_argument("--test-share", type=float, default=0.15, metavar="P", help="share of --data to report on")
    return data
