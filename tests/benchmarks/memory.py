"""How much memory a process has, and has had at most, itself and its children; in MB of 2²⁰ bytes."""

from __future__ import annotations

import os
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MB = 1 << 20


def now() -> float:
    """The resident memory of this process; where /proc is missing, its peak."""
    return _status("VmRSS") or peak()


def peak() -> float:
    """The largest resident memory of this process so far. (Linux's ru_maxrss begins with the parent's, VmHWM does not.)"""
    if found := _status("VmHWM"):
        return found
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (MB if sys.platform == "darwin" else 1024)


def children(of_process: int | None = None) -> list[int]:
    """The processes that this one, or another, started, and those they started."""
    of = defaultdict(list)
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            of[int((folder / "stat").read_text().rpartition(")")[2].split()[1])].append(int(folder.name))
        except OSError:                                 # it has just ended
            continue
    found, waiting = [], [of_process or os.getpid()]
    while waiting:
        below = of[waiting.pop()]
        found += below
        waiting += below
    return found


def of_children() -> float:
    """What the children hold now beside what this process holds, too: their private pages, those of libraries left out."""
    total = 0.0
    for process in children():
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) / 1024 for line in lines if line.startswith("Private_"))
    return total


@contextmanager
def highest(seconds: float = 0.02) -> Iterator[list[float]]:
    """Inside, a thread looks at `of_children()` again and again; afterwards the list holds the highest."""
    seen, ended = [of_children()], threading.Event()

    def look() -> None:
        while not ended.wait(seconds):
            seen.append(of_children())

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()
        seen[:] = [max(seen)]


def _status(name: str) -> float:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:")), 0.0)
