"""A bar that moves: loss, tokens a second, time left."""

from __future__ import annotations

import sys
from typing import Any


class Progress:
    """tqdm's bar on a terminal, only `say`'s lines in a file, nothing when quiet. Raises ImportError without tqdm."""

    def __init__(self, total: int, done: int, quiet: bool) -> None:
        self._bar: Any = None
        if quiet:
            return
        try:
            from tqdm import tqdm
        except ImportError as error:
            raise ImportError("the progress bar needs tqdm: pip install tinyllm[train], or progress=False") from error
        self._bar = tqdm(
            total=total, initial=done, unit="step", file=sys.stderr, disable=None, mininterval=0.2, dynamic_ncols=True,
            bar_format="{percentage:3.0f}%|{bar}| {n}/{total} steps, {remaining} left{postfix}",
        )

    def step(self, loss: float, tokens_per_second: float) -> None:
        if self._bar is not None:
            self._bar.set_postfix_str(f"loss {loss:.3f}, {tokens_per_second:,.0f} tokens/s", refresh=False)
            self._bar.update()

    def say(self, text: str) -> None:
        """A line above the bar."""
        if self._bar is not None:
            self._bar.write(text, file=sys.stderr)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *error: Any) -> None:
        if self._bar is not None:
            self._bar.close()
