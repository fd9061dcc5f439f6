"""Text in, batches out. Knows nothing of models: NumPy and the standard library only.

In reading order:

    files       the user's own text file
    tables      the user's own CSV, TSV or JSONL file with a text and a label column
    labelled    texts with labels: what a table and a classification set are made of
    docstrings  Python's documentation, read from the source files of the standard library
    duplicates  which texts are nearly the same, so that no split lets one of them leak
    cache       what was computed once, kept with its checksum
    pydocs      the default corpus and the default classification task
    batching    padding with masks; cutting a batch into parts
    windows     random windows of a long text: causal language models
    masking     the same windows with hidden tokens: masked language models
    epochs      labelled texts, shuffled anew each epoch: classification
"""

from tinyllm.data.batching import Batch, pad_batch, split_batch
from tinyllm.data.cache import cache_folder
from tinyllm.data.epochs import LabelledBatches
from tinyllm.data.files import read_text
from tinyllm.data.labelled import LabelledTexts
from tinyllm.data.masking import MaskedWindows, mask_tokens
from tinyllm.data.pydocs import Classification, Corpus, classification, corpus
from tinyllm.data.tables import read_table
from tinyllm.data.windows import CausalWindows

__all__ = [
    "Batch",
    "CausalWindows",
    "Classification",
    "Corpus",
    "LabelledBatches",
    "LabelledTexts",
    "MaskedWindows",
    "cache_folder",
    "classification",
    "corpus",
    "mask_tokens",
    "pad_batch",
    "read_table",
    "read_text",
    "split_batch",
]
