"""A history in a notebook."""

from __future__ import annotations

import re
from pathlib import Path

from tinyllm.training import History


def test_it_says_how_training_ended_and_marks_the_best():
    history = History(step=20, stopped="patience", folder=Path("runs/<b>"))
    history.add({"step": 10, "split": "train", "loss": 2.5})
    for step, loss in ((10, 2.25), (20, 2.75)):
        history.add({"step": step, "split": "valid", "loss": loss, "accuracy": 0.5})
    history.best = history.valid[0]
    text = history._repr_html_()
    assert "step 20" in text and "stopped early" in text and "training loss 2.5" in text
    assert "runs/&lt;b&gt;" in text and "<b>" not in text
    assert re.findall(r"<th>(.*?)</th>", text) == ["step", "loss", "accuracy", ""]
    assert re.findall(r"<td>(.*?)</td>", text) == ["10", "2.25", "0.5", "best", "20", "2.75", "0.5", ""]


def test_nothing_yet():
    assert History()._repr_html_() == "<p>Training: step 0, all steps done</p>"
