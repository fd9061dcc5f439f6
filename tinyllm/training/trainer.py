"""Training: one loop for causal pretraining, masked pretraining and fine-tuning. The objective is the difference.
 Everything random follows from (seed, step): batches are drawn from it, and so is dropout. So a run that is killed and
resumed from its last checkpoint gives the numbers of an undisturbed run, bit for bit.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from .config import TrainConfig
from .interruption import Interrupted, Interruption
from .loop import Loop, TrainSource, ValidSource
from .memory import keep_freed_memory
from .objectives import Objective
from .progress import Progress
from .records import History, Record, Records
from .run_folder import RunFolder
from .workers import Workers, default_workers


def train(
    model: Any,
    objective: Objective,
    train_source: TrainSource,
    valid_source: ValidSource | None,
    config: TrainConfig,
    folder: Path | str | None = None,
    resume: bool = True,
    progress: bool = True,
) -> History:
    """Train `model` in place for config.steps steps. It ends with the last weights; the best are in folder/best.

    With a folder: metrics.jsonl, loss.png (where matplotlib is installed), and the checkpoints last/ and best/. Where
    a `last` stands already, `resume` goes on from it: model, config and data must be those it was made with, and
    config.workers the same or None. Without `resume` it is an error, so that nothing is overwritten.

    Raises NonFiniteError; Interrupted after Ctrl-C or SIGTERM, all saved; OSError that says what could not be written
    and what is intact; ValueError for a checkpoint that is damaged or of another run.
    """
    loop = Loop(model, objective, train_source, valid_source, config)
    home = RunFolder(Path(folder), loop.identity()) if folder is not None else None
    start = home.start(resume, config.workers) if home is not None else None
    n_workers = start.state["workers"] if start is not None else config.workers or default_workers()
    if start is not None:
        loop.restore(start)
    keep_freed_memory()
    was_training = model.training
    with ExitStack() as at_the_end:
        records = at_the_end.enter_context(Records(home.metrics if home else None, loop.step, loop.history))
        bar = at_the_end.enter_context(Progress(config.steps, loop.step, quiet=not progress))
        at_the_end.callback(model.train, was_training)
        workers = at_the_end.enter_context(Workers(n_workers))
        interruption = at_the_end.enter_context(Interruption())
        # Every step looks for numbers that are not finite and says where they came from: NumPy need not warn of them.
        at_the_end.enter_context(np.errstate(over="ignore", divide="ignore", invalid="ignore"))
        model.train()
        if start is not None:
            bar.say(f"going on after step {loop.step} of {config.steps}")
        try:
            _run(loop, home, records, bar, workers, interruption)
        finally:
            if home is not None:
                home.draw(loop.history)
    loop.history.step, loop.history.folder = loop.step, home.path if home else None
    loop.history.stopped = "steps" if loop.step >= config.steps else "patience"
    return loop.history


def _run(
    loop: Loop, home: RunFolder | None, records: Records, bar: Progress, workers: Workers, interruption: Interruption
) -> None:
    config = loop.config
    while not loop.done:
        last = loop.update(workers)
        bar.step(last["loss"], loop.tokens_per_second())
        at_end = loop.step == config.steps
        due = loop.step % config.eval_every == 0 or at_end
        if loop.step % config.log_every == 0 or at_end:
            records.add(loop.training_line(last))
        if due and loop.valid_source is not None:
            record = loop.evaluate(loop.valid_source, workers)
            records.add(record)
            bar.say(_line(record))
            if record is loop.history.best and home is not None:    # before `last`, which says that this best exists
                home.save_best(loop.checkpoint(workers.n, with_optimizer=False))
        if home is not None and (due or interruption.requested):
            home.save_last(loop.checkpoint(workers.n))
        if interruption.requested and not loop.done:
            saved = f"saved in {home.path}, resume it to go on" if home else "not saved, for it has no folder"
            message = f"stopped after step {loop.step} of {config.steps}; the run is {saved}"
            raise Interrupted(message, interruption.requested)


def _line(record: Record) -> str:
    numbers = (f"{name.replace('_', ' ')} {value:.4g}" for name, value in record.items() if isinstance(value, float))
    return f"step {record['step']:>6}: {', '.join(numbers)}"
