"""How good is what a model said, as the field counts it. Knows nothing of models: text and tags in, numbers out.

Every function takes what is right first and what was guessed second. Each metric is a convention of many small choices,
which two programs seldom make alike; here they are those of the program whose numbers papers report, and tests compare
with it.

In reading order:

    score       precision, recall and their harmonic mean
    entities    named entities, found whole or not at all: conlleval's counts, seqeval's strict ones
    answers     answers to questions: SQuAD's exact match and F1
    ngrams      runs of neighbouring words or letters, counted
    words_13a   the words that BLEU counts
    bleu        translations: runs of words in common, sacrebleu's number
    chrf        translations: runs of letters in common, sacrebleu's number
    rouge       summaries: how much of the reference is in them, rouge_score's number
    retrieval   searches: recall@k and the mean reciprocal rank

Answers, entities, ROUGE and retrieval lie between 0 and 1, BLEU and chrF between 0 and 100, as their papers print them.
"""

from tinyllm.metrics.answers import AnswerScores, answer_f1, answer_scores, exact_match
from tinyllm.metrics.bleu import Bleu, bleu
from tinyllm.metrics.chrf import chrf
from tinyllm.metrics.entities import EntityScores, entities, entity_scores
from tinyllm.metrics.retrieval import RetrievalScores, retrieval_scores
from tinyllm.metrics.rouge import Rouge, rouge
from tinyllm.metrics.score import Score

__all__ = [
    "AnswerScores",
    "Bleu",
    "EntityScores",
    "RetrievalScores",
    "Rouge",
    "Score",
    "answer_f1",
    "answer_scores",
    "bleu",
    "chrf",
    "entities",
    "entity_scores",
    "exact_match",
    "retrieval_scores",
    "rouge",
]
