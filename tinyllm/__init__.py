"""tinyllm: the textbook of large language models that runs. See README.md for the map."""

from .autograd import (
    Tensor, detect_anomaly, enable_grad, formulas_only, grad, gradcheck, gradients, no_grad, operation, scatter_add, value_and_grad,
)
from .backend import manual_seed
