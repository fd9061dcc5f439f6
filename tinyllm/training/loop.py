"""The state of a run and its steps. `trainer` surrounds it with folder, signals and progress."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np

from ..autograd import detect_anomaly
from ..backend import to_numpy
from ..data.batching import Batch
from ..functional import precision
from ..models import Pretrained
from .checkpoint import Checkpoint
from .config import TrainConfig
from .evaluation import evaluate
from .gradients import part_gradient
from .objectives import Objective
from .optimization import make_optimizer, make_schedule
from .records import History, Record
from .run_folder import fingerprint
from .shards import Shards
from .workers import Workers


class TrainSource(Protocol):
    """Batches to learn from: a pure function of the step. Processes share the position in an open file: to read from one, use
    np.memmap or os.pread."""

    def batch(self, step: int) -> Batch: ...


class ValidSource(Protocol):
    """Held-out batches, the same at every evaluation."""

    def evaluation(self) -> Iterable[Batch]: ...


class NonFiniteError(FloatingPointError):
    """A loss or a gradient became NaN or infinite; the message says at which step and rate, and which operation was
    first."""


class Loop:
    """All that changes from step to step besides the weights: what a checkpoint holds.

    With several processes each has a loop, and all do the same: only parts of the batch and shards of the weights are divided.
    """

    def __init__(
        self, model: Any, objective: Objective, train_source: TrainSource, valid_source: ValidSource | None,
        config: TrainConfig, workers: Workers,
    ) -> None:
        self.model, self.objective, self.config, self.workers = model, objective, config, workers
        self.train_source, self.valid_source = train_source, valid_source
        self.parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.optimizer = make_optimizer(model, config)
        self.shards = Shards(self.parameters, self.optimizer, workers)
        self.factor = make_schedule(config)
        self.history = History()
        self.step = 0                       # updates done
        self.waiting = 0                    # evaluations since the best one
        self.window = [0.0, 0]              # sum and number of losses since the last line of the training loss
        self.tokens, self.since = 0, time.perf_counter()

    @property
    def done(self) -> bool:
        return self.step >= self.config.steps or 0 < self.config.patience <= self.waiting

    # ------------------------------------------------------------ learning

    def begin(self) -> None:
        """What to do when all workers are there: they start from one and the same state, and each keeps its part of it."""
        self.shards.begin()

    def update(self) -> Record:
        """One step. The record holds the loss before it and the length of its gradient before clipping.

        Raises NonFiniteError, the weights as they were, for a loss or a gradient that is not finite.
        """
        config, first, workers = self.config, self.step * self.config.accumulation, self.workers
        batches = [self.train_source.batch(first + i) for i in range(config.accumulation)]
        rate = self.factor(self.step)
        parts = workers.of_all(lambda i: self._gradient(batches, i))
        taken = np.any([taken for _, taken in parts], axis=0)
        squares = workers.of_all(lambda i: self.shards.sum(i, taken))
        losses, squares = _read([[loss for loss, _ in parts], squares])
        loss, norm = sum(losses), math.sqrt(sum(squares))
        if not (math.isfinite(loss) and math.isfinite(norm)):
            self.optimizer.zero_grad()
            raise NonFiniteError(self._explain(loss, norm, batches))
        self.optimizer.scale_lr(rate)
        clip = config.clip or math.inf
        workers.each(lambda i: self.shards.move(i, clip / norm if norm > clip else 1.0))
        self.shards.share()
        self.optimizer.zero_grad()
        self.step += 1
        self.tokens += sum(batch["ids"].size for batch in batches)
        self.window = [self.window[0] + loss, self.window[1] + 1]
        return {"step": self.step, "split": "train", "loss": loss, "lr": config.lr * rate, "gradient_norm": norm}

    def _gradient(self, batches: list[Batch], worker: int, send: bool = True) -> tuple[Any, np.ndarray]:
        """A worker's loss, and which parameters have a gradient from it."""
        gradient = self.shards.gradient(worker, send)
        with precision(self.config.precision):
            loss = part_gradient(
                self.model, self.objective, batches, worker, self.workers.n, self.config.seed, self.step, gradient
            )
        return loss, gradient.taken

    def _explain(self, loss: float, norm: float, batches: list[Batch]) -> str:
        """Run the step again, watching every operation: the weights are still those it began with."""
        what = f"the loss is {loss}" if not math.isfinite(loss) else f"the loss is {loss:.4g}, its gradient's length {norm}"

        def watched(worker: int) -> str:
            try:
                with detect_anomaly():
                    self._gradient(batches, worker, send=False)     # it may stop half-way
            except FloatingPointError as error:
                return str(error)
            return ""

        found = next(filter(None, self.workers.of_all(watched)), "")
        found = found or "Every entry of the gradient is finite, their squares overflow"
        rate = self.config.lr * self.factor(self.step)
        return f"step {self.step + 1}, learning rate {rate:.3g}: {what}. {found}. Try a lower lr, a longer warmup, or clip 1"

    def tokens_per_second(self) -> int:
        """Since the last line of the training loss."""
        return round(self.tokens / max(time.perf_counter() - self.since, 1e-9))

    def training_line(self, last: Record) -> Record:
        """The last step's record with the mean loss since the line before."""
        record = {**last, "loss": self.window[0] / self.window[1], "tokens_per_second": self.tokens_per_second()}
        self.window, self.tokens, self.since = [0.0, 0], 0, time.perf_counter()
        return record

    # ------------------------------------------------------------ held-out data

    def evaluate(self, valid_source: ValidSource) -> Record:
        """The metrics now. Afterwards `history.best` is this record if it is better than all before."""
        began = time.perf_counter()
        metrics = evaluate(self.model, self.objective, valid_source.evaluation(), self.workers)
        # NumPy's numbers are not JSON's
        metrics = {name: value.item() if isinstance(value, np.generic) else value for name, value in metrics.items()}
        self.since += time.perf_counter() - began           # tokens a second are those of training
        record: Record = {"step": self.step, "split": "valid", **metrics}
        watch, best = self.objective.watch, self.history.best
        if not math.isfinite(metrics[watch]):
            raise NonFiniteError(f"step {self.step}: the validation {watch} is {metrics[watch]}. Try a lower lr, or clip 1")
        if best is None or (metrics[watch] > best[watch] if self.objective.higher else metrics[watch] < best[watch]):
            self.history.best, self.waiting = record, 0
        else:
            self.waiting += 1
        return record

    # ------------------------------------------------------------ saving

    def checkpoint(self, with_optimizer: bool = True) -> Checkpoint:
        """With the optimiser all processes take part: each has a shard of its state."""
        options = self.optimizer.state_dict()
        arrays = options.pop("arrays")
        if with_optimizer:
            for steps, others in self.workers.collect((options["steps"], arrays)):
                arrays = others | arrays
                options["steps"] = list(map(max, options["steps"], steps))
        state = {
            "step": self.step,
            "seed": self.config.seed,
            "workers": self.workers.n,
            "best": self.history.best,
            "waiting": self.waiting,
            "window": self.window,
            "optimizer": options,
        }
        return Checkpoint(state, self.model.state_dict(), arrays if with_optimizer else None, model_config(self.model))

    def restore(self, checkpoint: Checkpoint) -> None:
        state = checkpoint.state
        self.model.load_state_dict(checkpoint.model)
        self.optimizer.load_state_dict({**state["optimizer"], "arrays": checkpoint.optimizer})
        self.step, self.waiting, self.window, self.history.best = (
            state["step"], state["waiting"], state["window"], state["best"]
        )


