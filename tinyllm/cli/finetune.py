"""`tinyllm finetune`: a task, learned by a pretrained model or from scratch. What is particular to each stands in tasks/."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from . import options, ranks, runs, sources, tasks

EXAMPLES = """\
tasks:
{tasks}
  tinyllm finetune --task NAME --help shows the options of a task; above are those of {task}

examples:
{examples}\
"""
FIRST = next(iter(tasks.TASKS))
NOT_LEARNED = {
    "cut_sources": "of {rows:,} sources lose what is beyond --max-source {max_source}",
    "cut_targets": "of {rows:,} targets lose what is beyond --max-target {max_target}",
    "words_cut": "words in {rows:,} sentences stand beyond --max-length {max_length}: their tags are not learned",
    "words_unseen": "words in {rows:,} sentences have no token of their own: their tags are not learned",
    "unseen": "of {rows:,} questions have an answer that no window of --max-length {max_length} holds whole: it is not learned",
    "cut": "of {rows:,} dialogues lose what is beyond --max-length {max_length}",
    "left_out": "of {rows:,} dialogues have no reply within --max-length {max_length} and are left out",
}
"""Counts that sources of batches keep of what is not learned from, in words."""


def add_command(commands: Any, argv: Sequence[str] = ()) -> argparse.ArgumentParser:
    """`argv`, the whole command line, says whose options there are; other commands need not know any task's."""
    command: argparse.ArgumentParser = commands.add_parser(
        "finetune", help="teach a model a task: labels, entities, translation, …", formatter_class=options.HelpFormatter,
        description="Teach a pretrained model, or one from scratch, a task; then test it beside a simple baseline.",
    )
    command.add_argument("--task", choices=tuple(tasks.TASKS), default=FIRST, help="what is learned")
    command.add_argument(
        "--from", dest="from_run", metavar="MODEL",
        help="a run, a folder in Hugging Face's layout, a .gguf file, or a name that tinyllm fetch knows: its model and its "
        "tokenizer (default: from scratch, sized by the options under model)",
    )
    if list(argv)[:1] == ["finetune"]:
        _add_options_of(command, _task_of(argv))
    return command


def _task_of(argv: Sequence[str]) -> str:
    """The task on a command line; the first where none is named, or none that there is."""
    peek = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    peek.add_argument("--task", default=FIRST)
    try:
        name = peek.parse_known_args(argv[1:])[0].task
    except argparse.ArgumentError:                  # the whole parser will say it better
        return FIRST
    return name if name in tasks.TASKS else FIRST


def _add_options_of(command: argparse.ArgumentParser, name: str) -> None:
    task = tasks.find(name)
    listed = "\n".join(f"  {known:16}{summary}" for known, summary in tasks.TASKS.items())
    command.epilog = EXAMPLES.format(tasks=listed, task=name, examples=task.examples)
    task.add_options(command)
    options.add_tokenizer(command)
    options.add_model(command, **task.model)
    options.add_training(command, task.small_lr, **task.recipe)
    options.add_output(command, "runs/finetune")


def run(args: argparse.Namespace) -> None:
    from ..backend import manual_seed
    from ..training import train
    from .pretrain import say_best, say_next
    from .tasks.starts import fit_lengths

    first = ranks.first_alone_speaks()
    args = runs.resumed(args)
    task = tasks.find(args.task)(args)
    sides = task.read()
    start, tokenizer = (None, None) if args.from_run is None else sources.open_model(args.from_run)
    if tokenizer is None:
        tokenizer = runs.make_tokenizer(args, task.texts(sides))
    fit_lengths(args, start)
    manual_seed(args.seed)
    model = task.build(start, tokenizer, sides)
    options.fit_lr(args, model, task.small_lr)
    config = options.train_config(args)
    train_source, valid_source = (task.batches(side, model, tokenizer, sides) for side in (sides.train, sides.valid))
    model.to(ranks.device(args.device))
    home = runs.begin_run(args, tokenizer, data=sides.description, labels=list(sides.names))
    if not args.quiet:
        origin = f"from {args.from_run}" if args.from_run else "from scratch"
        print(f"{type(model).__name__} of {model.n_parameters():,} parameters, {origin}; {sides}")
        for line in not_learned((train_source, valid_source), len(sides.train) + len(sides.valid), args):
            print(line, file=sys.stderr)
    history = train(
        model, task.objective(sides), train_source, valid_source, config, home.path, args.resume, progress=not args.quiet
    )
    if not first:
        return
    say_best(history)
    outcome = task.test(home.model("best").eval(), tokenizer, sides)
    outcome.save(home.path)
    outcome.show()
    say_next(home, task.next_steps(str(home.path)))


def not_learned(sources: Sequence[Any], rows: int, args: argparse.Namespace) -> Iterator[str]:
    """What of the rows of these sources is not learned from, a line for each kind that there is."""
    for name, words in NOT_LEARNED.items():
        if lost := sum(getattr(source, name, 0) for source in sources):
            yield f"{lost:,} {words.format(rows=rows, **vars(args))}"
