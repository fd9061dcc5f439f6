"""The state of a run and its steps. `trainer` surrounds it with folder, signals and progress."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from typing import Any, Protocol

from ..autograd import detect_anomaly
from ..backend import Array
from ..data.batching import Batch
from ..models import Pretrained
from ..optim import clip_grad_norm
from .checkpoint import Checkpoint
from .config import TrainConfig
from .evaluation import evaluate
from .gradients import loss_and_gradients
from .objectives import Objective
from .optimization import make_optimizer, make_schedule
from .records import History, Record
from .run_folder import fingerprint
from .workers import Workers


class TrainSource(Protocol):
    """Batches to learn from: a pure function of the step."""

    def batch(self, step: int) -> Batch: ...


class ValidSource(Protocol):
    """Held-out batches, the same at every evaluation."""

    def evaluation(self) -> Iterable[Batch]: ...


class NonFiniteError(FloatingPointError):
    """A loss or a gradient became NaN or infinite; the message says at which step and rate, and which operation was
    first."""


class Loop:
    """All that changes from step to step besides the weights: what a checkpoint holds."""

    def __init__(
        self, model: Any, objective: Objective, train_source: TrainSource, valid_source: ValidSource | None, config: TrainConfig
    ) -> None:
        self.model, self.objective, self.config = model, objective, config
        self.train_source, self.valid_source = train_source, valid_source
        self.parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.optimizer = make_optimizer(model, config)
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

    def update(self, workers: Workers) -> Record:
        """One step. The record holds the loss before it and the length of its gradient before clipping.

        Raises NonFiniteError, the weights as they were, for a loss or a gradient that is not finite.
        """
        config, first = self.config, self.step * self.config.accumulation
        batches = [self.train_source.batch(first + i) for i in range(config.accumulation)]
        rate = self.factor(self.step)
        loss, gradients = self._gradients(batches, workers)
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = gradient
        norm = float(clip_grad_norm(self.parameters, config.clip or math.inf))
        if not (math.isfinite(loss) and math.isfinite(norm)):
            self.optimizer.zero_grad()
            raise NonFiniteError(self._explain(loss, norm, batches, workers))
        self.optimizer.scale_lr(rate)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.step += 1
        self.tokens += sum(batch["ids"].size for batch in batches)
        self.window = [self.window[0] + loss, self.window[1] + 1]
        return {"step": self.step, "split": "train", "loss": loss, "lr": config.lr * rate, "gradient_norm": norm}

    def _gradients(self, batches: list[Batch], workers: Workers) -> tuple[float, list[Array | None]]:
        return loss_and_gradients(self.model, self.objective, self.parameters, batches, workers, self.config.seed, self.step)

    def _explain(self, loss: float, norm: float, batches: list[Batch], workers: Workers) -> str:
        """Run the step again, watching every operation: the weights are still those it began with."""
        what = f"the loss is {loss}" if not math.isfinite(loss) else f"the loss is {loss:.4g}, its gradient's length {norm}"
        try:
            with detect_anomaly():
                self._gradients(batches, workers)
            first = "Every entry of the gradient is finite, their squares overflow"
        except FloatingPointError as error:
            first = str(error)
        rate = self.config.lr * self.factor(self.step)
        return f"step {self.step + 1}, learning rate {rate:.3g}: {what}. {first}. Try a lower lr, a longer warmup, or clip 1"

    def tokens_per_second(self) -> int:
        """Since the last line of the training loss."""
        return round(self.tokens / max(time.perf_counter() - self.since, 1e-9))

    def training_line(self, last: Record) -> Record:
        """The last step's record with the mean loss since the line before."""
        record = {**last, "loss": self.window[0] / self.window[1], "tokens_per_second": self.tokens_per_second()}
        self.window, self.tokens, self.since = [0.0, 0], 0, time.perf_counter()
        return record

    # ------------------------------------------------------------ held-out data

    def evaluate(self, valid_source: ValidSource, workers: Workers) -> Record:
        """The metrics now. Afterwards `history.best` is this record if none before was better."""
        began = time.perf_counter()
        metrics = evaluate(self.model, self.objective, valid_source.evaluation(), workers)
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

    def identity(self) -> dict[str, Any]:
        """What must be the same when a run goes on. The data is known by nine of the run's batches."""
        last = self.config.steps * self.config.accumulation - 1
        return {
            "objective": type(self.objective).__name__,
            "train": self.config.what_decides_the_numbers(),
            "model": model_config(self.model),
            "parameters": {name: list(parameter.shape) for name, parameter in self.model.named_parameters()},
            "data": fingerprint(self.train_source.batch(i * last // 8) for i in range(9)),
        }

    def checkpoint(self, workers: int, with_optimizer: bool = True) -> Checkpoint:
        optimizer = self.optimizer.state_dict()
        arrays = optimizer.pop("arrays")
        state = {
            "step": self.step,
            "seed": self.config.seed,
            "workers": workers,
            "best": self.history.best,
            "waiting": self.waiting,
            "window": self.window,
            "optimizer": optimizer,
        }
        return Checkpoint(state, self.model.state_dict(), arrays if with_optimizer else None, model_config(self.model))

    def restore(self, checkpoint: Checkpoint) -> None:
        state = checkpoint.state
        self.model.load_state_dict(checkpoint.model)
        self.optimizer.load_state_dict({**state["optimizer"], "arrays": checkpoint.optimizer})
        self.step, self.waiting, self.window, self.history.best = (
            state["step"], state["waiting"], state["window"], state["best"]
        )


def model_config(model: Any) -> dict[str, Any]:
    """What stands in the config.json of a model's folder; a model that has no config is known by its class."""
    return {"model_type": model.model_type, **model.config_dict()} if isinstance(model, Pretrained) else {
        "class": type(model).__name__
    }
