"""The optimiser and the schedule that a TrainConfig describes."""

from __future__ import annotations

from ..nn import Module
from ..optim import SGD, AdamW, Muon, Optimizer, Schedule, decay_groups, muon_groups, warmup_cosine, warmup_linear
from .config import TrainConfig


def make_optimizer(model: Module, config: TrainConfig) -> Optimizer:
    """AdamW, Muon or SGD over all parameters of the model; of them matrices decay."""
    if config.optimizer == "muon":
        groups = muon_groups(model, config.muon_lr, config.lr, config.weight_decay)
        return Muon(groups, momentum=config.momentum, betas=config.betas)
    groups = decay_groups(model, config.weight_decay)
    if config.optimizer == "sgd":
        return SGD(groups, lr=config.lr, momentum=config.momentum)
    return AdamW(groups, lr=config.lr, betas=config.betas)


def make_schedule(config: TrainConfig) -> Schedule:
    """Up in a line, then down by a cosine or in a line to `config.floor`; constant is a line to 1."""
    if config.schedule == "cosine":
        return warmup_cosine(config.warmup_steps, config.steps, config.floor)
    return warmup_linear(config.warmup_steps, config.steps, 1.0 if config.schedule == "constant" else config.floor)
