"""From documents to one row of token ids."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ..tokenizers import Tokenizer


def encode_documents(tokenizer: Tokenizer, documents: Iterable[str]) -> np.ndarray:
    """<bos> document <eos> <bos> document <eos> … as (N,) int32; a sign the tokenizer lacks is left out.

    So a model learns how documents begin and end: an empty prompt has a meaning, and generated text an end.
    """
    begin, end = ([] if i is None else [np.array([i], np.int32)] for i in (tokenizer.bos_id, tokenizer.eos_id))
    pieces = [piece for text in documents for piece in (*begin, tokenizer.encode_array(text), *end)]
    return np.concatenate(pieces) if pieces else np.zeros(0, np.int32)
