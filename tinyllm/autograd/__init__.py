"""Automatic differentiation in reading order: graph (the chain rule), tensor, table (how a derivative is written), rules/ (the
derivatives), operation (your own), transforms (grad), gradcheck, modes."""

from . import rules as _rules  # fills the table
from .gradcheck import GradientError, gradcheck
from .modes import detect_anomaly, enable_grad, formulas_only, no_grad
from .operation import Operation, operation
from .rules import scatter_add
from .table import defvjp
from .tensor import Tensor
from .transforms import grad, gradients, leaf_gradients, value_and_grad

__all__ = [
    "GradientError", "Operation", "Tensor", "defvjp", "detect_anomaly", "enable_grad", "formulas_only", "grad", "gradcheck",
    "gradients", "leaf_gradients", "no_grad", "operation", "scatter_add", "value_and_grad",
]
