"""Named entities, found whole or not at all: precision, recall and F1 as conlleval and seqeval count them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tinyllm.metrics.score import Score, check_same_length

Entity = tuple[str, int, int]       # type, first word, one past the last word


@dataclass(frozen=True)
class EntityScores:
    """What entity_scores answers; printed, it is a table like conlleval's.

    types: a Score for each type, sorted by name; micro: every entity counts the same; macro: every type counts the same;
    support: how many gold entities there are of each type; accuracy: of single tags, O included.
    """

    types: dict[str, Score]
    micro: Score
    macro: Score
    support: dict[str, int]
    accuracy: float

    @property
    def precision(self) -> float:
        """micro.precision; so are recall and f1: the numbers that papers report."""
        return self.micro.precision

    @property
    def recall(self) -> float:
        return self.micro.recall

    @property
    def f1(self) -> float:
        return self.micro.f1

    def __str__(self) -> str:
        rows = [*self.types.items(), ("micro", self.micro), ("macro", self.macro)]
        width = max(len(name) for name, _ in rows)
        found = {**self.support, **dict.fromkeys(("micro", "macro"), sum(self.support.values()))}
        lines = [f"{'':{width}}  precision   recall       f1  entities"]
        lines += [f"{name:{width}} {s.precision:10.2%} {s.recall:8.2%} {s.f1:8.2%} {found[name]:9,}" for name, s in rows]
        return "\n".join(lines)


def entity_scores(gold: Sequence[Sequence[str]], guessed: Sequence[Sequence[str]], strict: bool = False) -> EntityScores:
    """Precision, recall and F1 of whole entities; an entity is right when its type, its start and its end are.

    gold, guessed: for each sentence its tags, "O", "B-type" or "I-type", in IOB1, IOB2 (BIO) or IO: the reading of
    `entities` covers the three, and `strict` is passed to it.

    Worked: gold B-PER I-PER O B-LOC, guessed B-PER O O B-LOC. Guessed are 2, gold are 2, the place alone is right, since
    half a name is no name: precision = recall = f1 = 1/2, though 3 of 4 tags are right. This is why tags are not counted:
    most are O, and a model that says O everywhere has nearly all of them and finds nothing.

    Raises ValueError for another number of sentences or of tags, and for a tag of another form.

    Tjong Kim Sang & De Meulder 2003, §2.4 (conlleval); the strict reading is seqeval's mode "strict" with IOB2.
    """
    check_same_length(gold, guessed, "tag sequences")
    right: dict[str, list[int]] = {}    # type -> right, guessed, gold
    same = words = 0
    for i, (tags, guess) in enumerate(zip(gold, guessed, strict=True)):
        if len(tags) != len(guess):
            raise ValueError(f"sentence {i}: {len(tags)} gold tags and {len(guess)} guessed: one tag for each word")
        true, found = set(entities(tags, strict)), set(entities(guess, strict))
        for group, place in ((true & found, 0), (found, 1), (true, 2)):
            for entity in group:
                right.setdefault(entity[0], [0, 0, 0])[place] += 1
        same += sum(one == other for one, other in zip(tags, guess, strict=True))
        words += len(tags)
    types = {name: Score.of(*right[name]) for name in sorted(right)}
    totals = [sum(counts[place] for counts in right.values()) for place in range(3)]
    support = {name: right[name][2] for name in types}
    return EntityScores(types, Score.of(*totals), Score.mean(list(types.values())), support, same / max(words, 1))


def entities(tags: Sequence[str], strict: bool = False) -> list[Entity]:
    """The entities of a sentence: (type, first word, one past the last), in order.

    An entity starts at a B, and at an I whose predecessor is O or of another type; it goes on over every I of its type.
    Read so, IOB2 (every entity starts with B), IOB1 (B only where two of a type touch) and IO (no B at all) need not be
    told apart, and a model's tags in no scheme at all still mean something. strict: only a B starts an entity, so an I
    without one is no entity: IOB2 to the letter.

    Worked: I-PER I-PER O B-LOC I-ORG → (PER, 0, 2), (LOC, 3, 4), (ORG, 4, 5); strict: (LOC, 3, 4) alone.

    Raises ValueError for a tag that is neither "O" nor "B-type" nor "I-type".

    Ramshaw & Marcus 1995, §4 (IOB1); Tjong Kim Sang & Veenstra 1999, §2 (IOB1 and IOB2 named).
    """
    found: list[Entity] = []
    open_type, start = "", 0            # the entity that the word before belongs to, if any
    for i, tag in enumerate([*tags, "O"]):
        prefix, _, kind = tag.partition("-")
        if tag != "O" and (prefix not in ("B", "I") or not kind):
            raise ValueError(f"tag {tag!r} at word {i}: write 'O', 'B-type' or 'I-type'")
        if prefix == "I" and kind == open_type:
            continue
        if open_type:
            found.append((open_type, start, i))
        starts = prefix == "B" or (prefix == "I" and not strict)
        open_type, start = kind if starts else "", i
    return found
