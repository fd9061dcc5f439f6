"""Running text as documents made of sentences: what `SentencePairs` pairs."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise

from tinyllm.data.docstrings import TOPICS, Document

# Before white space: an empty line, or a sentence's end and then something that may begin one. "e.g. this" stays whole.
BOUNDARY = re.compile(r"(?=\n[ \t]*\n)(?<!\s)|(?<=[.!?])(?=\s+[A-Z\"'(\[*:`-])|(?<=[.!?][\"')\]])(?=\s+[A-Z\"'(\[*:`-])")


def split_sentences(text: str) -> list[str]:
    """The sentences of a text; "".join(split_sentences(text)) == text.

    White space between two sentences belongs to the second, as a space belongs to the word after it in our tokenizers:
    sentence by sentence, a text gets the tokens that it has as a whole. The rule is a rule of thumb (a sentence ends
    after . ! or ? before a capital or a sign, and at an empty line): "Mr. Smith" is cut.
    """
    edges = [0, *(match.start() for match in BOUNDARY.finditer(text) if 0 < match.start() < len(text)), len(text)]
    return [text[start:end] for start, end in pairwise(edges) if start < end]


def split_documents(text: str, least: int = 8) -> list[list[str]]:
    """A long text as documents of sentences: paragraphs side by side until they have at least `least` sentences.

    What follows the last full document is part of it, so that none is short unless the text is.
    """
    documents: list[list[str]] = [[]]
    for sentence in split_sentences(text):
        # Only an empty line ends a document, so that no sentence's next one is torn off in the middle of a thought.
        if len(documents[-1]) >= least and sentence.lstrip(" \t").startswith("\n"):
            documents.append([])
        documents[-1].append(sentence)
    if len(documents) > 1 and len(documents[-1]) < least:
        last = documents.pop()
        documents[-1] += last
    return documents if documents[0] else []


def file_segments(documents: Iterable[Document]) -> list[list[str]]:
    """Documents of a corpus, those of one source file side by side → for each file its sentences; a help topic is a file.

    Many a docstring is a single sentence, which nothing follows: what follows it is the file's next one.
    """
    files: defaultdict[str, list[str]] = defaultdict(list)
    for document in documents:
        files[document.origin if document.package == TOPICS else document.file].append(document.text)
    return [split_sentences("\n\n".join(texts)) for texts in files.values()]
