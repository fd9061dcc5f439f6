"""Sentences with people, places and organisations, whose names do not tell which is which: the other words do.

Some names are always of one type, some are of all three, and some are made of syllables and stand in one sentence only.
"""

import random

FORMAT = "conll"
SEED = 20243
ROWS = {"train": 2400, "valid": 300, "test": 600}

# Always of one type.
KNOWN = {
    "PER": ("Anton", "Emil", "Hugo", "Ida", "Lena", "Mira", "Nora", "Oskar", "Paula", "Viktor"),
    "LOC": ("Bergen", "Cairo", "Ghent", "Graz", "Lima", "Oslo", "Porto", "Quito", "Riga", "Turin"),
    "ORG": ("Aldomar", "Brixal", "Corvex", "Helvita", "Kronar", "Nordlux", "Palomed", "Questra", "Tessaro", "Ventrix"),
}
# Of all three types, equally often.
SHARED = (
    "Austin", "Carolina", "Chelsea", "Dallas", "Florence", "Georgia", "Jordan", "Kent", "Lincoln", "Madison", "Paris",
    "Sydney", "Victoria", "Warwick",
)
SYLLABLES = ("ba", "del", "fo", "gri", "kam", "lu", "mon", "ne", "pal", "ro", "shi", "tar", "ul", "ves", "wi", "zo")
FIRST = KNOWN["PER"]

OPENINGS = ("", "", "on Monday ", "in the end ", "last year ", "as expected , ", "so they say , ", "once more ")

# The word that tells the type stands beside the name, or next but one.
NEAR = (
    "{PER} said that the talks went well .",
    "the doctor asked {PER} to wait .",
    "her uncle {PER} repairs clocks .",
    "they married {PER} off too early .",
    "Mayor {PER} opened the bridge .",
    "a letter from Mrs {PER} arrived .",
    "the train from {LOC} was late .",
    "it rained in {LOC} for a week .",
    "the streets of {LOC} were empty .",
    "the mayor of {LOC} opened the bridge .",
    "we drove through {LOC} at night .",
    "they moved to {LOC} .",
    "shares of {ORG} fell sharply .",
    "{ORG} hired two hundred workers .",
    "the lawyers of {ORG} wrote a letter .",
    "they bought the machines from {ORG} for a low price .",
    "{ORG} raised its prices .",
    "the profits of {ORG} went up .",
    "{PER} flew to {LOC} .",
    "{ORG} opened an office in {LOC} .",
    "{PER} sold all shares of {ORG} .",
    "the lawyers of {ORG} asked {PER} to wait .",
    "in the story of {PER} , a boy runs away from home .",
    "in the north of {LOC} , a boy runs a small hotel .",
    "in the offices of {ORG} , a boy runs the coffee bar .",
)
# It stands before or behind a list, or behind an insertion: up to eight words away.
FAR = (
    "{PER} , {PER} and {PER} were born in the same year .",
    "{LOC} , {LOC} and {LOC} lie on the same river .",
    "{ORG} , {ORG} and {ORG} make the same engines .",
    "the guests who came late were , if I remember it well , {PER} and {PER} .",
    "the towns that were flooded were , if I remember it well , {LOC} and {LOC} .",
    "the firms that were sold were , if I remember it well , {ORG} and {ORG} .",
    "{PER} , as my sister wrote in her last letter , caught a cold .",
    "{LOC} , as my sister wrote in her last letter , has three bridges .",
    "{ORG} , as my sister wrote in her last letter , lost its licence .",
    "it was {PER} , everybody in the room agreed , who sang best .",
    "it was {LOC} , everybody in the room agreed , where the wind blows most .",
    "it was {ORG} , everybody in the room agreed , whose shares fell most .",
)
# A name within a longer name, which is of another type, or ends elsewhere.
LONGER = {
    "PER": ("{first} {name}", "{first} {name}", "{first} van {name}"),
    "LOC": ("Lake {name}", "Port {name}", "{name} Hills"),
    "ORG": ("University of {name}", "{name} Bank", "{name} and Sons"),
}


def splits():
    """{"train": sentences, ...}; a sentence is a list of (word, level, tag)."""
    rng = random.Random(SEED)
    seen, names = set(), set(SHARED).union(*KNOWN.values())
    return {split: [new_sentence(rng, i % 3 + 1, seen, names) for i in range(n)] for split, n in ROWS.items()}


def new_sentence(rng, level, seen, names):
    """A sentence that no earlier one equals."""
    while True:
        rows = sentence(rng, level, names)
        text = " ".join(word for word, _, _ in rows)
        if text not in seen:
            seen.add(text)
            return rows


def sentence(rng, level, names):
    """Level 1: names of one type. 2: names of any, the cue beside them. 3: the cue is far, or names stand in longer ones."""
    far = level == 3 and rng.random() < 0.6
    rows, used = [], set()
    for piece in (pick(rng, OPENINGS) + pick(rng, FAR if far else NEAR)).split():
        kind = piece.strip("{}")
        if kind == piece:
            rows.append((piece, str(level), "O"))
            continue
        name = new_name(rng, kind, level, names, used)
        if level == 3 and not far:
            name = pick(rng, LONGER[kind]).format(first=pick(rng, FIRST), name=name)
        for i, word in enumerate(name.split()):
            rows.append((word, str(level), f"{'I' if i else 'B'}-{kind}"))
    return rows


def new_name(rng, kind, level, names, used):
    """One that this sentence does not have yet: of one type, of all types, or made up here and for no other sentence."""
    while True:
        if level == 1:
            name = pick(rng, KNOWN[kind])
        elif rng.random() < 0.5:
            name = pick(rng, SHARED)
        else:
            name = "".join(pick(rng, SYLLABLES) for _ in range(3)).capitalize()
            if name in names:
                continue
            names.add(name)
        if name not in used:
            used.add(name)
            return name


def pick(rng, items):
    # Only random() promises the same numbers in every version of Python; choice() does not.
    return items[int(rng.random() * len(items))]
