"""Texts and tags that metrics are tested on: short words that often meet, signs, numbers, letters of other scripts."""

from __future__ import annotations

from hypothesis import strategies as st

WORDS = st.sampled_from(["the", "a", "cat", "Cat", "sat", "mat", "don't", "3.5", "1990-95", "end.", "(so)", "&amp;", "été"])
SENTENCES = st.lists(WORDS, max_size=9).map(" ".join)
WILD = st.text(alphabet=st.sampled_from("ab AB.,-'\"&<>0123 \n\t_é日\u00a0;:![]{}~^"), max_size=30)
TEXTS = SENTENCES | WILD

TAGS = ("O", "O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-A-B", "I-A-B")


@st.composite
def corpora(draw, texts=TEXTS, most_references=3):
    """Gold references, one list of several a text, and as many guesses; half of the guesses are close to a reference."""
    size = draw(st.integers(1, 5))
    n_references = draw(st.integers(1, most_references))
    gold = [[draw(texts) for _ in range(n_references)] for _ in range(size)]
    guessed = [draw(texts | st.sampled_from(answers)) for answers in gold]
    return gold, guessed


@st.composite
def taggings(draw, tags=TAGS):
    """Gold and guessed tags of a few sentences; a guess keeps each gold tag two times of three."""
    lengths = draw(st.lists(st.integers(0, 8), min_size=1, max_size=5))
    gold = [[draw(st.sampled_from(tags)) for _ in range(n)] for n in lengths]
    keep = st.sampled_from([True, True, False])
    return gold, [[tag if draw(keep) else draw(st.sampled_from(tags)) for tag in row] for row in gold]
