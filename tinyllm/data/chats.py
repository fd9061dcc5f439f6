"""The user's own conversations: JSONL, a dialogue a line."""

from __future__ import annotations

from pathlib import Path

from tinyllm.data.files import MAX_BYTES, read_text
from tinyllm.data.tables import json_lines

Message = dict[str, str]                # {"role": "user", "content": "Good morning."}: what chat templates take
Dialogue = tuple[Message, ...]

SYSTEM, USER, ASSISTANT = "system", "user", "assistant"


def read_dialogues(path: str | Path, max_bytes: int = MAX_BYTES) -> tuple[Dialogue, ...]:
    """The dialogues of a file whose lines are {"messages": [{"role": "user", "content": "..."}, ...]}.

    A dialogue may open with a message of the system; then user and assistant take turns, the user first, the assistant
    last: what the model is to learn are the assistant's replies.

    Raises ValueError that names the line, the message and the fix.
    """
    path = Path(path)
    if path.suffix.lower() != ".jsonl":
        raise ValueError(f"{path} ends in {path.suffix!r}: dialogues are read from .jsonl, one a line")
    dialogues = []
    for line, row in json_lines(path, read_text(path, max_bytes)):
        messages = row.get("messages")
        if not isinstance(messages, list) or not messages:
            raise ValueError(f"{path}, line {line}: no list \"messages\": write {{\"messages\": [{{\"role\": ...}}, ...]}}")
        try:
            dialogues.append(check_dialogue(messages))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}, line {line}: {error}") from error
    if not dialogues:
        raise ValueError(f"{path} has no dialogues: give at least one")
    return tuple(dialogues)


def check_dialogue(messages: object) -> Dialogue:
    """The messages as a dialogue to learn from, once their roles take turns and every content is a text.

    Raises TypeError for messages that are no objects of two texts, ValueError for wrong turns; both count from 1.
    """
    if not isinstance(messages, list | tuple):
        raise TypeError(f"messages are {type(messages).__name__}: give a list")
    expected: tuple[str, ...] = (SYSTEM, USER)
    dialogue = []
    for number, message in enumerate(messages, start=1):
        if not isinstance(message, dict):
            raise TypeError(f"message {number} is {message!r}: write {{\"role\": ..., \"content\": ...}}")
        role, content = message.get("role"), message.get("content")
        if role not in expected:
            raise ValueError(f"message {number} has role {role!r}: here stands {' or '.join(expected)}")
        if not isinstance(content, str) or not content.strip():
            raise TypeError(f"message {number} has content {content!r}: give a text")
        dialogue.append({"role": role, "content": content})
        expected = (ASSISTANT,) if role == USER else (USER,)
    if not dialogue or dialogue[-1]["role"] != ASSISTANT:
        raise ValueError("the last message is no reply: end the dialogue with one of the assistant, or drop it")
    return tuple(dialogue)
