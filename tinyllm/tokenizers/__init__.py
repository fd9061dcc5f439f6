"""Text to integers and back, without losing a character.

Reading order: `words` (where text is cut before anything is learned), `merges` (byte pairs, learned), `encoding`
(tokens with their places in the text), `base` (what every tokenizer shares), `characters` and `byte_bpe` (two
tokenizers), `streaming` (text while it is being generated), `pipeline` (tokenizers of other people's models, part by
part), `wordpiece` and `unigram` (the other two ways to learn a vocabulary), `storage`, `own`, `gguf` and `loading`
(files).
"""

from .base import SPECIAL_TOKENS, Tokenizer
from .byte_bpe import ByteBPETokenizer
from .characters import CharTokenizer
from .encoding import Encoding
from .gguf import from_gguf
from .loading import load
from .pipeline import PipelineTokenizer
from .streaming import StreamDecoder
from .unigram import UnigramTokenizer
from .wordpiece import WordPieceTokenizer

__all__ = [
    "SPECIAL_TOKENS", "ByteBPETokenizer", "CharTokenizer", "Encoding", "PipelineTokenizer", "StreamDecoder", "Tokenizer",
    "UnigramTokenizer", "WordPieceTokenizer", "from_gguf", "load",
]  # fmt: skip
