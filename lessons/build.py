"""Run the lessons and their solutions, and keep the notebooks beside them in step.

    python lessons/build.py                  run all, write NN_title.ipynb with outputs and figures, and the table in README.md
    python lessons/build.py 12_attention     one of them (a solution: solutions/12_attention)
    python lessons/build.py --check          write nothing; fail where a lesson does not run, a notebook differs from its
                                             source, or a fresh run prints other text or numbers than the notebook shows

The source of a lesson is NN_title.py (jupytext's percent format). Two runs' numbers may differ by ABSOLUTE + RELATIVE of their
size; a cell with the tag "varies" prints what depends on the machine or on Python's version (times, texts of the standard
library), and its output is not compared.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import os
import re
import sys
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from tqdm import tqdm

HERE = Path(__file__).resolve().parent
ABSOLUTE, RELATIVE = 0.02, 0.05
SECONDS = 600                       # a cell that runs so long hangs
VARIES = "varies"
NUMBER = re.compile(r"(?<![\w.])[-−+]?\d[\d,]*\.?\d*(?:[eE][-+]?\d+)?|\b(?:nan|inf)\b")


class Report(NamedTuple):
    """One notebook: how long it ran, what is wrong, and what else to say."""

    name: str
    seconds: float
    problems: list[str]
    note: str = ""


def names() -> list[str]:
    """All lessons, then all solutions: the longest-running are spread over the cores as they come."""
    return [path.relative_to(HERE).with_suffix("").as_posix() for folder in (HERE, HERE / "solutions")
            for path in sorted(folder.glob("[0-9]*.py"))]


def source_of(name: str) -> nbformat.NotebookNode:
    """The notebook that NAME.py describes, without outputs; the same bytes every time."""
    notebook = jupytext.read(HERE / f"{name}.py", fmt="py:percent")
    notebook.metadata = nbformat.from_dict({
        "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    })
    for i, cell in enumerate(notebook.cells):
        cell.id = f"cell-{i:03d}"
        cell.metadata = nbformat.from_dict({"tags": cell.metadata["tags"]} if cell.metadata.get("tags") else {})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def run(name: str) -> tuple[nbformat.NotebookNode, float, str]:
    """The notebook with its outputs, the seconds it took, and the error that ended it (empty: none)."""
    notebook = source_of(name)
    since, error = time.perf_counter(), ""
    client = NotebookClient(
        notebook, timeout=SECONDS, kernel_name="python3", resources={"metadata": {"path": str(HERE)}},
        extra_arguments=["--log-level=ERROR"],
    )
    try:
        client.execute()
    except CellExecutionError as failure:
        error = str(failure)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)            # when it ran: different every time
        if cell.cell_type == "code":
            cell.outputs = list(_joined(cell.outputs))
    return notebook, time.perf_counter() - since, error


def _joined(outputs: list) -> Iterator[nbformat.NotebookNode]:
    """Neighbouring pieces of one stream as one: where they were cut is chance."""
    last = None
    for output in outputs:
        if last is not None and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
            continue
        if last is not None:
            yield last
        last = output
    if last is not None:
        yield last


# ---------------------------------------------------------------- building


def build(name: str) -> Report:
    """Run a lesson and write its notebook, unless it fails."""
    notebook, seconds, error = run(name)
    if error:
        return Report(name, seconds, [error])
    path = HERE / f"{name}.ipynb"
    notebook.metadata["tinyllm"] = {"source": digest(notebook)}
    saved = put_aside(path)
    beside = path.with_name(f".{path.name}.new")
    nbformat.write(notebook, beside)
    beside.replace(path)
    return Report(name, seconds, [], f"its notebook had been edited: kept as {saved.name}" if saved else "")


def digest(notebook: nbformat.NotebookNode) -> str:
    cells = "\0".join(f"{cell.cell_type}\1{cell.source}" for cell in notebook.cells)
    return sha256(cells.encode()).hexdigest()[:16]


def put_aside(path: Path) -> Path | None:
    """A notebook that somebody wrote into (answers, notes) is renamed, never overwritten."""
    if not path.exists():
        return None
    old = nbformat.read(path, as_version=4)
    if old.metadata.get("tinyllm", {}).get("source") == digest(old):
        return None
    n = 1
    while (copy := path.with_name(f"{path.stem}.yours{n}.ipynb")).exists():
        n += 1
    path.rename(copy)
    return copy


# ---------------------------------------------------------------- checking


def check(name: str) -> Report:
    """Run a lesson and compare with its notebook."""
    path = HERE / f"{name}.ipynb"
    if not path.exists():
        return Report(name, 0.0, [f"{path.name} is not there: python lessons/build.py {name}"])
    kept = nbformat.read(path, as_version=4)
    source = source_of(name)
    if [(c.cell_type, c.source) for c in kept.cells] != [(c.cell_type, c.source) for c in source.cells]:
        return Report(name, 0.0, [f"{path.name} is not what {name}.py says any more: python lessons/build.py {name}"])
    fresh, seconds, error = run(name)
    return Report(name, seconds, [error] if error else list(changes(kept, fresh)))


def changes(kept: nbformat.NotebookNode, fresh: nbformat.NotebookNode) -> Iterator[str]:
    """Where a fresh run says something else than the notebook, a line each."""
    for i, (old, new) in enumerate(zip(kept.cells, fresh.cells, strict=True)):
        if old.cell_type != "code":
            continue
        where = f"cell {i} ({old.source.strip().splitlines()[0] if old.source.strip() else 'empty'})"
        if errors := [output.ename for output in old.outputs if output.output_type == "error"]:
            yield f"{where}: the notebook shows the error {errors[0]}"
        pictures = [sum("image/png" in output.get("data", {}) for output in cell.outputs) for cell in (old, new)]
        if pictures[0] != pictures[1]:
            yield f"{where}: {pictures[0]} pictures in the notebook, {pictures[1]} in a fresh run"
        if VARIES not in old.metadata.get("tags", []) and (change := text_change(text_of(old), text_of(new))):
            yield f"{where}: {change}"


def text_of(cell: nbformat.NotebookNode) -> str:
    """What a cell printed, and the text of what it showed (a picture's is its size)."""
    parts = []
    for output in cell.outputs:
        if output.output_type == "stream":
            parts.append(output.text if output.name == "stdout" else "")
        elif "image/png" not in output.get("data", {}):
            parts.append(output.get("data", {}).get("text/plain", ""))
    return "\n".join(parts)


def text_change(old: str, new: str) -> str:
    """How two outputs differ beyond TOLERANCE; empty where they don't."""
    words = [" ".join(NUMBER.sub("#", text).split()) for text in (old, new)]
    if words[0] != words[1]:
        return f"printed {excerpt(words[0], words[1])!r}, now {excerpt(words[1], words[0])!r}"
    for a, b in zip(NUMBER.findall(old), NUMBER.findall(new), strict=True):
        x, y = (float(number.replace(",", "").replace("−", "-")) for number in (a, b))
        if not (x == y or abs(x - y) <= ABSOLUTE + RELATIVE * abs(x) or (x != x and y != y)):
            return f"printed {a}, now {b}"
    return ""


def excerpt(text: str, other: str, length: int = 60) -> str:
    """The part of a text from shortly before the first difference."""
    at = next((i for i, (a, b) in enumerate(zip(text, other)) if a != b), min(len(text), len(other)))
    return text[max(0, at - 15):at + length]


# ---------------------------------------------------------------- the table of contents

BEGIN, END = "<!-- lessons: written by build.py -->", "<!-- end of lessons -->"
TITLE = re.compile(r"^# # (\d+) · (.+)$", re.MULTILINE)
TIMES = re.compile(r"^# \*Reading (\d+) min · running (\d+) s", re.MULTILINE)
AFTERWARDS = re.compile(r"^# \*\*Afterwards you can\*\* (.+?)$\n#?$", re.MULTILINE | re.DOTALL)


def contents() -> str:
    """A row a lesson, from the head of its source."""
    rows = ["| lesson | afterwards you can | reading | running |", "|---|---|---|---|"]
    reading = running = 0
    for name in names():
        if "/" in name:
            continue
        text = (HERE / f"{name}.py").read_text(encoding="utf-8")
        title, times, able = TITLE.search(text), TIMES.search(text), AFTERWARDS.search(text)
        if not (title and times and able):
            missing = [what for what, found in (("title", title), ("times", times), ("Afterwards you can", able)) if not found]
            raise ValueError(f"{name}.py has no {', '.join(missing)} in its first cell: see an earlier lesson")
        can = " ".join(able[1].replace("\n# ", " ").split()).rstrip(".")
        rows.append(f"| [{title[1]} · {title[2]}]({name}.ipynb) | {can} | {times[1]} min | {times[2]} s |")
        reading, running = reading + int(times[1]), running + int(times[2])
    rows.append(f"| | **all of them** | **{reading // 60} h {reading % 60:02d}** | **{running / 60:.0f} min** |")
    return "\n".join(rows)


def readme(text: str) -> str:
    """README.md with the table of today. Raises ValueError where the two marks are missing."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"lessons/README.md needs the lines {BEGIN} and {END}: the table stands between them")
    return f"{before}{BEGIN}\n\n{contents()}\n\n{END}{after}"


# ---------------------------------------------------------------- the command


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="lessons, such as 12_attention (default: all)")
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="lessons at a time (default: one a core)")
    args = parser.parse_args()
    chosen = [name.removeprefix("lessons/").removesuffix(".py").removesuffix(".ipynb") for name in args.names] or names()
    if unknown := set(chosen) - set(names()):
        parser.error(f"no lesson {', '.join(sorted(unknown))}: there are {', '.join(names())}")
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"        # a lesson a core, and the same numbers
    reports: list[Report] = []
    with concurrent.futures.ProcessPoolExecutor(args.jobs) as pool:
        work = [pool.submit(check if args.check else build, name) for name in chosen]
        bar = tqdm(concurrent.futures.as_completed(work), total=len(work), unit="lesson", disable=None)
        for done in bar:
            report = done.result()
            reports.append(report)
            lines = [f"{report.name:<45} {report.seconds:6.1f} s  {report.note}".rstrip(), *report.problems]
            bar.write("\n  ".join(lines))
    failed = [report for report in reports if report.problems]
    table = HERE / "README.md"
    text = table.read_text(encoding="utf-8")
    if text != readme(text):
        if not args.check:
            table.write_text(readme(text), encoding="utf-8")
        elif not args.names:
            failed.append(Report("README.md", 0.0, ["the table of contents is out of date: python lessons/build.py"]))
            print(failed[-1].problems[0])
    seconds = sum(report.seconds for report in reports)
    print(f"{len(reports)} notebooks, {seconds:.0f} s of computing, {len(failed)} with problems")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
