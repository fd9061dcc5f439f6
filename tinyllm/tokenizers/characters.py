"""One token for each character."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from .base import SPECIAL_TOKENS, TextOrTexts, Tokenizer, as_texts
from .encoding import Span


class CharTokenizer(Tokenizer):
    """Each character of the training text is a token; ids follow the order of the code points.

    The simplest tokenizer there is: a vocabulary of a hundred, and sequences as long as the text. `<unk>` stands for
    characters that training did not see; without it among the special tokens, they are an error.
    """

    _pre_tokenizer: ClassVar = {
        "type": "Split",
        "pattern": {"Regex": r"[\s\S]"},
        "behavior": "Isolated",
        "invert": False,
    }
    _decoder: ClassVar = {"type": "Fuse"}

    def __init__(self, characters: Iterable[str], special_tokens: Iterable[str] = ("<unk>", *SPECIAL_TOKENS)) -> None:
        ordered = sorted(set(characters))
        if not ordered:
            raise ValueError("there is no text to learn characters from: give at least one character")
        if any(len(character) != 1 for character in ordered):
            raise ValueError(f"{max(ordered, key=len)!r} is not one character: give characters, or a text to `train`")
        super().__init__(ordered, [character.encode("utf-8", "surrogatepass") for character in ordered], special_tokens)
        self._character_ids = {character: i for i, character in enumerate(ordered)}

    @classmethod
    def train(cls, texts: TextOrTexts, special_tokens: Iterable[str] = ("<unk>", *SPECIAL_TOKENS)) -> CharTokenizer:
        """A tokenizer with the characters of one text or of several. Raises ValueError where there are none."""
        characters: set[str] = set()
        for text in as_texts(texts):
            characters.update(text)
        return cls(characters, special_tokens)

    def _encode_plain(self, text: str) -> Iterable[int]:
        unknown = set(text).difference(self._character_ids)
        if not unknown:
            return map(self._character_ids.__getitem__, text)
        if self.unk_id is None:
            first = next(character for character in text if character in unknown)
            raise ValueError(
                f"the character {first!r} (U+{ord(first):04X}) is not in this vocabulary: "
                "train on text that has it, or with '<unk>' among the special tokens"
            )
        return [self._character_ids.get(character, self.unk_id) for character in text]

    def _spans(self, text: str, ids: Sequence[int]) -> list[Span]:
        return [(i, i + 1) for i in range(len(ids))]    # also for <unk>, whose own name is longer

    def _model(self) -> dict[str, Any]:
        return {"type": "WordLevel", "vocab": self._token_ids, "unk_token": "<unk>"}

    @classmethod
    def _from_model(cls, model: dict[str, Any], special_tokens: list[str]) -> CharTokenizer:
        return cls(model["vocab"].keys() - special_tokens, special_tokens)