def _read(rows: list[list[Any]]) -> list[list[float]]:
    """Numbers that may stand on a GPU, brought here in one transfer."""
    numbers = [number for row in rows for number in row]
    there = next((number for number in numbers if not isinstance(number, float | np.ndarray | np.generic)), None)
    if there is not None:
        numbers = to_numpy(np.stack([np.full_like(there, x) if isinstance(x, float) else x for x in numbers])).tolist()
    found = iter(map(float, numbers))
    return [[next(found) for _ in row] for row in rows]


def identity(model: Any, objective: Objective, train_source: TrainSource, config: TrainConfig) -> dict[str, Any]:
    """What must be the same when a run goes on. The data is known by nine of the run's batches."""
    last = config.steps * config.accumulation - 1
    return {
        "objective": type(objective).__name__,
        "objective_settings": {name: value for name, value in vars(objective).items() if isinstance(value, int | float | str)},
        "train": config.what_decides_the_numbers(),
        "model": model_config(model),
        "parameters": {name: list(parameter.shape) for name, parameter in model.named_parameters()},
        "frozen": [name for name, parameter in model.named_parameters() if not parameter.requires_grad],
        "data": fingerprint(train_source.batch(i * last // 8) for i in range(9)),
    }


def model_config(model: Any) -> dict[str, Any]:
    """What stands in the config.json of a model's folder; a model that has no config is known by its class."""
    return {"model_type": model.model_type, **model.config_dict()} if isinstance(model, Pretrained) else {
        "class": type(model).__name__
    }
