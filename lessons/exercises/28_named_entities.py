"""Lesson 28: named entities."""

import itertools

import numpy as np
from hypothesis import strategies as st

from tinyllm.book import Exercise, Mistake
from tinyllm.book.draws import arrays
from tinyllm.metrics import entities

TAGS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")


@st.composite
def spans(draw):
    """(n, entities): some of them touch, some have one word."""
    n, at, found = draw(st.integers(1, 7)), 0, []
    while at < n:
        length = draw(st.integers(1, 3))
        if at + length <= n and draw(st.booleans()):
            found.append((draw(st.sampled_from(("PER", "LOC"))), at, at + length))
            at += length
        else:
            at += 1
    return n, found


@st.composite
def two_sets(draw):
    all_of_them = [("PER", 0, 1), ("PER", 0, 2), ("LOC", 0, 1), ("LOC", 3, 4), ("ORG", 5, 7)]
    some = st.lists(st.sampled_from(all_of_them), unique=True, max_size=4)
    return draw(some), draw(some)


@st.composite
def pieces(draw):
    counts = draw(st.lists(st.integers(1, 3), min_size=1, max_size=4))
    tags = np.array(draw(st.lists(st.integers(0, 4), min_size=len(counts), max_size=len(counts))))
    inside = np.repeat(np.arange(len(counts)), counts)
    return tags, np.array([-1, *inside, -1])


def write(n, spans):
    tags = ["O"] * n
    for kind, start, end in spans:
        tags[start:end] = ["B-" + kind] + ["I-" + kind] * (end - start - 1)
    return tags


def write_io(n, spans):
    return [tag.replace("B-", "I-") for tag in write(n, spans)]


def write_one_more(n, spans):
    return write(n, [(kind, start, min(end + 1, n)) for kind, start, end in spans])


def types_only(tags):
    """Splits at every B and O, but not where the type changes."""
    found = []
    for i, tag in enumerate(tags):
        if tag[0] == "B" or (tag[0] == "I" and (i == 0 or tags[i - 1] == "O")):
            found.append([tag[2:], i, i + 1])
        elif tag[0] == "I":
            found[-1][2] = i + 1
    return [tuple(entity) for entity in found]


def read_io(tags):
    return entities([tag.replace("B-", "I-") for tag in tags])


def f1_of(gold, guessed):
    right = len(set(gold) & set(guessed))
    return 2 * right / (len(gold) + len(guessed)) if right else 0.0


def mean_of_both(gold, guessed):
    right = len(set(gold) & set(guessed))
    return (right / len(guessed) + right / len(gold)) / 2 if right else 0.0


def shared_of_all(gold, guessed):
    both = set(gold) | set(guessed)
    return len(set(gold) & set(guessed)) / len(both) if both else 0.0


def targets(tags, word_of_piece):
    first = (word_of_piece >= 0) & (word_of_piece != np.concatenate([[-1], word_of_piece[:-1]]))
    return np.where(first, tags[word_of_piece], -100)


def every_piece(tags, word_of_piece):
    return np.where(word_of_piece >= 0, tags[word_of_piece], -100)


def last_piece(tags, word_of_piece):
    last = (word_of_piece >= 0) & (word_of_piece != np.concatenate([word_of_piece[1:], [-1]]))
    return np.where(last, tags[word_of_piece], -100)


def signs_too(tags, word_of_piece):
    first = word_of_piece != np.concatenate([[-2], word_of_piece[:-1]])
    return np.where(first, np.where(word_of_piece >= 0, tags[word_of_piece], 0), -100)


def allowed(tags):
    return tags[0] != 2 and (0, 2) not in itertools.pairwise(tags)


def best_bio(logits):
    return max((tags for tags in itertools.product(range(3), repeat=len(logits)) if allowed(tags)),
               key=lambda tags: sum(row[tag] for row, tag in zip(logits, tags, strict=True)))


def repaired(logits):
    """Each by itself, and an I that has nothing before it becomes B."""
    tags = [int(tag) for tag in np.argmax(logits, axis=1)]
    for i, tag in enumerate(tags):
        if tag == 2 and (i == 0 or tags[i - 1] == 0):
            tags[i] = 1
    return tuple(tags)


def greedy(logits):
    """From left to right, the best that is allowed."""
    tags = []
    for row in logits:
        free = [0, 1, 2] if tags and tags[-1] != 0 else [0, 1]
        tags.append(max(free, key=lambda tag: row[tag]))
    return tuple(tags)


