"""A column of texts."""

from __future__ import annotations

from pathlib import Path

from ...data.tables import check_text, table_rows


def read_column(path: str, column: str) -> list[str]:
    """The texts of a table's column, in file order. Raises as `read_table`, and ValueError for a table without rows."""
    file = Path(path)
    texts = [check_text(file, line, row, column) for line, row in table_rows(file)]
    if not texts:
        raise ValueError(f"{path} has no rows: give a text on each")
    return texts
