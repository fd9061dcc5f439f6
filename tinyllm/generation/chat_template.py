"""Chat templates: a conversation as the one text that a model was trained to continue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .sandbox import LARGEST_TEXT, MOST_ROUNDS, chat_environment

PLAIN = """\
{% for message in messages %}
{{ bos_token + message.role + '\\n' + message.content + eos_token + '\\n' }}
{%- endfor %}
{% if add_generation_prompt %}
{{ bos_token + 'assistant\\n' }}
{%- endif %}
"""
"""ChatML's form with the tokenizer's own signs: `<bos>user`, the message, `<eos>`; with `<|im_start|>` and `<|im_end|>` for
them, it is ChatML."""

LARGEST_TEMPLATE = 1 << 18                              # characters
Message = Mapping[str, Any]                             # {"role": "user", "content": "…"}


class ChatTemplate:
    """A template in Jinja's language, rendered as Transformers does.

        template = ChatTemplate(PLAIN, bos_token="<bos>", eos_token="<eos>")
        template.render([{"role": "user", "content": "Hello"}])     # '<bos>user\\nHello<eos>\\n<bos>assistant\\n'

    Templates come with models, from anywhere: they run in Jinja's sandbox, which lets them change nothing and reach nothing
    but the messages, with bounds on their loops and on what they write.

    Raises ValueError for a template that is too large or not in Jinja's language, ImportError without jinja2.
    """

    def __init__(self, source: str, **variables: Any) -> None:
        """`variables`: what the template knows beside the messages, such as bos_token and eos_token."""
        if len(source) > LARGEST_TEMPLATE:
            raise ValueError(f"a chat template of {len(source):,} characters: none needs more than {LARGEST_TEMPLATE:,}")
        self.source, self.variables = source, variables
        try:
            self._environment = chat_environment()
            self._template = self._environment.from_string(source)
        except (ImportError, MemoryError):
            raise
        except Exception as error:                      # Jinja compiles to Python: a strange template fails in any way
            raise ValueError(f"the chat template is damaged: {error}") from error

    def render(self, messages: Sequence[Message], add_generation_prompt: bool = True) -> str:
        """The text of the messages, at its end what opens the model's reply, unless add_generation_prompt=False.

        Raises ValueError for messages that the template refuses, and a template that runs or writes too long.
        """
        plain = [dict(message) for message in messages]
        text, length = [], 0
        self._environment.rounds_left = MOST_ROUNDS
        try:
            for piece in self._template.generate(
                messages=plain, tools=None, documents=None, add_generation_prompt=add_generation_prompt,
                **self.variables,
            ):
                length += len(piece)
                if length > LARGEST_TEXT:
                    raise ValueError(f"it writes more than {LARGEST_TEXT:,} characters")
                text.append(piece)
        except Exception as error:                      # it may call any method of a message in any way
            raise ValueError(f"the chat template refuses these messages: {error}") from error
        return "".join(text)


def encode_chat(
    tokenizer: Any, template: ChatTemplate, messages: Sequence[Message], add_generation_prompt: bool = True
) -> list[int]:
    """The ids of `template.render(messages)`: the template's control signs become special tokens, those that a message holds
    are text like any other, so that nobody can end their turn and speak for another.

    The template is given messages with a mark in place of each sign, which is in no text of its own: so what it wrote and
    what a message says cannot be taken for each other.

    Raises ValueError as `render`, and where a message with a control sign does not stand in the text once, as it is.
    """
    names = sorted(tokenizer.special_tokens, key=len, reverse=True)
    mark = _no_character_of(template.source, *map(str, template.variables.values()), *(str(m["content"]) for m in messages))
    shown, marked = [], []
    for message in messages:
        content = covered = str(message["content"])
        for name in names:
            covered = covered.replace(name, mark)
        if covered != content:
            message = {**message, "content": covered}
            marked.append((covered.strip(), content.strip()))                      # as templates do
        shown.append(message)
    rest = template.render(shown, add_generation_prompt)
    ids: list[int] = []
    for covered, content in marked:
        own, found, rest = rest.partition(covered)
        if not found or mark in own:
            raise ValueError(f"the chat template changes a message that holds a control sign: {content[:40]!r}")
        ids += tokenizer.encode(own, allow_special=True) + tokenizer.encode(content)
    if mark in rest:
        raise ValueError(f"the chat template repeats a message that holds a control sign: {marked[-1][1][:40]!r}")
    return ids + tokenizer.encode(rest, allow_special=True)


def _no_character_of(*texts: str) -> str:
    """One for private use, which stands in none of them."""
    used = set().union(*texts)
    return next(character for character in map(chr, range(0xF0000, 0xFFFFE)) if character not in used)
