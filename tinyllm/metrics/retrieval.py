"""Retrieval: at which place a search shows what was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike


class RetrievalScores(NamedTuple):
    """How many texts were found first, how many among the first ten, and the mean reciprocal rank."""

    recall_at_1: float
    recall_at_10: float
    mrr: float


def retrieval_scores(own: Sequence[int], similarity: ArrayLike) -> RetrievalScores:
    """From the similarity (N, M) of N questions and M texts, own[i] the one text that answers question i.

        place_i = the texts at least as similar to question i as its own     recall@k = share of i with place_i ≤ k
        MRR = mean of 1 / place_i

    Of equal similarities the own counts as the last: a search that cannot tell texts apart has found none.

    Worked: own [0, 1], similarity [[0.9, 0.2], [0.8, 0.3]]. Places 1 and 2: recall@1 = 1/2, recall@10 = 1, MRR = 3/4.

    Raises ValueError for another number of own texts than of questions, none, one that is no column, and similarities that are
    not finite (of a model that has diverged).

    Voorhees 1999, The TREC-8 Question Answering Track Report (MRR).
    """
    table = np.asarray(similarity)
    n_questions, n_texts = table.shape
    if not n_questions or len(own) != n_questions:
        raise ValueError(f"{len(own)} own texts and {n_questions} rows of similarity: give one for each row, and at least one")
    if min(own) < 0 or max(own) >= n_texts:
        raise ValueError(f"own {min(own)} to {max(own)}: the columns of the similarity are 0 to {n_texts - 1}")
    if not np.isfinite(table).all():
        raise ValueError("the similarity is not finite everywhere: the model has diverged, train it with a smaller step")
    place = (table >= table[np.arange(n_questions), own][:, None]).sum(axis=1)       # (N,): 1 = the nearest
    return RetrievalScores(*(float(np.mean(of)) for of in (place <= 1, place <= 10, 1 / place)))
