"""The default corpus of code: the standard library's own source files, on every machine with a Python."""

from __future__ import annotations

import hashlib
import json
import platform

from tinyllm.data import cache
from tinyllm.data.code_files import source_text
from tinyllm.data.docstrings import PACKAGES, Document, sources, standard_library
from tinyllm.data.duplicates import near_duplicate_groups
from tinyllm.data.pydocs import Corpus, held_out

FORMAT = 1      # raised when the same sources would give other groups


def code() -> Corpus:
    """The source files of a fixed list of packages, each whole, about 8 million characters; tests left out.

    Of files that are nearly the same (`duplicates.py`; dozens of character tables, say) the first one stays. A file is
    on one side, chosen by its own text, so a module that is held out has not been read; it may still use what others do.
    Files are read, never run. The first call compares all files (some seconds) and keeps the result in the cache.
    """
    library = standard_library()
    documents, missing = [], []
    for package in PACKAGES:
        files = list(sources(library, package))
        if not files:
            missing.append(package)
        for name, file in files:
            text = source_text(file.read_bytes())
            if text.strip():
                documents.append(Document(text, package, name, ""))
    texts = [document.text for document in documents]
    key = hashlib.sha256(json.dumps([FORMAT, texts]).encode()).hexdigest()
    groups = cache.cached(f"pycode-{key[:8]}", key, lambda: near_duplicate_groups(texts))
    firsts = [document for i, document in enumerate(documents) if groups[i] == i]
    total = sum(len(document.text) for document in firsts)
    sides: tuple[list[Document], list[Document]] = ([], [])
    for document in firsts:
        sides[held_out([document.text], total)].append(document)
    digest = hashlib.sha256(json.dumps([[document.text for document in side] for side in sides]).encode()).hexdigest()
    return Corpus(tuple(sides[0]), tuple(sides[1]), tuple(missing), platform.python_version(), digest)
