"""From a file that one of our classes saved back to that class."""

from __future__ import annotations

import json
from typing import Any

from .base import Tokenizer
from .byte_bpe import BYTE_ALPHABET, ByteBPETokenizer
from .characters import CharTokenizer

_CLASSES: dict[str, type[ByteBPETokenizer] | type[CharTokenizer]] = {
    "BPE": ByteBPETokenizer,
    "WordLevel": CharTokenizer,
}


def is_ours(content: dict[str, Any]) -> bool:
    """Whether one of our classes wrote this: it cuts text by our rule, or numbers bytes or characters as we do.

    Either mark is enough, so that a file of ours that was changed in one place is still known, and refused.
    """
    if content.get("pre_tokenizer") in [kind._pre_tokenizer for kind in _CLASSES.values()]:
        return True
    model = content.get("model")
    vocab = model.get("vocab") if isinstance(model, dict) else None
    if not isinstance(vocab, dict):
        return False
    in_place = sum(vocab.get(character) == byte for byte, character in enumerate(BYTE_ALPHABET))
    is_of_characters = content.get("decoder") == CharTokenizer._decoder and "merges" not in content["model"]
    return in_place > len(BYTE_ALPHABET) // 2 or is_of_characters


def rebuild(content: dict[str, Any]) -> Tokenizer:
    """The tokenizer that a file of ours describes.

    The file is not trusted: the tokenizer is rebuilt from the characters or merges and the special tokens in it, and
    must then say exactly what the file says. So a changed id, a missing merge or another splitting rule is an error,
    not a different tokenizer.

    Raises ValueError or TypeError, naming the entry.
    """
    tokenizer = _rebuild(content)
    _compare("file", content, tokenizer.as_json())
    return tokenizer


def _rebuild(content: dict[str, Any]) -> Tokenizer:
    if content.get("version") != "1.0":
        raise ValueError(f'"version" is {content.get("version")!r}, this code reads "1.0"')
    model = _typed(content, "model", dict)
    kind = _typed(model, "type", str)
    if kind not in _CLASSES:
        raise ValueError(f'"model" is of type {kind!r}, this code reads {" and ".join(_CLASSES)}')
    for token, token_id in _typed(model, "vocab", dict).items():
        if type(token_id) is not int:
            raise TypeError(f'"vocab" gives {token!r} the id {token_id!r}: ids are integers')
    if kind == "BPE" and not all(isinstance(line, str) for line in _typed(model, "merges", list)):
        raise TypeError('"merges" must be strings, two tokens with a space between them')
    names = []
    for entry in _typed(content, "added_tokens", list):
        if not isinstance(entry, dict):
            raise TypeError(f'"added_tokens" must hold objects, got {entry!r}')
        names.append(_typed(entry, "content", str))
    return _CLASSES[kind]._from_model(model, names)


def _typed(container: dict[str, Any], key: str, kind: type) -> Any:
    if not isinstance(container.get(key), kind):
        raise TypeError(f'"{key}" must be a {kind.__name__}, got {type(container.get(key)).__name__}')
    return container[key]


def _compare(key: str, found: Any, expected: Any) -> None:
    """Equal as JSON: 1, 1.0 and true are three different things, the order of an object's entries is none."""
    if isinstance(found, list) and isinstance(expected, list):
        found, expected = dict(enumerate(found)), dict(enumerate(expected))
    if isinstance(found, dict) and isinstance(expected, dict):
        for name in expected | found:
            if name not in found or name not in expected:
                verb = "lacks" if name in expected else "should not have"
                raise ValueError(f'"{key}" {verb} {name!r}, going by the rest of the file')
            _compare(f"{key}.{name}", found[name], expected[name])
    elif json.dumps(found) != json.dumps(expected):
        raise ValueError(f'"{key}" is {str(found)[:60]}, but the rest of the file implies {str(expected)[:60]}')
