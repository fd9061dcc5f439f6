"""Text while its tokens are still coming."""

from __future__ import annotations

import codecs

from .base import TOLERANT, Tokenizer


class StreamDecoder:
    """Decodes one id at a time, and holds back a character until all its bytes are there.

    A token of a byte-level vocabulary may end in the middle of a character ("é" is two bytes, "語" three). Decoding
    each token alone would show U+FFFD twice; here `push` answers "" first and the character next. All answers
    together, `finish()` included, equal `tokenizer.decode` of all ids, but for what a decoder does with the whole: the
    space before the first word, which a text that goes on needs (`PipelineTokenizer.id_to_piece`).
    """

    def __init__(self, tokenizer: Tokenizer, skip_special: bool = False) -> None:
        self._tokenizer = tokenizer
        self._skipped = frozenset(tokenizer.special_ids if skip_special else ())
        self._decoder = codecs.getincrementaldecoder("utf-8")(TOLERANT)

    def push(self, token_id: int) -> str:
        """The text that this token makes certain, often its own. Raises IndexError for an id outside the vocabulary."""
        piece = self._tokenizer.id_to_piece(token_id)
        return "" if token_id in self._skipped else self._decoder.decode(piece)

    def finish(self) -> str:
        """What was held back: U+FFFD for an unfinished character. Afterwards the decoder is ready for another text."""
        return self._decoder.decode(b"", final=True)
