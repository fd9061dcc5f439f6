"""The fixture `cupy`: a test that takes it runs on the stand-in, and on CuPy itself where there is a GPU.

tests/conftest.py skips the second with a reason on machines without one.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import pytest

from .module import install


@pytest.fixture(params=["standin", pytest.param("gpu", marks=pytest.mark.gpu)])
def cupy(request: pytest.FixtureRequest) -> Iterator[ModuleType]:
    if request.param == "gpu":
        yield pytest.importorskip("cupy")
        return
    with install() as standin:
        yield standin
