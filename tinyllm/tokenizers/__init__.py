"""Text to integers and back, without losing a character.

Reading order: `words` (where text is cut before anything is learned), `merges` (byte pairs, learned), `encoding`
(tokens with their places in the text), `base` (what every tokenizer shares), `characters` and `byte_bpe` (the two
tokenizers), `streaming` (text while it is being generated), `storage` and `loading` (files).
"""

from .base import SPECIAL_TOKENS, Tokenizer
from .byte_bpe import ByteBPETokenizer
from .characters import CharTokenizer
from .encoding import Encoding
from .loading import load
from .streaming import StreamDecoder

__all__ = ["SPECIAL_TOKENS", "ByteBPETokenizer", "CharTokenizer", "Encoding", "StreamDecoder", "Tokenizer", "load"]
