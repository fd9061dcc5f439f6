"""A module's tree as a table: names, classes, shapes, counts."""

from __future__ import annotations

import html
from typing import NamedTuple

from .module import Module, Parameter


class Row(NamedTuple):
    depth: int
    name: str
    kind: str           # the class with its arguments
    shapes: str         # of the parameters that stand directly in this module
    size: int           # numbers in this module and all below; tied ones where they stand first


def rows(module: Module) -> list[Row]:
    """The tree in reading order; equal neighbours (the layers of a stack) are shown once, as '0–5'."""
    return _rows(module, "", 0, set())


def _rows(module: Module, name: str, depth: int, seen: set[int]) -> list[Row]:
    shapes = []
    count = 0
    for key, value in vars(module).items():
        if isinstance(value, Parameter):
            tied = id(value) in seen
            shapes.append(f"{key} {value.shape}" + (" tied" if tied else "") + ("" if value.requires_grad else " frozen"))
            count += 0 if tied else value.size
            seen.add(id(value))
    below: list[list[Row]] = []
    repeats: list[tuple[str, str]] = []
    for key, child in module.named_children():
        block = _rows(child, key, depth + 1, seen)
        count += block[0].size
        if below and _same(below[-1], block):
            repeats[-1] = (repeats[-1][0], key)
        else:
            below.append(block)
            repeats.append((key, key))
    for i, (first, last) in enumerate(repeats):
        if first != last:
            below[i][0] = below[i][0]._replace(name=f"{first}–{last}, each")
    kind = f"{type(module).__name__}({module.extra_repr()})"
    return [Row(depth, name, kind, ", ".join(shapes), count), *(row for block in below for row in block)]


def _same(a: list[Row], b: list[Row]) -> bool:
    return a[0].name.split("–")[0].isdigit() and [a[0]._replace(name="")] + a[1:] == [b[0]._replace(name="")] + b[1:]


def summary(module: Module) -> str:
    """Printed by `print(model.summary())`."""
    table = [("module", "class", "parameters", "count")]
    table += [("  " * row.depth + (row.name or "·"), row.kind, row.shapes, f"{row.size:,}") for row in rows(module)]
    widths = [max(len(line[i]) for line in table) for i in range(4)]
    lines = [
        f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:<{widths[2]}}  {d:>{widths[3]}}".rstrip() for a, b, c, d in table
    ]
    rule = "─" * max(map(len, lines))
    return "\n".join([lines[0], rule, *lines[1:], rule, totals(module)])


def totals(module: Module) -> str:
    parameters = list(module.parameters())
    count = sum(p.size for p in parameters)
    trained = sum(p.size for p in parameters if p.requires_grad)
    memory = sum(p.nbytes for p in parameters) / 1e6
    frozen = "" if trained == count else f", {trained:,} of them trained"
    return f"{count:,} parameters{frozen}, {memory:,.1f} MB"


def summary_html(module: Module) -> str:
    """The same table for a notebook."""
    cells = "".join(
        f'<tr><td style="text-align:left;padding-left:{1 + 1.2 * row.depth:.1f}em">{html.escape(row.name or "·")}</td>'
        f'<td style="text-align:left"><code>{html.escape(row.kind)}</code></td>'
        f'<td style="text-align:left">{html.escape(row.shapes)}</td><td style="text-align:right">{row.size:,}</td></tr>'
        for row in rows(module)
    )
    head = "".join(f'<th style="text-align:left">{name}</th>' for name in ("module", "class", "parameters", "count"))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{cells}</tbody></table><p>{html.escape(totals(module))}</p>"
