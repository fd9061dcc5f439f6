"""From the arrays of files to the parameters of a model: every name, shape and dtype is compared, then numbers are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..autograd import no_grad
from ..nn import Module
from .hugging_face import Layout, Row, numbered
from .weights import DTYPES, Weights


def rows_of(model: Module, layout: Layout | None, config: Mapping) -> list[Row]:
    """Every array of the model in a layout; in our own (None) an array is a parameter and has its name."""
    names = [name for name, _ in model.named_parameters()]
    if layout is None:
        return [Row(name, (name,)) for name in names]
    return numbered(layout.rows(config), dict.fromkeys(names))


def arrays_of(model: Module, layout: Layout | None, config: Mapping) -> dict[str, np.ndarray]:
    """The model's arrays by the names of the rows: copies, or views of the parameters."""
    ours = {name: parameter.numpy() for name, parameter in model.named_parameters()}
    return {row.theirs: row.packed([ours[name] for name in row.ours]) for row in rows_of(model, layout, config)}


def load(model: Module, weights: Weights, layout: Layout | None, config: Mapping) -> None:
    """Write the weights into the model, float64 ones after turning it to float64.

    Raises ValueError naming what is missing, unexpected, of another shape or dtype, and copies of one array that differ.
    """
    rows = rows_of(model, layout, config)
    names = layout.names(weights) if layout else {name: name for name in weights}
    tied = layout.tied if layout else {}
    chosen = _chosen(rows, names, tied)
    parameters = dict(model.named_parameters())
    shapes = {row: [parameters[name].shape for name in row.ours] for row in chosen.values()}
    listed = {row.theirs for row in rows}
    problems = [f"{row.theirs} is missing" for row in rows if row.ours not in chosen]
    problems += [
        f"{names[name]} is unexpected"
        for name in names if name not in listed and name not in tied and not (layout and layout.ignores(name))
    ]
    for row in chosen.values():
        entry, wanted = weights[names[row.theirs]], row.shape(shapes[row])
        if entry.shape != wanted:
            problems.append(f"{names[row.theirs]} has shape {entry.shape}, the config says {wanted}")
        elif entry.dtype not in DTYPES:
            problems.append(f"{names[row.theirs]} is {entry.dtype}, none of {', '.join(DTYPES)}")
    raise_for(problems)
    read = {row.ours: row.theirs for row in chosen.values()}
    ours = {row.theirs: row.ours for row in rows}
    copies = [(names[copy], names[read[ours[of]]]) for copy, of in tied.items() if copy in names and copy not in listed]
    raise_for([
        f"{copy} and {of} are one array by the config, but differ (tie_word_embeddings false would part them)"
        for copy, of in copies if not _same(weights, copy, of)
    ])
    if any(weights[names[row.theirs]].dtype == "F64" for row in chosen.values()):
        model.to(dtype=np.float64)
    with no_grad():
        for row in chosen.values():
            for name, array in zip(row.ours, row.unpacked(weights.read(names[row.theirs]), shapes[row]), strict=True):
                parameters[name].copy_(array)


def _chosen(rows: Sequence[Row], names: Mapping[str, str], tied: Mapping[str, str]) -> dict[tuple[str, ...], Row]:
    """For our parameters, the row that is read: under the first of its names that there is, or else the name of a copy."""
    chosen: dict[tuple[str, ...], Row] = {}
    for row in rows:
        copies = [copy for copy, of in tied.items() if of == row.theirs]
        if row.theirs in names:
            chosen.setdefault(row.ours, row)
        elif found := [copy for copy in copies if copy in names]:
            chosen.setdefault(row.ours, row._replace(theirs=found[0]))
    return chosen


def _same(weights: Weights, a: str, b: str) -> bool:
    return a == b or (weights[a][1:] == weights[b][1:] and np.array_equal(weights.read(a), weights.read(b)))


def raise_for(problems: Sequence[str], most: int = 5) -> None:
    """Raise ValueError if there are problems, naming the first few."""
    if problems:
        more = f"; and {len(problems) - most} more" if len(problems) > most else ""
        raise ValueError("the weights do not fit the config: " + "; ".join(problems[:most]) + more)
