"""What a section leaves in results/: a table (.md), the numbers behind it (.json), pictures (.png). Each names machine and
command."""

from __future__ import annotations

import json
import os
import platform
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_info

from tinyllm.training import default_workers

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RESULTS = Path(__file__).parent / "results"
PACKAGES = {
    "numpy": "NumPy", "torch": "PyTorch", "jax": "JAX", "autograd": "HIPS autograd", "tokenizers": "Hugging Face tokenizers"
}


@dataclass(frozen=True)
class Options:
    """What the command line says. `rounds` and `configs` None: the section's own."""

    cores: int
    rounds: int | None = None
    configs: Sequence[str] | None = None
    quick: bool = False


@dataclass(frozen=True)
class Result:
    """`name` is that of the files; `lines` are Markdown; `raw` goes to JSON; `figures` are saved as <name>.png each."""

    name: str
    title: str
    lines: Sequence[str]
    raw: Mapping[str, Any]
    figures: Mapping[str, Figure] = field(default_factory=dict)


def machine() -> str:
    """'2 cores, AMD EPYC, x86_64, Linux, OpenBLAS for Haswell, Python 3.11.7, NumPy 2.4.6, PyTorch 2.13.0, JAX missing, …'"""
    parts = [f"{default_workers()} cores", *processor(), platform.machine(), platform.system(), *kernels()]
    parts.append(f"Python {platform.python_version()}")
    return ", ".join([*parts, *(f"{shown} {_version(package)}" for package, shown in PACKAGES.items())])


def processor() -> list[str]:
    """The processor's name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return [platform.processor()] if platform.processor() else []
    return [line.partition(":")[2].strip() for line in lines if line.startswith("model name")][:1]


def kernels() -> list[str]:
    """For which processors the routines of NumPy's BLAS were written that it chose: processors of one name differ."""
    return [f"OpenBLAS for {pool['architecture']}" for pool in threadpool_info() if pool["internal_api"] == "openblas"][:1]


def company(seconds: float = 1.0) -> str:
    """How many cores others keep busy, where the system tells. Company slows those most who use all cores."""

    def ticks() -> np.ndarray:
        return np.array(Path("/proc/stat").read_text().splitlines()[0].split()[1:9], float)

    try:
        before = ticks()
    except OSError:
        return ""
    time.sleep(seconds)
    spent = ticks() - before                            # user, nice, system, idle, waiting for disks, …
    busy = (1 - spent[3:5].sum() / max(spent.sum(), 1.0)) * (os.cpu_count() or 1)
    return f" Others kept {busy:.1f} cores busy when it began" + (": do not trust these times." if busy > 0.3 else ".")


def command() -> str:
    return shlex.join(["python", "-m", "tests.benchmarks", *sys.argv[1:]])


def save(result: Result, beside: str = "") -> None:
    """`beside`: what `company` said before anything was measured."""
    RESULTS.mkdir(exist_ok=True)
    shown = [f"![{result.title}]({name}.png)\n" for name in result.figures]
    head = [f"# {result.title}\n", f"{machine()}.{beside} Written by `{command()}`.\n", *shown]
    (RESULTS / f"{result.name}.md").write_text("\n".join([*head, *result.lines]).rstrip() + "\n", encoding="utf-8")
    raw = {"machine": f"{machine()}.{beside}", "command": command(), **result.raw}
    (RESULTS / f"{result.name}.json").write_text(json.dumps(raw, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if result.figures:
        from tinyllm.viz.style import save as save_picture

        for name, figure in result.figures.items():
            save_picture(figure, RESULTS / f"{name}.png")


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    """Markdown. None is a dash."""
    shown = [["–" if cell is None else str(cell) for cell in row] for row in rows]
    return [f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *shown]] + [""]


def ratio(value: float | None, other: float | None) -> str | None:
    return f"{value / other:.2f}" if value and other else None


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"
