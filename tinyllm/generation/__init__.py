"""Writing text with a language model, in reading order: sampling (from logits to a token), generate (token after
token, with a cache), stops (where to end), text (a tokenizer before and after)."""

from . import sampling
from .generate import Sampling, generate, stream
from .stops import StopFilter
from .text import generate_text, stream_text

__all__ = ["Sampling", "StopFilter", "generate", "generate_text", "sampling", "stream", "stream_text"]
