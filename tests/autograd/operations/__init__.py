"""The table of operations, by kind of function as the derivative table is (tinyllm/autograd/rules). Importing it fills ROWS."""

from tests.autograd.operations import elementwise, indexing, products, reductions, shapes
from tests.autograd.operations.rows import ROWS, Row

__all__ = ["ROWS", "Row", "elementwise", "indexing", "products", "reductions", "shapes"]
