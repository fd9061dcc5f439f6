"""What `tinyllm finetune` teaches, a task a file. In reading order: task (what a task answers), sides (data to learn from, to
choose by and to report on), outcome (what a test found), starts (the model to start from); then language, chat, classification,
entities, answers, translation, summary, embeddings.

A task's module is imported when it is asked for, so that --help is quick.
"""

from __future__ import annotations

from importlib import import_module

from .task import Task

TASKS = {
    "classification": "which of several labels a text has",
    "entities": "the people, places, … in a sentence: a tag for each word",
    "answers": "where in a passage the answer to a question stands, and that there is none",
    "translation": "a text in another language, or in any other form, from pairs",
    "summary": "the short of a long text, from pairs",
    "embeddings": "a vector for each text, near those of texts that belong to it",
    "chat": "the assistant's part in dialogues",
    "language": "go on pretraining a causal model, on a text of your own",
}


def find(name: str) -> type[Task]:
    """The class of a task: `Chat` of chat.py. Raises KeyError for a name that is none."""
    if name not in TASKS:
        raise KeyError(f"no task {name!r}: choose one of {', '.join(TASKS)}")
    found: type[Task] = getattr(import_module(f"{__name__}.{name}"), name.capitalize())
    return found


__all__ = ["TASKS", "Task", "find"]
