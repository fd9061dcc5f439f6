"""What is to be learned, an objective a file. In reading order: objective (what `train` asks of each), language (predict the
next token; fill in hidden ones), classification (a label for a text), masked_and_next (BERT's two at once), sequences (a target
sequence from a source), tags (a label for each word), spans (where an answer stands), contrastive (which two texts belong
together), reconstruction (a text from one small vector)."""

from .objective import Count, Objective, Sums, is_whole
from .language import Causal, Masked
from .classification import Classification, macro_f1
from .masked_and_next import MaskedAndNext
from .sequences import SequenceToSequence
from .tags import TokenClassification
from .spans import SpanExtraction
from .contrastive import Contrastive
from .reconstruction import Reconstruction

__all__ = [
    "Causal", "Classification", "Contrastive", "Count", "Masked", "MaskedAndNext", "Objective", "Reconstruction",
    "SequenceToSequence", "SpanExtraction", "Sums", "TokenClassification", "is_whole", "macro_f1",
]
