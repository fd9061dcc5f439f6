"""A training history for a notebook: how it ended, and a row for each evaluation."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .records import History


def history_html(history: History) -> str:
    """The step it ended at and why, the last training loss, and the validation records, the best one marked."""
    parts = [f"step {history.step}", "all steps done" if history.stopped == "steps" else "stopped early: no new best"]
    if history.train:
        parts.append(f"training loss {_text(history.train[-1]['loss'])}")
    if history.folder is not None:
        parts.append(f"in <code>{html.escape(str(history.folder))}</code>")
    names = [name for name in history.valid[0] if name != "split"] if history.valid else []
    rows = "".join(
        "<tr>" + "".join(f"<td>{_text(record.get(name))}</td>" for name in names)
        + f"<td>{'best' if record is history.best or record == history.best else ''}</td></tr>"
        for record in history.valid
    )
    head = "".join(f"<th>{html.escape(name.replace('_', ' '))}</th>" for name in names)
    table = f"<table><thead><tr>{head}<th></th></tr></thead><tbody>{rows}</tbody></table>" if rows else ""
    return f"<p>Training: {', '.join(parts)}</p>{table}"


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else html.escape(str(value))
