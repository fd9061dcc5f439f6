"""A module imports only from layers below it; NumPy is all that `import tinyllm` brings; files stay small."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.project.source import ROOT, Module, imports, modules, parse

# From the top down. Inside a layer anything goes.
LAYERS = (
    ("__main__",),
    ("cli", "tour", "book"),    # the tour is a command that runs commands, and commands show the book
    ("training", "generation", "viz"),
    ("models",),
    ("nn", "optim"),
    ("functional",),
    ("autograd",),
    ("backend",),
)
# Beside the tower: these know nothing of arrays that carry gradients, so they can be read, used and replaced alone.
ASIDE = ("tokenizers", "data", "metrics", "gguf")
USERS_OF_ASIDE = ("__main__", "cli", "tour", "training")

HEIGHT = {name: len(LAYERS) - i for i, layer in enumerate(LAYERS) for name in layer}
PARTS = (*HEIGHT, *ASIDE)

# Third-party packages: NumPy everywhere; the extras' only inside the function that uses them.
ALWAYS = ("numpy",)
LAZILY = ("hypothesis", "jinja2", "matplotlib", "mpi4py", "safetensors", "threadpoolctl", "tqdm")

MOST_LINES = 300
# One indivisible idea each: the reason stands beside the name.
LONGER: dict[str, str] = {
    "tinyllm/autograd/tensor.py": "one class: what a Tensor is, its ways out, and how it is written to",
}


def part(module: str) -> str:
    """tinyllm.nn.linear: nn. The package itself: empty."""
    return module.partition(".")[2].partition(".")[0]


def may_import(user: str, used: str) -> bool:
    """Whether a module of one part may import from another, as LAYERS and ASIDE draw it."""
    if used in ASIDE:
        return user in ASIDE or user in USERS_OF_ASIDE or (user, used) == ("models", "gguf")    # a file of weights
    return user in HEIGHT and HEIGHT[used] <= HEIGHT[user]


def breaches(module: Module) -> Iterator[str]:
    """Each import that looks up, or that a bare installation does not have, as `file:line: what and why`."""
    user = part(module.name)
    for used in imports(module):
        top = used.name.partition(".")[0]
        where = f"{module.path}:{used.line}: "
        if top == "tinyllm":
            target = part(used.name)
            if not user:                            # tinyllm/__init__.py re-exports what a library user needs
                if target in ("__main__", "cli", "tour", "book"):
                    yield where + f"the library does not import its command line or its book ({used.name})"
            elif target not in PARTS:               # `from tinyllm import Tensor`: everything at once, a cycle
                if (user, target) not in (("cli", "__version__"), ("tour", "__version__")):
                    yield where + f"{used.name}: import from the module that defines it, not from the whole package"
            elif not may_import(user, target):
                yield where + f"{user} does not look up to {target} ({used.name})"
        elif top == "cupy":
            if user != "backend":
                yield where + "only tinyllm/backend.py names cupy"
            elif used.at_import:
                yield where + "cupy is imported inside the function that uses it"
        elif top in LAZILY:
            if used.at_import:
                yield where + f"{top} is optional: import it inside the function that uses it"
        elif top not in ALWAYS and top not in sys.stdlib_module_names:
            yield where + f"{top} is not among tinyllm's dependencies"


def cupy_names(module: Module) -> Iterator[str]:
    """cupy as a name, an attribute or a string of its own; prose may speak of CuPy."""
    for node in ast.walk(module.tree):
        name = getattr(node, "id", None) or getattr(node, "attr", None) or getattr(node, "value", None)
        if name == "cupy":
            yield f"{module.path}:{node.lineno}: only tinyllm/backend.py names cupy"


def test_every_part_has_its_place():
    unknown = {part(module.name) for module in modules()} - {"", *PARTS}
    assert not unknown, f"no layer for {sorted(unknown)}: draw them in LAYERS, in tests/project/test_layering.py"


def test_no_module_looks_up():
    found = [breach for module in modules() if part(module.name) in ("", *PARTS) for breach in breaches(module)]
    assert not found, "\n" + "\n".join(found)


def test_only_the_backend_names_cupy():
    found = [name for module in modules() if part(module.name) != "backend" for name in cupy_names(module)]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    "path, line",
    [
        ("tinyllm/nn/linear.py", "from tinyllm.models import GPT"),
        ("tinyllm/nn/linear.py", "from ..models.gpt import GPT"),
        ("tinyllm/nn/__init__.py", "from ..models.gpt import GPT"),
        ("tinyllm/nn/linear.py", "from tinyllm import Tensor"),
        ("tinyllm/nn/linear.py", "from .. import models"),
        ("tinyllm/nn/linear.py", "import tinyllm"),
        ("tinyllm/nn/linear.py", "def f():\n    import tinyllm.models.gpt"),
        ("tinyllm/nn/linear.py", "import importlib\nimportlib.import_module('tinyllm.models')"),
        ("tinyllm/backend.py", "from tinyllm.autograd import Tensor"),
        ("tinyllm/backend.py", "import cupy"),
        ("tinyllm/nn/linear.py", "if TYPE_CHECKING:\n    from tinyllm.models import GPT"),
        ("tinyllm/data/files.py", "from tinyllm import backend"),
        ("tinyllm/tokenizers/bpe.py", "from tinyllm.autograd.tensor import Tensor"),
        ("tinyllm/models/gpt.py", "from tinyllm.tokenizers import load"),
        ("tinyllm/nn/linear.py", "import scipy.special"),
        ("tinyllm/viz/plots.py", "import matplotlib.pyplot as plt"),
        ("tinyllm/viz/plots.py", "if True:\n    from tqdm import tqdm"),
        ("tinyllm/nn/linear.py", "def f():\n    from cupy import exp"),
        ("tinyllm/__init__.py", "from tinyllm.cli import main"),
        ("tinyllm/__init__.py", "from tinyllm.book import ledger"),
    ],
)
def test_a_breach_is_seen(path, line):
    assert len(list(breaches(parse(path, line)))) == 1


@pytest.mark.parametrize(
    "path, line",
    [
        ("tinyllm/nn/linear.py", "from tinyllm.functional import linear"),
        ("tinyllm/nn/linear.py", "from .. import functional as F"),
        ("tinyllm/nn/linear.py", "from tinyllm.nn.module import Module"),
        ("tinyllm/nn/linear.py", "from .module import Module"),
        ("tinyllm/training/loop.py", "from ..data import batching"),
        ("tinyllm/viz/plots.py", "def f():\n    import matplotlib.pyplot as plt"),
        ("tinyllm/backend.py", "def f():\n    import cupy"),
        ("tinyllm/viz/plots.py", "if TYPE_CHECKING:\n    from matplotlib.axes import Axes"),
        ("tinyllm/__init__.py", "from .autograd import Tensor\nfrom tinyllm import nn"),
        ("tinyllm/cli.py", "from tinyllm import __version__"),
        ("tinyllm/nn/linear.py", "import math, collections.abc, numpy as np"),
    ],
)
def test_what_looks_down_is_fine(path, line):
    assert list(breaches(parse(path, line))) == []


def test_cupy_is_found_under_any_spelling():
    for line in ("cupy.exp(x)", "sys.modules['cupy']", "backend.cupy"):
        assert list(cupy_names(parse("tinyllm/nn/linear.py", line)))
    assert not list(cupy_names(parse("tinyllm/nn/linear.py", '"""Works on CuPy, that is on cupy arrays."""')))


# What importing brings and changes, seen by a fresh interpreter.
IMPORT = """
import os, sys, threading, warnings
import numpy as np
def process():
    return dict(os.environ), threading.active_count(), warnings.filters[:], np.geterr(), repr(np.random.get_state())
before, with_numpy = process(), set(sys.modules)
import tinyllm
assert process() == before, "import tinyllm changes the process"
tops = {name.partition(".")[0] for name in set(sys.modules) - with_numpy}
print(*sorted(tops - set(sys.stdlib_module_names) - {"numpy", "tinyllm"}))
"""


def test_import_needs_numpy_alone_and_changes_nothing():
    fresh = subprocess.run([sys.executable, "-c", IMPORT], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert fresh.returncode == 0, fresh.stderr
    assert fresh.stdout.split() == [], f"import tinyllm also imports {fresh.stdout}"


def test_files_are_small_enough_to_read_at_one_sitting():
    lines = {module.path: len(module.text.splitlines()) for module in modules()}
    too_long = {path: n for path, n in lines.items() if n > MOST_LINES and path not in LONGER}
    assert not too_long, f"over {MOST_LINES} lines: {too_long}: split them by idea, or justify each in LONGER"
    no_longer = [path for path in LONGER if lines.get(path, 0) <= MOST_LINES]
    assert not no_longer, f"{no_longer} became short or went away: take them out of LONGER"
