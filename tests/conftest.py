"""What every test gets: hypothesis profiles, a fixed seed, and which tests run when.

    make test        everything but slow and parity; derandomised, so that two runs are equal
    make test-all    slow ones too, more examples, drawn anew each time
    make parity      tests/parity, against PyTorch

HYPOTHESIS_PROFILE=thorough chooses the second kind of examples for any run. A failing example prints a line
`@reproduce_failure(...)`: paste it above the test to see it again.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, register_random, settings

from tests import gpu

os.environ.setdefault("MPLBACKEND", "Agg")      # pictures go to files: no window, no display needed

# A deadline or a too_slow check measures the machine's load, not the code.
COMMON = {"deadline": None, "print_blob": True, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("default", max_examples=50, derandomize=True, **COMMON)
settings.register_profile("thorough", max_examples=200, **COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

PARITY = Path(__file__).parent / "parity"


def _runs_parity(config: pytest.Config) -> bool:
    """Whether -m asks for the parity tests, which import torch at the top."""
    marks = config.option.markexpr.replace("not parity", "")
    return "parity" in marks


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    return True if collection_path == PARITY and not _runs_parity(config) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    no_gpu = None
    for item in items:
        if PARITY in item.path.parents:
            item.add_marker(pytest.mark.parity)
        if item.get_closest_marker("gpu"):
            no_gpu = gpu.why_none() if no_gpu is None else no_gpu
            if no_gpu:
                item.add_marker(pytest.mark.skip(reason=no_gpu))


class _LibraryRandom:
    """tinyllm's generator as hypothesis wants to see it.

    It then reseeds before every example, so that one replays alone.
    """

    def seed(self, seed: int) -> None:
        from tinyllm import backend

        backend.manual_seed(seed)

    def getstate(self) -> dict:
        from tinyllm import backend

        return backend.generator().bit_generator.state

    def setstate(self, state: dict) -> None:
        from tinyllm import backend

        backend.generator().bit_generator.state = state


LIBRARY_RANDOM = _LibraryRandom()       # hypothesis keeps only a weak reference
register_random(LIBRARY_RANDOM)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """Every test starts from the same random state, in any order and on any worker."""
    LIBRARY_RANDOM.seed(0)


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers for a test that does not draw them with hypothesis."""
    return np.random.default_rng(0)
