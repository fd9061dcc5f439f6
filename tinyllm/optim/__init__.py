"""Optimisers in reading order: optimizer (groups, steps, state), runs (many parameters as one long vector), sgd, adam, muon,
groups (what decays), clip, schedules."""

from .optimizer import Optimizer
from .sgd import SGD
from .adam import Adam, AdamW
from .muon import Muon, muon_groups, orthogonalized
from .groups import decay_groups
from .clip import clip_grad_norm
from .schedules import Schedule, warmup_cosine, warmup_linear

__all__ = [
    "Optimizer", "SGD", "Adam", "AdamW", "Muon", "muon_groups", "orthogonalized", "decay_groups", "clip_grad_norm", "Schedule",
    "warmup_cosine", "warmup_linear",
]
