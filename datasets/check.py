"""Check the data sets of this folder against their generators and their cards: `python datasets/check.py`.

Regenerates every table and compares bytes; compares sizes and SHA-256 with the card; looks for a text in two splits,
for labels out of balance and for pairs that are none; measures the baselines anew.
"""

import hashlib
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import baselines
import build

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
        _, *rows[file] = [line.split("\t") for line in content.decode("utf-8").splitlines()]
        line = card_line(file, content)
        if line not in card:
            found.append(f"{name}/README.md lacks the line: {line}")
    found += [f"{name}: {problem}" for problem in SEMANTICS[name](rows)]
    for method, number in baselines.MEASURE[name](rows["train.tsv"], rows["test.tsv"]).items():
        if f"| {method} | {number} |" not in card:
            found.append(f"{name}/README.md lacks the line: | {method} | {number} |")
    return found


def card_line(file: str, content: bytes) -> str:
    rows = content.count(b"\n") - 1
    return f"| {file} | {rows:,} | {len(content):,} | `{hashlib.sha256(content).hexdigest()}` |"


def shared(rows: dict[str, list[list[str]]], key) -> list[str]:
    """Splits that have a key in common."""
    owner: dict[str, str] = {}
    both = set()
    for file, table in rows.items():
        both |= {(owner[k], file) for k in map(key, table) if owner.setdefault(k, file) != file}
    return [f"{one} and {other} share a text: make the generator's key tell them apart" for one, other in sorted(both)]


def check_sentiment(rows: dict[str, list[list[str]]]) -> list[str]:
    found = shared(rows, lambda row: " ".join(sorted(row[0].split())))
    for file, table in rows.items():
        if len(set(Counter((row[1], row[2]) for row in table).values())) != 1:
            found.append(f"{file}: labels are not balanced at every level")
        for one, other in zip(table[::2], table[1::2], strict=True):
            if sorted(one[0].split()) != sorted(other[0].split()) or {one[1], other[1]} != {"positive", "negative"}:
                found.append(f"{file}: not a pair of the same words with opposite labels: {one[0]!r}, {other[0]!r}")
    return found


def check_reverse(rows: dict[str, list[list[str]]]) -> list[str]:
    found = shared(rows, lambda row: min(" ".join(row[0].split()[1:]), " ".join(row[0].split()[:0:-1])))
    for file, table in rows.items():
        if len(set(Counter((row[0].split()[0], row[2]) for row in table).values())) != 1:
            found.append(f"{file}: tasks and lengths are not balanced")
        for source, target, length in table:
            task, *symbols = source.split()
            wanted = symbols if task == "copy" else symbols[::-1]
            if target.split() != wanted or len(symbols) != int(length):
                found.append(f"{file}: wrong target or length: {source!r}, {target!r}, {length}")
    return found


SEMANTICS = {"sentiment_negation": check_sentiment, "reverse": check_reverse}


def main() -> int:
    found = [problem for name in build.NAMES for problem in problems(name, build.HERE / name)]
    print("\n".join(found) or f"{', '.join(build.NAMES)}: as generated, as their cards say")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