def judged(answer, logits):
    """The sum of the sequence that was chosen, and whether it may be chosen: of equal sums any is right."""
    found = answer(logits)
    if found is None:
        return None
    tags = [int(tag) for tag in found]
    known = len(tags) == len(logits) and all(tag in (0, 1, 2) for tag in tags)
    return {"is BIO": known and allowed(tags), "sum": float(sum(row[tag] for row, tag in zip(logits, tags))) if known else 0.0}


EXERCISES = [
    Exercise(
        "precision, recall, accuracy by hand",
        expected=(2 / 3, 2 / 3, 5 / 6),
        rtol=0.01,
        mistakes=(
            Mistake((5 / 6, 5 / 6, 5 / 6), "You counted tags for all three. Precision and recall count whole entities."),
            Mistake((1.0, 2 / 3, 5 / 6), "A found entity of the wrong type is still one that was guessed: 3 were guessed."),
            Mistake((2 / 3, 1.0, 5 / 6), "The gold LOC was found as ORG. It is not right: 2 of 3 gold ones are."),
            Mistake((3 / 4, 3 / 4, 5 / 6), "B-PER I-PER is one entity of two words, not two."),
        ),
        hint="Gold has 3 entities, the guess has 3. How many agree in type, start and end? And how many of the 6 tags agree?",
    ),
    Exercise(
        "entities of tags",
        expected=entities,
        inputs=st.tuples(st.lists(st.sampled_from(TAGS), min_size=1, max_size=6)),
        mistakes=(
            Mistake(lambda tags: entities(tags, strict=True), "An I after O, or first, begins an entity when read leniently."),
            Mistake(types_only, "An I of another type than the word before does not go on with it: it begins one of its own."),
            Mistake(read_io, "A B begins a new entity even right behind one of its own type."),
            Mistake(lambda tags: [(kind, start, end - 1) for kind, start, end in entities(tags)],
                    "The end is one *past* the last word, so that words[start:end] are the entity's."),
        ),
        hint="Walk along. Which tags begin an entity? Which go on with the one before? Everything else closes it.",
    ),
    Exercise(
        "tags of entities",
        expected=write,
        inputs=spans(),
        mistakes=(
            Mistake(write_io, "The first word of an entity has a B."),
            Mistake(write_one_more, "The end is one past the last word: words start to end − 1 get tags."),
            Mistake(lambda n, spans: [tag.replace("I-", "B-") for tag in write(n, spans)], "Only the first word has a B."),
        ),
        hint="Begin with n O's, then write over the words of each entity: B first, I on the others.",
    ),
    Exercise(
        "F1",
        expected=f1_of,
        inputs=two_sets(),
        mistakes=(
            Mistake(mean_of_both, "That is the arithmetic mean of precision and recall. F1 is the harmonic one."),
            Mistake(shared_of_all, "That divides by the union. F1 divides twice the common ones by the sum of both numbers."),
            Mistake(lambda gold, guessed: f1_of([entity[1:] for entity in gold], [entity[1:] for entity in guessed]),
                    "The type counts as well, not only the place."),
            Mistake(lambda gold, guessed: len(set(gold) & set(guessed)) / max(len(guessed), 1), "That is the precision."),
            Mistake(lambda gold, guessed: len(set(gold) & set(guessed)) / max(len(gold), 1), "That is the recall."),
        ),
        hint="2 · right / (number guessed + number of gold), and 0.0 where nothing is right.",
    ),
    Exercise(
        "targets for pieces",
        expected=targets,
        inputs=pieces(),
        mistakes=(
            Mistake(every_piece, "Only the *first* piece of a word is counted: the others get −100."),
            Mistake(last_piece, "That is the last piece of each word. The first one speaks for it."),
            Mistake(signs_too, "[CLS] and [SEP] are no words: −100 there too, not O."),
        ),
        hint="A token is a first piece if it has a word, and the token before has another one.",
    ),
    Exercise(
        "the best sequence that is BIO",
        expected=best_bio,
        inputs=arrays("T 3", T=(1, 5)),
        run=judged,
        mistakes=(
            Mistake(lambda logits: tuple(np.argmax(logits, axis=1)), "Each tag by itself: that may say I after O."),
            Mistake(repaired, "Mended afterwards it is BIO, but an I may be worth giving up for O, or the O before it for B."),
            Mistake(greedy, "From left to right, a tag chosen now may forbid a better one later. Keep all three ends open."),
        ),
        hint="best[tag] at a place: its logit plus the best of those ends before it that may stand there. Then walk back.",
    ),
]
