"""Write every data set of this folder: `python datasets/build.py`. The same code writes the same bytes."""

import argparse
import importlib.util
from pathlib import Path
from types import ModuleType

import formats

HERE = Path(__file__).parent
NAMES = ("sentiment_negation", "reverse", "translation", "entities", "questions", "dialogues")


def generator(name: str) -> ModuleType:
    """The module datasets/<name>/generate.py."""
    spec = importlib.util.spec_from_file_location(f"generate_{name}", HERE / name / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tables(name: str) -> dict[str, bytes]:
    """File name → content; the generator says in which format."""
    module = generator(name)
    write, columns = formats.WRITE[module.FORMAT], getattr(module, "COLUMNS", None)
    return {f"{split}.{module.FORMAT}": write(rows, columns).encode("utf-8") for split, rows in module.splits().items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE, help="folder to write to (default: beside the generators)")
    out = parser.parse_args().out
    for name in NAMES:
        (out / name).mkdir(parents=True, exist_ok=True)
        for file, content in tables(name).items():
            (out / name / file).write_bytes(content)
            print(f"{out / name / file}: {len(content):,} bytes")
    print("Next: python datasets/check.py")


if __name__ == "__main__":
    main()
