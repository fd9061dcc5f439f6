"""A self-contained HTML page: paragraphs, tables, pictures and samples in one file that opens anywhere."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_STYLE = """
:root { color-scheme: light; }
body { font: 17px/1.55 Georgia, serif; color: #1a1a1a; background: #fff; }
body { max-width: 46rem; margin: 2.5rem auto; padding: 0 1.2rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin-bottom: .3rem; } h2 { font-size: 1.35rem; margin-top: 2.4rem; }
code, pre, .tokens { font-family: ui-monospace, Menlo, Consolas, monospace; font-size: .84em; }
pre { background: #f6f6f4; border-left: 3px solid #0072B2; padding: .7rem .9rem; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; }
table { border-collapse: collapse; margin: 1rem 0; font-size: .94em; }
caption { text-align: left; font-style: italic; padding-bottom: .3rem; }
th, td { padding: .25rem .9rem .25rem 0; text-align: left; border-bottom: 1px solid #ddd; }
td.number, th.number { text-align: right; }
figure { margin: 1.4rem 0; } img { max-width: 100%; } figcaption { font-size: .9em; color: #444; }
.formula { text-align: center; font-style: italic; margin: 1rem 0; }
.tokens span { padding: .05em .12em; border-radius: 3px; }
.tokens span:nth-child(odd) { background: #dceaf5; } .tokens span:nth-child(even) { background: #f7e3d3; }
.given { color: #777; } .note { font-size: .92em; color: #444; }
"""


class Page:
    """Collects a page's parts in order. Text is escaped; `code` in backticks is set as code."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.parts: list[str] = [f"<h1>{escape(title)}</h1>"]

    def heading(self, text: str) -> None:
        self.parts.append(f"<h2>{escape(text)}</h2>")

    def text(self, *paragraphs: str) -> None:
        self.parts.extend(f"<p>{_inline(p)}</p>" for p in paragraphs)

    def note(self, text: str) -> None:
        self.parts.append(f'<p class="note">{_inline(text)}</p>')

    def formula(self, text: str) -> None:
        self.parts.append(f'<p class="formula">{escape(text)}</p>')

    def table(self, header: Sequence[str], rows: Sequence[Sequence[Any]], caption: str = "") -> None:
        """Numbers are set to the right; the first column names the row."""
        def cell(tag: str, value: Any, i: int) -> str:
            return f"<{tag}{' class=number' if i else ''}>{_inline(str(value))}</{tag}>"

        lines = ["<table>", f"<caption>{_inline(caption)}</caption>" if caption else ""]
        lines.append("<tr>" + "".join(cell("th", h, i) for i, h in enumerate(header)) + "</tr>")
        lines.extend("<tr>" + "".join(cell("td", v, i) for i, v in enumerate(row)) + "</tr>" for row in rows)
        self.parts.append("\n".join([*lines, "</table>"]))

    def picture(self, fig: Figure, caption: str) -> None:
        """The figure inside the page, with its caption as the text for those who can't see it."""
        buffer = io.BytesIO()
        fig.savefig(buffer, format="png", dpi=130)
        data = base64.b64encode(buffer.getvalue()).decode()
        self.parts.append(
            f'<figure><img alt="{escape(caption, quote=True)}" src="data:image/png;base64,{data}">'
            f"<figcaption>{_inline(caption)}</figcaption></figure>"
        )

    def tokens(self, pieces: Sequence[str]) -> None:
        """Tokens side by side in alternating colours; spaces and line ends shown."""
        shown = "".join(f"<span>{escape(p.replace(chr(10), '⏎').replace(' ', '·'))}</span>" for p in pieces)
        self.parts.append(f'<p class="tokens">{shown}</p>')

    def sample(self, given: str, made: str) -> None:
        """A prompt, in grey, and what a model made of it."""
        self.parts.append(f'<pre><span class="given">{escape(given)}</span>{escape(made)}</pre>')

    def html(self) -> str:
        body = "\n".join(self.parts)
        return (
            f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(self.title)}</title>'
            f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>\n'
            f"<body>\n{body}\n</body></html>\n"
        )

    def write(self, path: str | Path) -> Path:
        """Written beside its place and renamed there: an interrupted write leaves the old page."""
        path = Path(path)
        beside = path.with_name(f".{path.name}.partial")
        beside.write_text(self.html(), encoding="utf-8")
        beside.replace(path)
        return path


def _inline(text: str) -> str:
    """Escaped text, with `code` set as code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))
