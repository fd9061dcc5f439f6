"""Lesson 10: tokens."""

from collections import Counter
from itertools import pairwise

from hypothesis import strategies as st

from tinyllm.book import Exercise, Mistake


def merge_everywhere(symbols, pair, new):
    result, i = [], 0
    while i < len(symbols):
        if tuple(symbols[i : i + 2]) == pair:
            result.append(new)
            i += 2
        else:
            result.append(symbols[i])
            i += 1
    return result


def overlapping(symbols, pair, new):
    """Looks at every place, also inside a pair just merged."""
    result = []
    for i, symbol in enumerate(symbols):
        if tuple(symbols[i : i + 2]) == pair:
            result.append(new)
        elif i == 0 or tuple(symbols[i - 1 : i + 1]) != pair:
            result.append(symbol)
    return result


def first_only(symbols, pair, new):
    for i in range(len(symbols) - 1):
        if (symbols[i], symbols[i + 1]) == pair:
            return [*symbols[:i], new, *symbols[i + 2 :]]
    return list(symbols)


def from_the_right(symbols, pair, new):
    return merge_everywhere(symbols[::-1], pair[::-1], new)[::-1]


def one_left(symbols, pair, new):
    """The new symbol is put in, the right half stays."""
    return [new if tuple(symbols[i : i + 2]) == pair else symbol for i, symbol in enumerate(symbols)]


def counted(word_counts):
    counts = Counter()
    for word, times in word_counts.items():
        for pair in pairwise(word):
            counts[pair] += times
    return counts


def best_pair(word_counts):
    counts = counted(word_counts)
    return min(counts, key=lambda pair: (-counts[pair], pair))


def each_word_once(word_counts):
    return best_pair(dict.fromkeys(word_counts, 1))


def last_of_equals(word_counts):
    counts = counted(word_counts)
    return max(counts, key=lambda pair: (counts[pair], pair))


def across_words(word_counts):
    return best_pair({"".join(word * times for word, times in word_counts.items()): 1})


def decode(pieces):
    return b"".join(pieces).decode("utf-8")


def replaced(pieces):
    return "".join(piece.decode("utf-8", "replace") for piece in pieces)


def in_order(word, merges):
    symbols = list(word)
    for left, right in merges:
        symbols = merge_everywhere(symbols, (left, right), left + right)
    return symbols


def longest_first(word, merges):
    tokens = {left + right for left, right in merges} | set(word)
    result, i = [], 0
    while i < len(word):
        length = max(n for n in range(1, len(word) - i + 1) if word[i : i + n] in tokens)
        result.append(word[i : i + length])
        i += length
    return result


def once_each(word, merges):
    symbols = list(word)
    for left, right in merges:
        symbols = first_only(symbols, (left, right), left + right)
    return symbols


def from_the_newest(word, merges):
    return in_order(word, merges[::-1])


@st.composite
def words_and_merges(draw):
    """A word of a, b, c, and merges each of which uses what was made before and makes a token that was not there."""
    tokens, merges = ["a", "b", "c"], []
    for _ in range(draw(st.integers(1, 4))):
        left, right = draw(st.sampled_from(tokens)), draw(st.sampled_from(tokens))
        if left + right not in tokens:
            merges.append((left, right))
            tokens.append(left + right)
    return draw(st.text("abc", min_size=1, max_size=8)), merges


def complete(data):
    for held_back in range(4):
        try:
            data[: len(data) - held_back].decode("utf-8")
        except UnicodeDecodeError:
            continue
        return len(data) - held_back
    raise ValueError("not the beginning of UTF-8")


def without_last_character(data):
    return len(data[: complete(data)].decode("utf-8")[:-1].encode("utf-8"))


def only_ascii_is_complete(data):
    return max((i + 1 for i, byte in enumerate(data) if byte < 128), default=0)


def stops_at_a_first_byte(data):
    """Holds back a first byte at the very end, and takes everything else for complete."""
    return len(data) - (1 if data and data[-1] >= 0b11000000 else 0)


@st.composite
def cut_text(draw):
    data = draw(st.text("aé語😀", max_size=4)).encode("utf-8")
    return (data[: draw(st.integers(0, len(data)))],)


