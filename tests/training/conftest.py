"""Pictures take most of a tiny run's time: they are drawn where a test asks for `pictures`."""

from __future__ import annotations

import pytest

from tinyllm.training.run_folder import RunFolder


@pytest.fixture
def pictures() -> None:
    """Draw loss.png."""


@pytest.fixture(autouse=True)
def _no_pictures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "pictures" not in request.fixturenames:
        monkeypatch.setattr(RunFolder, "draw", lambda self, history: None)
