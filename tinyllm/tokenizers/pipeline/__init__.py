"""Hugging Face's tokenizer.json, part by part: what other people's models were trained with.

A file names a normalizer, a pre-tokenizer, a model, a post-processor and a decoder, and lists added tokens. Reading
order: `aligned` (text that knows where it came from), `entries` (reading what nobody vouches for), `unicode` and
`patterns` (classes of characters, regular expressions), `forms`, `graphemes`, `charsmap` and `normalizers`,
`pre_tokenizers`, `models` with `bpe`, `wordpiece` and `unigram`, `added`, `post_processors`, `decoders`, `roles`, and
`tokenizer`, which puts them together.
"""

from .tokenizer import PipelineTokenizer

__all__ = ["PipelineTokenizer"]
