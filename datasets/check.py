"""Check the data sets of this folder against their generators and their cards: `python datasets/check.py`.

Regenerates every table and compares bytes; compares sizes and SHA-256 with the card; looks for a text in two splits and
for rows that are not what the card promises (semantics.py); measures the baselines anew and holds the card and the list of all
data sets (README.md) to them.
"""

import hashlib
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import baselines
import build
import formats
import semantics

LIMIT = 300_000     # bytes of a file


def problems(name: str, folder: Path) -> list[str]:
    """What is wrong with the data set in `folder`, in words; nothing wrong gives an empty list."""
    found = []
    card = (folder / "README.md").read_text(encoding="utf-8")
    rows = {}
    for file, expected in build.tables(name).items():
        if not (folder / file).exists():
            return [f"{name}/{file} is missing: run python datasets/build.py"]
        content = (folder / file).read_bytes()
        if content != expected:
            found.append(f"{name}/{file} is not what its generator writes: run python datasets/build.py")
        if len(content) > LIMIT:
            found.append(f"{name}/{file} has {len(content):,} bytes, more than {LIMIT:,}: generate fewer rows")
        split, _, ending = file.partition(".")
        rows[split] = formats.READ[ending](content.decode("utf-8"))
        line = card_line(file, content, len(rows[split]))
        if line not in card:
            found.append(f"{name}/README.md lacks the line: {line}")
    found += [f"{name}: {problem}" for problem in semantics.CHECK[name](rows)]
    measured = baselines.MEASURE[name](rows["train"], rows["test"])
    for method, number in measured.items():
        if f"| {method} | {number} |" not in card:
            found.append(f"{name}/README.md lacks the line: | {method} | {number} |")
    return found + list_problems(name, folder.parent / "README.md", rows, set(measured.values()))


def list_problems(name: str, path: Path, rows: dict, measured: set[str]) -> list[str]:
    """What the list of all data sets says of this one and nobody counted or measured."""
    lines = path.read_text(encoding="utf-8").splitlines()
    row = next((line for line in lines if line.startswith(f"| [{name}](")), "")
    sizes = " / ".join(f"{len(rows[split]):,}" for split in ("train", "valid", "test"))
    found = [] if f"| {sizes} |" in row else [f"README.md: the row of {name} lacks its sizes: {sizes}"]
    unknown = [number for number in re.findall(r"[\d.]+%", row) if number not in measured]
    return found + [f"README.md: the row of {name} says {number}, which no baseline reaches" for number in unknown]


def card_line(file: str, content: bytes, rows: int) -> str:
    return f"| {file} | {rows:,} | {len(content):,} | `{hashlib.sha256(content).hexdigest()}` |"


def main() -> int:
    found = [problem for name in build.NAMES for problem in problems(name, build.HERE / name)]
    print("\n".join(found) or f"{', '.join(build.NAMES)}: as generated, as their cards say")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
