"""Text in, batches out. Knows nothing of models: NumPy and the standard library only.

In reading order:

    files       the user's own text file
    tables      the user's own CSV, TSV or JSONL file with a text and a label column
    pairs       the user's own pairs of texts, such as sentences with their translations
    conll       the user's own words with tags
    squad       the user's own questions on passages
    chats       the user's own dialogues
    labelled    texts with labels: what a table and a classification set are made of
    docstrings  Python's documentation, read from the source files of the standard library
    code_files  the user's own Python code
    duplicates  which texts are nearly the same, so that no split lets one of them leak
    cache       what was computed once, kept with its checksum
    fetching    pretrained models that others made, got through pip when asked for
    pydocs      the default corpus and the default classification task
    pycode      the default corpus of code
    first_lines the default summarisation and retrieval sets
    built_in    the sets of datasets/, made by programs
    batching    padding with masks; cutting a batch into parts
    windows     random windows of a long text: causal language models
    masking     the same windows with hidden tokens: masked language models
    order       which rows a step's batch holds
    epochs      labelled texts, shuffled anew each epoch: classification
    sequence_pairs   a source and its target: encoder-decoder models, with teacher forcing
    span_corruption  windows with spans cut out: encoder-decoder models that write what is missing
    segments         documents of sentences
    sentence_pairs   two pieces of text, words hidden: BERT's two objectives
    reconstruction   texts, whole or with holes: autoencoders
    contrastive      texts that belong together: embeddings
    dialogues        conversations of which the replies are learned: chat models
    located          what is asked of a tokenizer where tokens must be found in the text
    tagged           words with tags on their first pieces: named entities
    answers          from logits of windows to the text of an answer
    answer_spans     questions on long passages, window by window
"""

from tinyllm.data.answer_spans import AnswerSpans
from tinyllm.data.answers import Found, Reading, WindowLogits, merge_windows
from tinyllm.data.batching import Batch, pad_batch, split_batch
from tinyllm.data.built_in import BuiltIn, builtin, builtin_names
from tinyllm.data.cache import cache_folder
from tinyllm.data.chats import Dialogue, Message, check_dialogue, read_dialogues
from tinyllm.data.code_files import read_code
from tinyllm.data.conll import TaggedSentence, read_conll, tag_names, to_bio
from tinyllm.data.contrastive import ContrastivePairs
from tinyllm.data.dialogues import Dialogues
from tinyllm.data.epochs import LabelledBatches
from tinyllm.data.fetching import fetch, fetched
from tinyllm.data.files import read_text
from tinyllm.data.first_lines import PairSets, retrieval, summaries
from tinyllm.data.labelled import LabelledTexts
from tinyllm.data.masking import MaskedWindows, mask_tokens
from tinyllm.data.pairs import TextPairs, read_pairs
from tinyllm.data.pycode import code
from tinyllm.data.pydocs import Classification, Corpus, classification, corpus
from tinyllm.data.reconstruction import NoisyTexts
from tinyllm.data.segments import file_segments, split_documents, split_sentences
from tinyllm.data.sentence_pairs import SentencePairs
from tinyllm.data.sequence_pairs import SequencePairs
from tinyllm.data.span_corruption import SENTINELS, SpanCorruption, corrupt_spans, sentinel_ids
from tinyllm.data.squad import Answer, Question, read_squad
from tinyllm.data.tables import read_table
from tinyllm.data.tagged import TaggedSentences
from tinyllm.data.windows import CausalWindows

__all__ = [
    "Answer",
    "AnswerSpans",
    "Batch",
    "BuiltIn",
    "CausalWindows",
    "Classification",
    "ContrastivePairs",
    "Corpus",
    "Dialogue",
    "Dialogues",
    "Found",
    "LabelledBatches",
    "LabelledTexts",
    "MaskedWindows",
    "Message",
    "NoisyTexts",
    "PairSets",
    "Question",
    "Reading",
    "SENTINELS",
    "SentencePairs",
    "SequencePairs",
    "SpanCorruption",
    "TaggedSentence",
    "TaggedSentences",
    "TextPairs",
    "WindowLogits",
    "builtin",
    "builtin_names",
    "cache_folder",
    "check_dialogue",
    "classification",
    "code",
    "corpus",
    "corrupt_spans",
    "fetch",
    "fetched",
    "file_segments",
    "mask_tokens",
    "merge_windows",
    "pad_batch",
    "read_code",
    "read_conll",
    "read_dialogues",
    "read_pairs",
    "read_squad",
    "read_table",
    "read_text",
    "retrieval",
    "sentinel_ids",
    "split_batch",
    "split_documents",
    "split_sentences",
    "summaries",
    "tag_names",
    "to_bio",
]
