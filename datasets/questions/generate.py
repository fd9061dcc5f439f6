"""Short stories with questions: a question's answer is a piece of its story, or is not in it.

A story says what people are, where they live, what they own and where that is. It is drawn first as facts; sentences and
questions are made from them, so that every answer is known, and so is every fact that is not told.
"""

import random

FORMAT = "json"
SEED = 20244
STORIES = {"train": 310, "valid": 60, "test": 100}
PEOPLE = 3          # in a story

NAMES = (
    "Adam", "Bella", "Carl", "Dora", "Erik", "Fanny", "Gustav", "Hanna", "Ivan", "Jana", "Karin", "Lukas", "Maria", "Nils",
    "Olga", "Peter", "Rosa", "Simon", "Tina", "Ulla",
)
JOBS = ("baker", "doctor", "farmer", "judge", "pilot", "painter", "teacher", "tailor", "sailor", "singer")
TOWNS = ("Ashford", "Brookham", "Coldwell", "Dunmore", "Eastbury", "Fairview", "Greenhill", "Highgate", "Millbrook", "Norwood")
THINGS = ("book", "clock", "key", "lamp", "letter", "map", "ring", "rope", "sword", "violin")
ROOMS = ("attic", "cellar", "garden", "hall", "kitchen", "library", "office", "stable", "tower", "workshop")
COLOURS = ("black", "blue", "brown", "green", "grey", "red", "white", "yellow")

# The same fact in different words. Where a thing is, is told without its owner: that takes another fact.
TOLD = {
    "town": ("{name} lives in {town}.", "The home of {name} is in {town}.", "{town} is where {name} lives."),
    "job": ("{name} is a {job}.", "{name} works as a {job}.", "By trade {name} is a {job}."),
    "thing": ("{name} has a {colour} {thing}.", "A {colour} {thing} belongs to {name}.", "{name} owns a {colour} {thing}."),
    "room": ("The {thing} is in the {room}.", "In the {room} lies the {thing}.", "Look for the {thing} in the {room}."),
}


def splits():
    """{"train": paragraphs, ...}; a paragraph is SQuAD's: {"context": ..., "qas": [...]}, a question with its "level" too."""
    rng = random.Random(SEED)
    seen = set()
    return {split: [paragraph(rng, f"{split}-{i}", seen) for i in range(n)] for split, n in STORIES.items()}


def paragraph(rng, name, seen):
    """A story that no earlier one equals, and on it two questions of each level: fewer of the third where all is told."""
    while True:
        people = draw_people(rng)
        sentences = tell(rng, people)
        text = " ".join(sentences.values())
        if text not in seen:
            break
    seen.add(text)
    everything = [question for person in people for question in questions(person)]
    qas = []
    for level in (1, 2, 3):
        for question, answer, fact, person in some(rng, [entry for kind, *entry in everything if kind == level], 2):
            entry = {"id": f"{name}-{len(qas)}", "question": question, "answers": [], "level": level}
            if answer is None:
                entry["is_impossible"] = True
            else:
                # Of all places where the answer's words stand, the one in the sentence that tells the fact.
                sentence = sentences[fact, person]
                entry["answers"] = [{"text": answer, "answer_start": text.index(sentence) + sentence.index(answer)}]
            qas.append(entry)
    return {"context": text, "qas": qas}


def draw_people(rng):
    """A dict of facts for each person; None is a fact that the story does not tell, one person's of three."""
    drawn = (some(rng, items, PEOPLE) for items in (NAMES, JOBS, TOWNS, THINGS, ROOMS, COLOURS))
    keys = ("name", "job", "town", "thing", "room", "colour")
    people = [dict(zip(keys, facts, strict=True)) for facts in zip(*drawn, strict=True)]
    for fact in TOLD:
        if rng.random() < 0.6:
            pick(rng, people)[fact] = None
    for person in people:
        if not person["thing"]:
            person["room"] = None
    return people


def tell(rng, people):
    """(fact, name) → sentence, in the order of the story: at random."""
    facts = [(fact, person) for fact in TOLD for person in people if person[fact]]
    return {(fact, person["name"]): pick(rng, TOLD[fact]).format(**person) for fact, person in some(rng, facts, len(facts))}


def questions(person):
    """(level, question, answer or None, the fact whose sentence holds the answer, name) about one person.

    Level 1: one fact. 2: two, the first of them says who is meant. 3: the fact is not told.
    """
    name, job, town, thing, room, colour = (person[key] for key in ("name", "job", "town", "thing", "room", "colour"))
    found = [
        (1, f"Where does {name} live?", town, "town"),
        (1, f"What is {name} by trade?", job, "job"),
        (1, f"What does {name} own?", thing, "thing"),
    ]
    if town:
        found += [(1, f"Who lives in {town}?", name, "town"), (2, f"What is the person from {town} by trade?", job, "job")]
        found += [(2, f"What does the person from {town} own?", thing, "thing")]
    if job:
        found += [(1, f"Who is the {job}?", name, "job"), (2, f"Where does the {job} live?", town, "town")]
        found += [(2, f"What does the {job} own?", thing, "thing")]
    if thing:
        found += [(1, f"Where is the {thing}?", room, "room"), (1, f"What colour is the {thing}?", colour, "thing")]
        found += [(2, f"Where does the owner of the {thing} live?", town, "town")]
        found += [(2, f"What is the owner of the {thing} by trade?", job, "job")]
    if room:
        found += [(2, f"Who owns the thing in the {room}?", name, "thing")]
        found += [(2, f"What colour is the thing in the {room}?", colour, "thing")]
    return [(level if answer else 3, question, answer, fact, name) for level, question, answer, fact in found]


def some(rng, items, n):
    """n different ones, in random order; all of them where there are fewer."""
    left = list(items)
    return [left.pop(int(rng.random() * len(left))) for _ in range(min(n, len(left)))]


def pick(rng, items):
    # Only random() promises the same numbers in every version of Python; choice() does not.
    return items[int(rng.random() * len(items))]
