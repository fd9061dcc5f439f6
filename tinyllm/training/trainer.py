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
from .loop import Loop, TrainSource, ValidSource, identity
from .memory import keep_freed_memory
from .objectives import Objective
from .progress import Progress
from .records import History, Record, Records
from .run_folder import RunFolder
from .workers import choose_workers, first_rank, of_first_rank


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
    home, start, error = None, None, None
    if folder is not None and first_rank():
        try:
            home = RunFolder(Path(folder), identity(model, objective, train_source, config))
            start = home.start(resume, config.workers)
        except (OSError, ValueError) as problem:
            error = problem
    start, error = of_first_rank((start, error))    # so that all ranks stop, or none
    if error is not None:
        raise error
    n = config.workers if start is None else start.state["workers"]
    workers = choose_workers(n, config.processes, model.device)
    loop = Loop(model, objective, train_source, valid_source, config, workers)
    if start is not None:
        loop.restore(start)
    keep_freed_memory()
    was_training = model.training
    with ExitStack() as at_the_end:
        at_the_end.callback(loop.shards.end)
        at_the_end.enter_context(workers)           # from here on several processes may do all that follows
        home = home if workers.rank == 0 else None
        records = at_the_end.enter_context(Records(home.metrics if home else None, loop.step, loop.history))
        bar = at_the_end.enter_context(Progress(config.steps, loop.step, quiet=not progress or workers.rank > 0))
        at_the_end.callback(model.train, was_training)
        interruption = at_the_end.enter_context(Interruption())
        # Every step looks for numbers that are not finite and says where they came from: NumPy need not warn of them.
        at_the_end.enter_context(np.errstate(over="ignore", divide="ignore", invalid="ignore"))
        model.train()
        loop.begin()
        if start is not None:
            bar.say(f"going on after step {loop.step} of {config.steps}")
        try:
            _run(loop, home, records, bar, interruption)
        finally:
            if home is not None:
                home.draw(loop.history)
    loop.history.step, loop.history.folder = loop.step, Path(folder) if folder is not None else None
    loop.history.stopped = "steps" if loop.step >= config.steps else "patience"
    return loop.history


def _run(loop: Loop, home: RunFolder | None, records: Records, bar: Progress, interruption: Interruption) -> None:
    config, workers = loop.config, loop.workers
    while not loop.done:
        last = loop.update()
        bar.step(last["loss"], loop.tokens_per_second())
        at_end = loop.step == config.steps
        due = loop.step % config.eval_every == 0 or at_end
        if loop.step % config.log_every == 0 or at_end:
            records.add(loop.training_line(last))
        if due and loop.valid_source is not None:
            record = loop.evaluate(loop.valid_source)
            records.add(record)
            bar.say(_line(record))
            if record is loop.history.best and home is not None:    # before `last`, which says that this best exists
                home.save_best(loop.checkpoint(with_optimizer=False))
        asked = workers.collect((home is not None, interruption.requested))
        signal = next(filter(None, (number for _, number in asked)), None)
        if asked[0][0] and (due or signal):
            checkpoint = loop.checkpoint()
            if home is not None:
                home.save_last(checkpoint)
        if signal and not loop.done:
            saved = f"saved in {home.path}, resume it to go on" if home else "not saved, for it has no folder"
            raise Interrupted(f"stopped after step {loop.step} of {config.steps}; the run is {saved}", signal)


def _line(record: Record) -> str:
    numbers = (f"{name.replace('_', ' ')} {value:.4g}" for name, value in record.items() if isinstance(value, float))
    return f"step {record['step']:>6}: {', '.join(numbers)}"
