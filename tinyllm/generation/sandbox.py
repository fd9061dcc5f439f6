"""Jinja for templates from anywhere: its sandbox, with bounds on how long they run and what they write."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

LARGEST_TEXT = 1 << 22          # characters; of every text on the way too: doubling one thirty times fills all memory
MOST_ROUNDS = 1 << 18           # of all loops together


def chat_environment() -> Any:
    """A Jinja environment as Transformers makes it for chat templates, bounded. Raises ImportError without jinja2."""
    jinja2 = _jinja2()
    error = jinja2.exceptions.TemplateRuntimeError
    code_generator: Any = jinja2.compiler.CodeGenerator
    sandbox: Any = jinja2.sandbox.ImmutableSandboxedEnvironment
    extension: Any = jinja2.ext.Extension

    def raise_exception(message: str) -> None:
        raise jinja2.exceptions.TemplateError(message)

    def tojson(                                         # Jinja's own escapes for HTML
        value: Any, ensure_ascii: bool = False, indent: Any = None, separators: Any = None, sort_keys: bool = False
    ) -> str:
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    def strftime_now(form: str) -> str:
        return datetime.now().strftime(form)

    def counted(items: Iterable[Any]) -> Iterator[Any]:
        """What a loop runs over, one round at a time from what all loops have left."""
        for item in items:
            environment.rounds_left -= 1
            if environment.rounds_left < 0:
                raise error(f"its loops run more than {MOST_ROUNDS:,} rounds")
            yield item

    def bounded_concat(pieces: Iterable[str]) -> str:
        text, length = [], 0
        for piece in pieces:
            length += len(piece)
            if length > LARGEST_TEXT:
                raise error(f"it writes more than {LARGEST_TEXT:,} characters")
            text.append(piece)
        return "".join(text)

    class Generator(code_generator):
        """Every loop is over `counted`, and what `~` joins is bounded."""

        def visit_Template(self, node: Any, frame: Any = None) -> None:
            for loop in list(node.find_all(jinja2.nodes.For)):
                loop.iter = filtered(loop.iter, "counted")
            for chain in list(node.find_all(jinja2.nodes.Concat)):
                chain.nodes = [filtered(jinja2.nodes.List(chain.nodes, lineno=chain.lineno), "joined")]
            super().visit_Template(node, frame)

    def filtered(node: Any, name: str) -> Any:
        return jinja2.nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)

    class Environment(sandbox):
        code_generator_class = Generator
        intercepted_binops = frozenset(("+", "*", "**"))
        concat = staticmethod(bounded_concat)
        rounds_left = 0                                 # whoever renders sets it

        def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
            if _size_of_result(operator, left, right) > LARGEST_TEXT:
                raise error(f"{operator} would make something larger than {LARGEST_TEXT:,}")
            return super().call_binop(context, operator, left, right)

    class Generation(extension):
        """{% generation %} … {% endgeneration %} marks replies for training; their text is text like any other."""

        tags = {"generation"}  # noqa: RUF012  (Jinja's way)

        def parse(self, parser: Any) -> Any:
            next(parser.stream)
            return parser.parse_statements(["name:endgeneration"], drop_needle=True)

    environment = Environment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
    environment.filters.update(tojson=tojson, counted=counted, joined=lambda pieces: bounded_concat(map(str, pieces)))
    environment.globals.update(raise_exception=raise_exception, strftime_now=strftime_now)
    return environment


def _size_of_result(operator: str, left: Any, right: Any) -> float:
    """Of a sum, product or power, before it is made: the characters of a text, the items of a list, the bits of a number."""
    if operator == "**":
        return _size(left) * abs(right)
    for one, other in ((left, right), (right, left)):
        if operator == "*" and hasattr(one, "__len__"):
            return len(one) * abs(other)
    return _size(left) + _size(right)


def _size(value: Any) -> int:
    return len(value) if hasattr(value, "__len__") else value.bit_length() if isinstance(value, int) else 1


def _jinja2() -> Any:
    try:
        import jinja2
        import jinja2.compiler
        import jinja2.ext
        import jinja2.sandbox
    except ImportError as error:
        raise ImportError("chat templates are written in Jinja's language: pip install tinyllm[chat]") from error
    return jinja2
