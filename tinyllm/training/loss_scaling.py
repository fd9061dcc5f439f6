"""Loss scaling: gradients in float16 are often smaller than its smallest number, so a larger loss is differentiated."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..optim import Optimizer

LARGEST, SMALLEST = 2.0**24, 2.0**-24


class LossScaler:
    """Differentiate s L instead of L, divide the gradients by s, and move.

        scaler = LossScaler()
        with F.precision("float16"):
            scaler.scaled(loss).backward()
        moved = scaler.step(optimizer)

    float16 has nothing between 0 and 6e-8; gradients of a mean over thousands of tokens lie there. Multiplying the loss by s
    multiplies all of them, by the chain rule; with a power of two for s, multiplying and dividing lose no digit. Too large an
    s overflows: then the gradient is infinite, the step is skipped and s halved. After `patience` good steps in a row it is
    doubled, up to 2²⁴: s stays near the largest that fits.

    Whether a gradient is finite is a question the host waits for: one transfer a step on a GPU. bfloat16 has float32's range
    and needs none of this.

    Raises ValueError for a scale or patience that is not positive, or a scale above 2²⁴.
    Source: Micikevicius et al. 2018, §3.2.
    """

    def __init__(self, scale: float = 2.0**16, patience: int = 2000) -> None:
        if not 0 < scale <= LARGEST or patience < 1:
            raise ValueError(f"scale={scale}, patience={patience}: choose 0 < scale <= 2**24 and patience >= 1")
        self.scale, self.patience = float(scale), patience
        self.good_steps = 0                 # in a row, since the scale last changed

    def scaled(self, loss: Any) -> Any:
        """s L, to be differentiated."""
        return loss * self.scale

    def step(self, optimizer: Optimizer) -> bool:
        """Divide the gradients by s in place and move, unless one is not finite: then move nothing. Whether it moved.

        The gradients stay in `grad` for whoever clips or looks at them; `unscale` alone serves one who clips before moving.
        """
        finite = self.unscale(optimizer)
        if finite:
            optimizer.step()
        self.update(finite)
        return finite

    def unscale(self, optimizer: Optimizer) -> bool:
        """Divide the gradients by s in place; whether all of them are finite."""
        gradients = {id(p.grad): p.grad for p in optimizer.parameters() if p.grad is not None}.values()     # each once
        finite: Any = True
        for g in gradients:
            finite = np.all(np.isfinite(g)) & finite
            g *= 1.0 / self.scale
        return bool(finite)

    def update(self, finite: bool) -> None:
        """Halve s after a step that overflowed, double it after `patience` that did not.

        Raises FloatingPointError below 2⁻²⁴: what is infinite then is so without any scale.
        """
        self.good_steps = self.good_steps + 1 if finite else 0
        if not finite:
            self.scale /= 2.0
            if self.scale < SMALLEST:
                raise FloatingPointError(
                    f"gradients are not finite even at a scale of {self.scale:.1g}: the loss itself is broken; "
                    "detect_anomaly() names the operation"
                )
        elif self.good_steps == self.patience:
            self.scale, self.good_steps = min(2.0 * self.scale, LARGEST), 0

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"scale": self.scale, "good_steps": self.good_steps}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Go on from `state_dict()`."""
        self.scale, self.good_steps = float(saved["scale"]), int(saved["good_steps"])
