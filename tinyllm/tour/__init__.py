"""The tour, in reading order: run (the main job), ngrams and bag_of_words (the methods to beat), report (what it says), page
(how it looks)."""

from .bag_of_words import BagOfWords
from .ngrams import NGram
from .report import report
from .run import main

__all__ = ["BagOfWords", "NGram", "main", "report"]
