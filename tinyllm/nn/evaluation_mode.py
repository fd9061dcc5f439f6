"""Evaluation mode for a while."""

from __future__ import annotations

from typing import Any


class evaluation_mode:
    """`with evaluation_mode(module):` no dropout inside; afterwards every part is in the mode in which it was.

    One object may be entered again and again: cheap enough for every token. Not to be held over a generator's `yield`, where
    others use the module too. A plain function has no mode.
    """

    def __init__(self, module: Any) -> None:
        self._modules = list(module.modules()) if hasattr(module, "modules") else []

    def __enter__(self) -> None:
        self._training = [module for module in self._modules if module.training]
        for module in self._training:
            module.training = False

    def __exit__(self, *error: object) -> None:
        for module in self._training:
            module.training = True
