"""English sentences and what they are in Solvi, a language made for this: the verb last, the adjective after its noun.

A meaning is drawn, a small tree, and said twice. Solvi has two classes of nouns, o and e, which English does not show.
Articles, adjectives and the word for "that" take the ending of their noun's class, plurals add -i, and the article alone
says who does it and to whom: -m is the object's. A verb in the past takes the class of its subject, however far away it is.
"""

import random
from typing import NamedTuple

FORMAT = "tsv"
COLUMNS = ("source", "target", "level")
SEED = 20242
ROWS = {"train": 4200, "valid": 300, "test": 600}
LEVELS = {"train": (1, 2, 3, 3), "valid": (1, 2, 3), "test": (1, 2, 3)}     # in turn: the hardest is practised most
LONGEST = 14        # words, in either language

# English → Solvi, with the class of a noun.
NOUNS = {
    "dog": ("kan", "o"), "cat": ("mir", "e"), "bird": ("tul", "e"), "owl": ("sov", "o"), "horse": ("rek", "e"),
    "king": ("dal", "o"), "girl": ("lin", "o"), "cook": ("pog", "e"), "boy": ("ben", "e"),
}
ADJECTIVES = {"small": "pik", "old": "sen", "red": "rov", "wise": "sag", "quick": "vel", "white": "bla"}
TRANSITIVE = {"follow": "sek", "help": "jud", "call": "vok", "watch": "gar"}
INTRANSITIVE = {"wait": "men", "dance": "bal"}
VERBS = TRANSITIVE | INTRANSITIVE
ADVERBS = {"": "", "here": "hin", "again": "ru"}


class Noun(NamedTuple):
    """One or more of something, with what is told of it: adjectives and, in `clause`, what it does or what is done to it."""

    noun: str
    plural: bool
    definite: bool
    adjectives: tuple = ()
    clause: tuple = None


class Clause(NamedTuple):
    """Who does what to whom. A relative clause has no subject or no object: the noun before it is meant."""

    subjects: tuple         # of nouns: several are joined by "and"
    verb: str
    past: bool
    object: Noun = None
    negative: bool = False
    adverb: str = ""


def splits():
    """{"train": rows, "valid": rows, "test": rows}; a row is (source, target, level), no source stands twice."""
    rng = random.Random(SEED)
    seen = set()
    return {split: [new_row(rng, LEVELS[split][i % len(LEVELS[split])], seen) for i in range(n)] for split, n in ROWS.items()}


def new_row(rng, level, seen):
    while True:
        clause = meaning(rng, level)
        source, target = english(clause), solvi(clause)
        if source not in seen and max(len(source.split()), len(target.split())) <= LONGEST:
            seen.add(source)
            return source, target, str(level)


def meaning(rng, level):
    """Level 1: nouns and a verb. 2: adjectives, adverbs, negations. 3: a relative clause, or two who do it together."""
    detail = (0.0, 0.5, 0.1)[level - 1]
    subjects = [noun(rng, detail)]
    verb = pick(rng, list(TRANSITIVE if rng.random() < 0.8 else INTRANSITIVE))
    thing = noun(rng, detail) if verb in TRANSITIVE else None
    if level == 3:
        place = rng.random()
        if place < 0.3:
            subjects.append(noun(rng, detail))
        elif place < 0.65 or not thing:
            subjects[0] = subjects[0]._replace(clause=relative(rng))
        else:
            thing = thing._replace(clause=relative(rng))
    negative, adverb = rng.random() < detail, pick(rng, list(ADVERBS)) if rng.random() < detail else ""
    return Clause(tuple(subjects), verb, rng.random() < 0.5, thing, negative, adverb)


def noun(rng, detail):
    adjectives = []
    while len(adjectives) < 2 and rng.random() < detail:
        adjectives.append(pick(rng, [word for word in ADJECTIVES if word not in adjectives]))
    return Noun(pick(rng, list(NOUNS)), rng.random() < 0.5, rng.random() < 0.5, tuple(adjectives))


def relative(rng):
    """"that follows the dog", "that the dog follows" or "that waits"."""
    past, kind = rng.random() < 0.5, rng.random()
    if kind < 0.2:
        return Clause((), pick(rng, list(INTRANSITIVE)), past)
    verb, other = pick(rng, list(TRANSITIVE)), noun(rng, 0)
    return Clause((), verb, past, other) if kind < 0.6 else Clause((other,), verb, past)


def is_plural(subjects):
    return len(subjects) > 1 or subjects[0].plural


def english(clause):
    return " ".join(english_clause(clause, clause.subjects))


def english_clause(clause, doers):
    """Subject, verb, object, adverb; `doers` are those that the verb agrees with, said here or before."""
    plural = is_plural(doers)
    if clause.negative:
        verb = ["did" if clause.past else "do" if plural else "does", "not", clause.verb]
    else:
        verb = [past_tense(clause.verb) if clause.past else clause.verb if plural else third_person(clause.verb)]
    said = [english_noun(subject) for subject in clause.subjects]
    words = [*said[0], *[word for more in said[1:] for word in ["and", *more]]] if said else []
    return words + verb + (english_noun(clause.object) if clause.object else []) + clause.adverb.split()


def english_noun(noun):
    article = "the" if noun.definite else "some" if noun.plural else "a"
    if article == "a" and (*noun.adjectives, noun.noun)[0][0] in "aeiou":
        article = "an"
    words = [article, *noun.adjectives, noun.noun + "s" * noun.plural]
    return words + ["that", *english_clause(noun.clause, noun.clause.subjects or (noun,))] if noun.clause else words


def past_tense(verb):
    return verb + ("d" if verb.endswith("e") else "ed")


def third_person(verb):
    return verb + ("es" if verb.endswith("ch") else "s")


def solvi(clause):
    return " ".join(solvi_clause(clause, clause.subjects))


def solvi_clause(clause, doers):
    """Adverb, subject, object, verb, "ne"."""
    words = ADVERBS[clause.adverb].split()
    for i, subject in enumerate(clause.subjects):
        words += ["ta"] * (i > 0) + solvi_noun(subject, "")
    if clause.object:
        words += solvi_noun(clause.object, "m")
    if clause.past:
        ending = "ti" if is_plural(doers) else "t" + NOUNS[doers[0].noun][1]
    else:
        ending = "an" if is_plural(doers) else "a"
    return [*words, VERBS[clause.verb] + ending] + ["ne"] * clause.negative


def solvi_noun(noun, case):
    """Article, noun, adjectives (the nearest in English is the nearest here), relative clause."""
    stem, kind = NOUNS[noun.noun]
    ending = kind + "i" * noun.plural
    words = [("" if noun.definite else "un") + ending + case, stem + "i" * noun.plural]
    words += [ADJECTIVES[word] + ending for word in reversed(noun.adjectives)]
    return words + ["k" + ending, *solvi_clause(noun.clause, noun.clause.subjects or (noun,))] if noun.clause else words


def pick(rng, items):
    # Only random() promises the same numbers in every version of Python; choice() does not.
    return items[int(rng.random() * len(items))]
