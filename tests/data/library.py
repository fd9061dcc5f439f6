"""A standard library in small: source files with docstrings, for tests that must not depend on this Python's own."""

from __future__ import annotations

import random
from pathlib import Path

SYLLABLES = ("ba", "do", "ki", "lu", "me", "no", "ra")
WORDS = [one + other for one in SYLLABLES for other in SYLLABLES]


NAMES = ["__init__", "a", "b", "c", "d", "e", "f", "g"]


def sentence(rng: random.Random, words: int = 12) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(words)) + "."


def write_library(folder: Path, packages: dict[str, int], seed: int = 0) -> Path:
    """Packages of so many documented functions over eight files, tests that must be left out, and two help topics."""
    rng = random.Random(seed)
    (folder / "pydoc_data").mkdir(parents=True)
    topics = {"while": sentence(rng, 40), "assert": sentence(rng, 40)}
    (folder / "pydoc_data" / "topics.py").write_text(f"# made\ntopics = {topics!r}\n", encoding="utf-8")
    (folder / "abc.py").write_text('"""Abstract base classes, all of them."""\n', encoding="utf-8")
    before: list[str] = []
    for package, functions in packages.items():
        texts: list[str] = []
        (folder / package / "tests").mkdir(parents=True)
        (folder / package / "tests" / "test_it.py").write_text('"""Never part of the corpus."""\n', encoding="utf-8")
        files: list[list[str]] = [[f'"""{sentence(rng)}"""'] for _ in NAMES]
        for i in range(functions):
            text = sentence(rng)
            files[i % 8].append(f'def f{i}():\n    """{text}"""')
            # Near-duplicates, one word of twelve differs: in the next file, and of a text of the package before.
            if i % 5 == 0:
                files[(i + 1) % 8].append(f'def g{i}():\n    """{text.split(" ", 1)[1]} And."""')
            if i % 5 == 1 and before:
                files[(i + 2) % 8].append(f'def h{i}():\n    """{before.pop().split(" ", 1)[1]} Or."""')
            texts.append(text)
        before = texts
        for name, lines in zip(NAMES, files, strict=True):
            (folder / package / f"{name}.py").write_text("\n\n".join(lines) + "\n", encoding="utf-8")
    return folder
