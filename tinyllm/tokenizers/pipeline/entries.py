"""Reading a tokenizer.json that nobody vouches for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

DEEPEST = 16            # sequences within sequences; real files have two
LONGEST_STRING = 4096   # characters of a pattern or a replacement


class Entry:
    """An object of the file, with its place in it: each question checks the type of the answer and names the place."""

    def __init__(self, content: Any, place: str, depth: int = 0) -> None:
        if not isinstance(content, dict):
            raise ValueError(f'"{place}" must be an object, got {type(content).__name__}')
        if depth > DEEPEST:
            raise ValueError(f'"{place}" lies {depth} objects deep: no tokenizer nests more than {DEEPEST}')
        self.content, self.place, self.depth = content, place, depth

    @property
    def kind(self) -> str:
        """The entry's "type"."""
        return self.text("type")

    def _get(self, key: str, kind: type, default: Any) -> Any:
        value = self.content.get(key, default)
        if type(value) is not kind and value is not default:
            raise ValueError(f'"{self.place}.{key}" must be a {kind.__name__}, got {str(value)[:60]!r}')
        if value is ...:
            raise ValueError(f'"{self.place}" lacks "{key}"')
        return value

    def text(self, key: str, default: Any = ...) -> Any:
        value = self._get(key, str, default)
        if isinstance(value, str) and len(value) > LONGEST_STRING:
            raise ValueError(f'"{self.place}.{key}" has {len(value)} characters: at most {LONGEST_STRING} make sense')
        return value

    def flag(self, key: str, default: Any = ...) -> Any:
        return self._get(key, bool, default)

    def number(self, key: str, default: Any = ...) -> Any:
        value = self._get(key, int, default)
        if isinstance(value, int) and value < 0:
            raise ValueError(f'"{self.place}.{key}" is {value}: it counts something, so it is 0 or more')
        return value

    def items(self, key: str) -> list[Any]:
        return self._get(key, list, ...)

    def character(self, key: str) -> str:
        value = self.text(key)
        if len(value) != 1:
            raise ValueError(f'"{self.place}.{key}" is {value[:20]!r}, it must be one character')
        return value

    def one_of(self, key: str, names: tuple[str, ...], default: Any = ...) -> str:
        value = self.text(key, default)
        if value not in names:
            raise ValueError(f'"{self.place}.{key}" is {value!r}, known are {", ".join(names)}')
        return value

    def inside(self, key: str) -> Entry:
        return Entry(self.content.get(key), f"{self.place}.{key}", self.depth + 1)

    def several(self, key: str) -> list[Entry]:
        return [Entry(each, f"{self.place}.{key}.{i}", self.depth + 1) for i, each in enumerate(self.items(key))]

    def unknown(self, what: str, known: Iterable[str]) -> ValueError:
        return ValueError(f'"{self.place}" is a {what} of type {self.kind!r}; read here are {", ".join(known)}')
