"""Words with tags: what was written is read, and every scheme of entity tags becomes one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyllm.data import TaggedSentence, read_conll, tag_names, to_bio

# No space, no tab, no line end, nothing invisible: a no-break space within a word stays.
WORD = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"], exclude_characters="\ufeff"), min_size=1)
WORDS = (WORD | st.just("a\u00a0b")).filter(lambda word: not word.startswith("-DOCSTART-"))
KINDS = ["PER", "LOC", "X-Y"]


@st.composite
def entities(draw):
    """(length, type or None) side by side: what a tagged sentence says, free of any scheme."""
    return draw(st.lists(st.tuples(st.integers(1, 3), st.sampled_from([*KINDS, None])), min_size=1, max_size=6))


def written(parts, scheme):
    tags, before = [], None
    for length, kind in parts:
        for i in range(length):
            if kind is None:
                tags.append("O")
            elif scheme == "BIO":
                tags.append(("I-" if i else "B-") + kind)
            elif scheme == "IOB1":      # B- only where an entity of the same type ends right before
                tags.append(("B-" if i == 0 and before == kind else "I-") + kind)
            elif scheme == "IO":
                tags.append("I-" + kind)
            else:                       # the prefixes of IOBES and BILOU
                single, end = scheme
                tags.append((single if length == 1 else "B" if i == 0 else end if i == length - 1 else "I") + "-" + kind)
            before = None
        before = kind
    return tags


@given(entities(), st.sampled_from(["BIO", "IOB1", "SE", "UL"]))
def test_every_scheme_says_the_same_in_bio(parts, scheme):
    assert to_bio(written(parts, scheme)) == tuple(written(parts, "BIO"))


@given(entities())
def test_io_joins_neighbours_of_one_type_and_loses_nothing_else(parts):
    joined = []
    for length, kind in parts:
        if kind is not None and joined and joined[-1][1] == kind:
            joined[-1] = (joined[-1][0] + length, kind)
        else:
            joined.append((length, kind))
    assert to_bio(written(parts, "IO")) == tuple(written(joined, "BIO"))


@given(st.lists(st.sampled_from(["O", *(f"{prefix}-{kind}" for prefix in "BISEUL" for kind in KINDS)])))
def test_bio_of_anything_is_bio_and_stays_as_it_is(tags):
    found = to_bio(tags)
    assert to_bio(found) == found
    assert [tag[2:] for tag in found] == [tag[2:] for tag in tags]
    for before, tag in zip(("O", *found), found, strict=False):
        assert tag == "O" or tag[:2] == "B-" or before[2:] == tag[2:]


@given(st.lists(st.lists(st.tuples(WORDS, st.sampled_from(["O", "B-PER", "I-PER"])), min_size=1), min_size=1, max_size=4),
       st.sampled_from([" ", "\t", "   "]), st.booleans())
def test_what_was_written_is_read(tmp_path_factory, sentences, separator, documents):
    path = tmp_path_factory.getbasetemp() / "any.conll"
    between = "\n-DOCSTART- -X- O\n\n" if documents else "\n\n"
    path.write_text(
        between + between.join("".join(f"{word}{separator}NN{separator}{tag}\n" for word, tag in rows) for rows in sentences),
        encoding="utf-8", newline="",
    )
    found = read_conll(path)
    assert found == tuple(TaggedSentence(*map(tuple, zip(*rows, strict=True))) for rows in sentences)
    assert [one.tags for one in read_conll(path, scheme="BIO")] == [to_bio(one.tags) for one in found]
    assert [one.tags for one in read_conll(path, tag=1)] == [("NN",) * len(rows) for rows in sentences]


def test_tag_names_begin_with_outside_and_hold_both_prefixes():
    sentences = [TaggedSentence(("a", "b", "c"), ("I-PER", "O", "B-LOC"))]
    assert tag_names(sentences) == ("O", "B-LOC", "B-PER", "I-LOC", "I-PER")
    assert tag_names([TaggedSentence(("a", "b"), ("VERB", "NOUN"))]) == ("NOUN", "VERB")
    assert tag_names([TaggedSentence(("a",), ("O",))]) == ("O",)
    assert tag_names([TaggedSentence(("a",), ("I-PER",))]) == ("O", "B-PER", "I-PER")


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("a O\nb\n", {}, "line 2: 1 columns, the first line has 2: give each line a word and its tag"),
        ("a O\n", {"tag": 2}, "line 1: no column 2 for the tag: there are 2, counted from 0"),
        ("a O\n", {"token": -3}, "line 1: no column -3 for the token"),
        ("a\tO\n\nb\t\n", {}, "line 3: word 'b' with tag '': fill in what is missing"),
        ("a\tO\n\nb O\n", {}, "line 3: 1 columns"),
        ("a O\nb NOUN\n", {"scheme": "BIO"}, "line 2: tag 'NOUN' is neither O nor like B-PER: correct it, or name another col"),
        ("a B-\n", {"scheme": "BIO"}, "line 1: tag 'B-'"),
        ("a O\n", {"scheme": "IO"}, "scheme 'IO': take 'BIO', or None"),
        ("-DOCSTART- O\n\n", {}, "has no sentence"),
    ],
)
def test_bad_files(tmp_path, content, options, message):
    path = tmp_path / "bad.conll"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        read_conll(path, **options)


def test_a_bad_tag_is_named():
    with pytest.raises(ValueError, match="tag 'X-PER' is neither O nor like"):
        to_bio(["O", "X-PER"])