EXERCISES = [
    Exercise(
        "bytes of a text",
        expected=(6, 6, 5),
        mistakes=(
            Mistake((5, 2, 2), "These are the characters. How many bytes does each take in UTF-8?"),
            Mistake((6, 4, 5), "Ideographs lie between U+0800 and U+FFFF: the third row of the table, not the second."),
            Mistake((6, 6, 4), "The emoji lies above U+FFFF and takes 4 bytes, and the exclamation mark one more."),
            Mistake((5, 6, 5), "ï is U+00EF, beyond U+007F: it takes the second row of the table."),
        ),
        hint="Take the row of the table for each character by its code point, and add.",
    ),
    Exercise(
        "merge",
        expected=merge_everywhere,
        inputs=st.tuples(
            st.lists(st.integers(0, 1), max_size=7), st.tuples(st.integers(0, 1), st.integers(0, 1)), st.just(9)
        ),
        mistakes=(
            Mistake(overlapping, "A symbol belongs to one pair only: after a merge, go on *behind* the pair."),
            Mistake(first_only, "Only the first place is merged. Every one must be."),
            Mistake(from_the_right, "Of overlapping pairs the leftmost is taken: (1, 1) in [1, 1, 1] gives [9, 1]."),
            Mistake(one_left, "The new symbol stands for *both* symbols of the pair. Yours leaves the right one behind."),
        ),
        hint="Walk from the left with an index: at a pair append the new symbol and go on by 2, else copy and go on by 1.",
    ),
    Exercise(
        "the best pair",
        expected=best_pair,
        inputs=st.tuples(
            st.dictionaries(st.text("abc", min_size=2, max_size=4), st.integers(1, 4), min_size=1, max_size=4)
        ),
        mistakes=(
            Mistake(each_word_once, "A word that occurs three times brings its pairs three times."),
            Mistake(last_of_equals, "Of equally frequent pairs you take the largest: the smallest is asked for."),
            Mistake(across_words, "Two words side by side make no pair where they meet: nothing merges across words."),
            Mistake(
                lambda word_counts: min(counted(word_counts)),
                "That is the smallest pair, however rare. First the count decides, then the order.",
            ),
        ),
        hint="A Counter over pairwise(word), each with the word's count; then min by (−count, pair).",
    ),
    Exercise(
        "decode",
        expected=decode,
        inputs=st.tuples(
            st.text("aé語", min_size=1, max_size=4).map(lambda text: [bytes([byte]) for byte in text.encode("utf-8")])
        ),
        mistakes=(
            Mistake(replaced, "You decode each piece alone. A piece may be a part of a character: join the bytes first."),
            Mistake(
                lambda pieces: "".join(piece.decode("utf-8", "ignore") for piece in pieces),
                "You decode each piece alone and throw away what is no whole character. Join the bytes first.",
            ),
            Mistake(lambda pieces: b"".join(pieces).decode("latin-1"),
                    "That takes every byte for a character of its own. Use UTF-8."),
            Mistake(lambda pieces: b"".join(pieces), "These are the bytes. The text is what they decode to."),
        ),
        hint="Join all the bytes, then decode once.",
    ),
    Exercise(
        "encode a word",
        expected=in_order,
        inputs=words_and_merges(),
        mistakes=(
            Mistake(longest_first, "You cut off the longest token each time. Byte-pair encoding replays its merges instead."),
            Mistake(once_each, "Each merge acts wherever its pair stands in the word, not at the first place only."),
            Mistake(from_the_newest, "The merges are replayed in the order they were learned, the oldest first."),
            Mistake(lambda word, merges: list(word), "These are the letters: no merge has been applied."),
        ),
        hint="Start from the letters; for each merge in order, replace its pair everywhere in the list.",
        examples=150,
    ),
    Exercise(
        "what may be shown",
        expected=complete,
        inputs=cut_text(),
        mistakes=(
            Mistake(len, "The last character may be cut in the middle: then its bytes must wait."),
            Mistake(without_last_character, "You hold back a character too many: one that is complete may be shown."),
            Mistake(only_ascii_is_complete,
                    "Characters of several bytes can be complete too: their first byte says how many they have."),
            Mistake(stops_at_a_first_byte,
                    "A character of 3 bytes may be cut after its *second*: look further back than one byte."),
        ),
        hint="Go back from the end to the last byte that begins a character, and see whether all it announces are there.",
        examples=150,
    ),
]
