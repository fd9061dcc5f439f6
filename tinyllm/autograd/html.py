"""A Tensor for a notebook: what it is, its numbers as a table, and its gradient beside it."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from .. import backend

if TYPE_CHECKING:
    from .tensor import Tensor

MOST = 12                               # rows and columns shown; of more, the first and an ellipsis


def tensor_html(tensor: Tensor) -> str:
    """Shape, dtype, where from; up to 12 × 12 of the values, and of `grad` if there is one. Of more than two axes, the first
    matrix."""
    node = tensor._node
    facts = [f"shape {tensor.shape}", str(tensor.dtype)]
    if tensor.device != "cpu":
        facts.append(tensor.device)
    if node is not None:
        facts.append("requires_grad" if node.op is None else f"from {node.op.name}")
    tables = _table(tensor.data)
    if tensor.grad is not None:
        tables = f"<table><tr><th>data</th><th>grad</th></tr><tr><td>{tables}</td><td>{_table(tensor.grad)}</td></tr></table>"
    return f"<p><b>{html.escape(type(tensor).__name__)}</b> {html.escape(', '.join(facts))}</p>{tables}"


def _table(array: Any) -> str:
    if not array.size:
        return "<p>(empty)</p>"
    first = array[(0,) * max(array.ndim - 2, 0)]
    corner = backend.to_numpy(first[:MOST, :MOST] if first.ndim == 2 else first[:MOST] if first.ndim else first)
    matrix = corner.reshape(-1, corner.shape[-1] if corner.ndim else 1)
    more_columns = first.ndim > 0 and first.shape[-1] > MOST
    rows = ["".join(f"<td>{_number(entry)}</td>" for entry in row) + "<td>…</td>" * more_columns for row in matrix]
    if first.ndim == 2 and first.shape[0] > MOST:
        rows.append("<td>…</td>" * len(matrix[0]))
    note = f"<p>(the first of {array.size // first.size} matrices)</p>" if array.ndim > 2 else ""
    return "<table>" + "".join(f"<tr>{row}</tr>" for row in rows) + f"</table>{note}"


def _number(entry: Any) -> str:
    return f"{entry:.4g}" if entry.dtype.kind == "f" else html.escape(str(entry))
