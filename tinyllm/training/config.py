"""What a run is told: how long, how fast, how careful."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

OPTIMIZERS = ("adamw", "muon", "sgd")
PRECISIONS = ("float32", "bfloat16")
SCHEDULES = ("cosine", "linear", "constant")


@dataclass(frozen=True)
class TrainConfig:
    """A run of `train`. Batch sizes and texts belong to the data, sizes of layers to the model.

    Raises ValueError, naming the field, for values that make no sense together.
    """

    steps: int = 1000
    """Updates of the weights."""
    optimizer: Literal["adamw", "muon", "sgd"] = "adamw"
    """muon: for the hidden matrices, and AdamW for the rest."""
    lr: float = 1e-3
    """The highest rate, reached after the warm-up. With muon: that of AdamW's part."""
    muon_lr: float = 0.02
    min_lr: float | None = None
    """Where the schedule ends; None: a tenth of lr. Muon's rate falls by the same factor."""
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup: int | None = None
    """Steps of rising rate; None: a twentieth of all."""
    betas: tuple[float, float] = (0.9, 0.95)
    """Averaging of AdamW's gradients and of their squares."""
    momentum: float = 0.95
    """Of muon and sgd."""
    weight_decay: float = 0.1
    """Of matrices; vectors (biases, norms) don't decay."""
    clip: float = 1.0
    """Gradients longer than this (Euclidean norm over all weights) are shortened to it; 0: never."""
    accumulation: int = 1
    """Batches whose gradients are added before each update, for a large batch in little memory."""
    seed: int = 0
    """Of dropout. (The data's order has the data's seed, the first weights are the model's.)"""
    workers: int | None = None
    """How many share each batch; None: one a core, at most 8, on a GPU one. It decides the last digits of a run's numbers."""
    processes: bool | None = None
    """Whether the workers are processes (faster, above all for small models) or threads. None: processes where that is safe."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of the operands of the linear maps' products; weights, activations and gradients stay float32 (`functional.precision`).
    A GPU multiplies bfloat16 several times faster, a CPU rounds and gains nothing."""
    eval_every: int = 250
    """Steps between evaluations, each followed by a checkpoint."""
    log_every: int = 10
    """Steps between lines of the training loss, each the mean since the line before."""
    patience: int = 0
    """Stop after so many evaluations without a new best; 0: never."""

    def __post_init__(self) -> None:
        lowest = {"steps": 1, "accumulation": 1, "seed": 0, "eval_every": 1, "log_every": 1, "patience": 0}
        for name, least in lowest.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name} {getattr(self, name)}: take at least {least}")
        if self.optimizer not in OPTIMIZERS:
            raise ValueError(f"optimizer {self.optimizer!r}: choose one of {', '.join(OPTIMIZERS)}")
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision {self.precision!r}: choose one of {', '.join(PRECISIONS)}")
        if self.schedule not in SCHEDULES:
            raise ValueError(f"schedule {self.schedule!r}: choose one of {', '.join(SCHEDULES)}")
        for name in ("lr", "muon_lr", "min_lr", "weight_decay", "clip", "momentum"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < float("inf"):
                raise ValueError(f"{name} {value}: a number of at least 0")
        if self.lr == 0:
            raise ValueError("lr 0 would change nothing: take a positive rate")
        if self.min_lr is not None and self.min_lr > self.lr:
            raise ValueError(f"min_lr {self.min_lr} is above lr {self.lr}: the schedule falls, so take it below")
        if self.workers is not None and self.workers < 1:
            raise ValueError(f"workers {self.workers}: take at least 1, or None for one a core, at most 8")
        if self.warmup is not None and not 0 <= self.warmup < self.steps:
            raise ValueError(f"warmup {self.warmup} of {self.steps} steps: take 0 to {self.steps - 1}")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas {self.betas}: each from 0 up to, not including, 1")

    @property
    def warmup_steps(self) -> int:
        return self.steps // 20 if self.warmup is None else self.warmup

    @property
    def floor(self) -> float:
        """The schedule's last value, as a share of its highest."""
        return 0.1 if self.min_lr is None else self.min_lr / self.lr

    def what_decides_the_numbers(self) -> dict[str, object]:
        """The fields a resumed run must share with the one it continues; `workers` is recorded on its own."""
        loose = {"workers", "processes", "log_every", "patience"}
        values = {field.name: getattr(self, field.name) for field in fields(self) if field.name not in loose}
        return values | {"betas": list(self.betas)}
