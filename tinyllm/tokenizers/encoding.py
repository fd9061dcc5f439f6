"""A text as tokens, with the place in the text that each token came from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import accumulate

Span = tuple[int, int]


@dataclass
class Encoding:
    """The tokens of a text or of a pair of texts; five lists of one length.

    - `ids`: the row of token ids that a model takes.
    - `tokens`: their printable names.
    - `offsets`: for each token the (start, end) characters of the text it came from, `text[start:end]`; counted in the
      second text for its tokens; (0, 0) for tokens that the tokenizer put there.
    - `segment_ids`: 0 for the first text, 1 for the second: BERT's two segments.
    - `special`: True for the tokens that stand in no text, such as `<cls>` and `<sep>`.

    A token may be half a character (bytes): its offsets are then the whole character's.
    """

    ids: list[int] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    offsets: list[Span] = field(default_factory=list)
    segment_ids: list[int] = field(default_factory=list)
    special: list[bool] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.ids)

    def add(self, token_id: int, token: str, span: Span = (0, 0), segment: int = 0, special: bool = False) -> None:
        """Appends one token."""
        self.ids.append(token_id)
        self.tokens.append(token)
        self.offsets.append(span)
        self.segment_ids.append(segment)
        self.special.append(special)

    def extend(self, other: Encoding, segment: int) -> None:
        """Appends another text's tokens, as part of this segment."""
        self.ids += other.ids
        self.tokens += other.tokens
        self.offsets += other.offsets
        self.segment_ids += [segment] * len(other)
        self.special += other.special


def spans_of_bytes(text: str, lengths: Iterable[int]) -> list[Span]:
    """Where in `text` pieces of its UTF-8 come from: pieces of so many bytes, in order, → (start, end) in characters.

    "aé", pieces of 1, 1, 1 bytes → (0, 1), (1, 2), (1, 2): both halves of é are the whole é.
    """
    ends = list(accumulate(lengths))
    starts = [0, *ends][:-1]
    if not text.isascii():
        # character_at[b]: the character that byte b is part of
        character_at = [i for i, c in enumerate(text) for _ in range(len(c.encode("utf-8", "surrogatepass")))]
        starts = [character_at[start] for start in starts]
        ends = [character_at[end - 1] + 1 for end in ends]
    return list(zip(starts, ends))
