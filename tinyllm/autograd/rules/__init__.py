"""The derivative table, by kind of function. Importing the package fills it."""

from . import classes, elementwise, indexing, products, reductions, shapes
from .indexing import scatter_add

__all__ = ["scatter_add"]
