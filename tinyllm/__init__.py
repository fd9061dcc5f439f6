"""tinyllm: the textbook of large language models that runs. Write NumPy, get gradients.

Reading order, from the derivative of np.exp to a model that generates; each package's own docstring goes on from here:

    backend        where arrays live: NumPy or CuPy, dtypes, random numbers
    autograd       Tensor, the derivative table, grad, and the check that proves gradients
    functional     the formulas of the field, each with its fused twin
    nn             modules: layers with parameters, attention, the Transformer layer
    optim          from SGD to AdamW and Muon, schedules, clipping
    models         GPT, Bert, classifiers; saving and loading
    tokenizers     text to numbers and back
    data           corpora, files, batches, masking
    metrics        how good is what a model said: entities, answers, BLEU, chrF, ROUGE
    gguf           weights in few bits, as llama.cpp keeps them
    training       one loop for pretraining and fine-tuning, resuming to the same numbers
    generation     text from a model
    viz            pictures
    tour           the main job: all of it on real text, in minutes
    book           what the lessons stand on: the ledger of formulas, exercises and their grading
    cli            the command `tinyllm`
"""

from __future__ import annotations

import importlib
from types import ModuleType

from .autograd import (
    GradientError,
    Tensor,
    detect_anomaly,
    enable_grad,
    formulas_only,
    grad,
    gradcheck,
    gradients,
    no_grad,
    operation,
    scatter_add,
    value_and_grad,
)
from .backend import manual_seed

__version__ = "0.1.0"

_PACKAGES = (
    "backend", "autograd", "functional", "nn", "optim", "models",
    "tokenizers", "data", "metrics", "training", "generation", "viz", "tour", "book",
)

__all__ = [
    "Tensor", "grad", "value_and_grad", "gradients", "no_grad", "enable_grad", "formulas_only", "detect_anomaly", "gradcheck",
    "GradientError", "manual_seed", "operation", "scatter_add",
]


def __getattr__(name: str) -> ModuleType:
    """`tinyllm.nn` without an import of its own; loaded when first named: `import tinyllm` stays as quick as NumPy's."""
    if name in _PACKAGES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module 'tinyllm' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_PACKAGES})
