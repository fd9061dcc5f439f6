"""The derivative table, by kind of function. Importing the package fills it."""

from . import elementwise, reductions, shapes, products, indexing, classes
from .indexing import scatter_add

__all__ = ["scatter_add"]
