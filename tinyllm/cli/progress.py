"""`tinyllm progress`: which exercises of the lessons are solved, by one reader or by a course."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from . import options

EXAMPLES = """\
examples:
  tinyllm progress                              your own: lessons/progress.json, which the exercises write
  tinyllm progress course/*/progress.json       everybody's, a column for each folder
"""


def add_command(commands: Any) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        "progress", help="which exercises of the lessons are solved",
        description="Which exercises of the lessons are solved, by one reader or by a course.",
        epilog=EXAMPLES, formatter_class=options.HelpFormatter,
    )
    command.add_argument("files", nargs="*", type=Path, metavar="FILE", help="progress.json of each reader (default: your own)")
    return command


def run(args: argparse.Namespace) -> None:
    from ..book import lesson, progress

    folder = lesson.find_lessons()
    exercises = {name: list(lesson.Lesson(name, folder).exercises) for name in lesson.names(folder)}
    own = folder / lesson.PROGRESS
    files = args.files or [own]
    if not args.files and not own.exists():
        print(f"nothing yet: {own} is written when an exercise is first tried. Start with: make lab")
        return
    readers: dict[str, Any] = {}
    for file in files:
        name = "you" if file == own else file.resolve().parent.name if file.name == lesson.PROGRESS else file.stem
        readers[name if name not in readers else str(file)] = progress.read(file)
    print(progress.table(readers, exercises))
