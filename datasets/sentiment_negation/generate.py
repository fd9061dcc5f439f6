"""Short reviews whose label is in the order of the words.

Rows come in pairs of the same words in another order, with opposite labels: whatever a bag of words answers, it is
right on exactly one of the two.
"""

import random

FORMAT = "tsv"
COLUMNS = ("text", "label", "level")
SEED = 20240
PAIRS = {"train": 1500, "valid": 300, "test": 300}

ASPECTS = (
    "plot", "acting", "dialogue", "soundtrack", "ending", "pacing", "humour", "script", "lighting", "cast",
    "opening", "editing", "score", "wardrobe", "finale", "premise", "narration", "scenery",
)
GOOD = (
    "gripping", "tender", "clever", "vivid", "graceful", "warm", "inventive", "moving", "crisp", "delightful",
    "honest", "radiant", "playful", "rousing", "elegant", "lively",
)
BAD = (
    "dull", "clumsy", "shallow", "tedious", "hollow", "stale", "muddled", "lifeless", "crude", "dreary", "grating",
    "sloppy", "bland", "feeble", "lazy", "stiff",
)
DEGREES = (
    "really", "truly", "quite", "so", "particularly", "especially", "entirely", "altogether", "consistently",
    "exactly",
)
OPENINGS = (
    "", "", "", "for me ", "on the whole ", "frankly ", "to be fair ", "this time ", "as expected ", "in the end ",
)

# {x} is denied, {y} is claimed, so both say the same and the label is that of {y}. The twin has them the other way
# round.
NEAR = (
    "the {a} was not {x} , it was {y}",
    "the {a} was {y} , not {x}",
    "a {y} {a} and never {x}",
    "hardly {x} , the {a} was {y}",
    "the {a} felt {y} and by no means {x}",
    "never {x} but {y} , that was the {a}",
)
FAR = (
    "nobody near me found the {a} {d} {x} , we all thought it {e} {y}",
    "i would not for a moment call the {a} {d} {x} , i call it {e} {y}",
    "we thought the {a} {e} {y} , and at no point of the evening {d} {x}",
    "{e} {y} was the {a} , and never after the first minutes {d} {x}",
    "i cannot agree that the {a} was {d} {x} , it was {e} {y} from start to end",
    "the {a} struck us as {e} {y} , i doubt that anyone thought it {d} {x}",
)
# {x} belongs to the clause that is conceded, {y} to the one that counts; exactly one of {n} and {m} is a negation.
# The twin has the negation in the other clause.
CONCEDED = (
    "although the {a} was{n} {d} {x} , the {b} was{m} {e} {y}",
    "the {b} was{m} {e} {y} , even if the {a} was{n} {d} {x}",
    "the {a} was{n} {d} {x} , but what counts is that the {b} was{m} {e} {y}",
    "it matters more that the {b} was{m} {e} {y} than that the {a} was{n} {d} {x}",
    "forget that the {a} was{n} {d} {x} , remember that the {b} was{m} {e} {y}",
)


def splits():
    """{"train": rows, "valid": rows, "test": rows}; a row is (text, label, level), pairs stand together."""
    rng = random.Random(SEED)
    seen = set()
    return {
        split: [row for number in range(pairs) for row in new_pair(rng, level=number % 3 + 1, seen=seen)]
        for split, pairs in PAIRS.items()
    }


def new_pair(rng, level, seen):
    """A pair whose words no earlier pair has, so that no bag of words stands in two splits."""
    while True:
        rows = pair(rng, level)
        bag = " ".join(sorted(rows[0][0].split()))
        if bag not in seen:
            seen.add(bag)
            return rows if rng.random() < 0.5 else rows[::-1]


def pair(rng, level):
    """Two rows of the same words: (text, label, level) and its twin with the opposite label."""
    opening, good, bad = pick(rng, OPENINGS), pick(rng, GOOD), pick(rng, BAD)
    a, b = two(rng, ASPECTS)
    d, e = two(rng, DEGREES)
    if level < 3:
        pattern = pick(rng, NEAR if level == 1 else FAR)
        texts = {label: opening + pattern.format(a=a, x=x, y=y, d=d, e=e)
                 for label, x, y in (("positive", bad, good), ("negative", good, bad))}
    else:
        pattern = pick(rng, CONCEDED)
        words, of_words = (GOOD, "positive") if rng.random() < 0.5 else (BAD, "negative")
        x, y = two(rng, words)
        fill = {"a": a, "b": b, "d": d, "e": e, "x": x, "y": y}
        claimed = opening + pattern.format(n=" not", m="", **fill)
        denied = opening + pattern.format(n="", m=" not", **fill)
        texts = {of_words: claimed, "negative" if of_words == "positive" else "positive": denied}
    return [(text, label, str(level)) for label, text in texts.items()]


def pick(rng, items):
    # Only random() promises the same numbers in every version of Python; choice() does not.
    return items[int(rng.random() * len(items))]


def two(rng, items):
    first = pick(rng, items)
    return first, pick(rng, [item for item in items if item != first])
