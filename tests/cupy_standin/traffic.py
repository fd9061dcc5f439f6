"""The log of what travelled between host and device: a training step should add nothing to it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

transfers: list[str] = []
"""One line for each transfer since the stand-in was installed, such as "to host: float()". Its length is the count."""

_forbidden = False


def record(how: str) -> None:
    if _forbidden:
        raise AssertionError(f"transfer between host and device: {how}")
    transfers.append(how)


@contextlib.contextmanager
def no_transfers() -> Iterator[None]:
    """Inside, in every thread, a transfer raises AssertionError where it happens: the traceback shows the line."""
    global _forbidden
    before, _forbidden = _forbidden, True
    try:
        yield
    finally:
        _forbidden = before
