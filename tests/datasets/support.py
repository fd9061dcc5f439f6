"""The programs in datasets/, which are no package: loaded from their files."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

DATASETS = Path(__file__).parents[2] / "datasets"
HELPERS = ("build", "baselines", "formats", "semantics")


def load(name: str) -> ModuleType:
    """datasets/<name>.py; what it imports from its folder is there for it alone."""
    before = list(sys.path)
    sys.path.insert(0, str(DATASETS))
    try:
        spec = importlib.util.spec_from_file_location(name, DATASETS / f"{name}.py")
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path[:] = before
        for helper in HELPERS:
            sys.modules.pop(helper, None)


def generator(name: str) -> ModuleType:
    return load("build").generator(name)
