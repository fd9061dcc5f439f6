"""Every target, tag, answer and reply is right, by readers written without the generators' code."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.datasets.support import DATASETS, generator
from tinyllm.data import read_conll, read_dialogues, read_pairs, read_squad

HELD_OUT = ("valid", "test")

ENGLISH = {
    "kan": "dog", "mir": "cat", "tul": "bird", "sov": "owl", "rek": "horse", "dal": "king", "lin": "girl", "pog": "cook",
    "ben": "boy", "pik": "small", "sen": "old", "rov": "red", "sag": "wise", "vel": "quick", "bla": "white", "sek": "follow",
    "jud": "help", "vok": "call", "gar": "watch", "men": "wait", "bal": "dance", "hin": "here", "ru": "again",
}
E_CLASS = ("mir", "tul", "rek", "pog", "ben")
ARTICLE = re.compile("(un)?([oe]i?)(m?)")
VERB = re.compile("(sek|jud|vok|gar|men|bal)(an|a|to|te|ti)")


class Solvi:
    """Reads Solvi from left to right and says it in English; every ending is checked on the way."""

    def __init__(self, text):
        self.words = text.split()

    def peek(self, pattern):
        return re.fullmatch(pattern, self.words[0]) if self.words else None

    def take(self, pattern):
        assert self.peek(pattern), (pattern, self.words)
        return re.fullmatch(pattern, self.words.pop(0))

    def sentence(self):
        adverb = [ENGLISH[self.words.pop(0)]] if self.words[0] in ("hin", "ru") else []
        subject, ending, case = self.noun()
        assert not case
        if self.peek("ta"):
            self.take("ta")
            other, _, case = self.noun()
            assert not case
            subject, ending = [*subject, "and", *other], "i"
        rest = self.predicate(ending)
        assert not self.words
        return " ".join([*subject, *rest, *adverb])

    def predicate(self, ending):
        """[object] verb [ne] → verb, object in English; the verb's ending must be that of the subject's."""
        thing = []
        if self.peek(ARTICLE):
            thing, _, case = self.noun()
            assert case == "m"
        stem, verb_ending = self.take(VERB).groups()
        negative = bool(self.peek("ne")) and bool(self.take("ne"))
        return [*self.verb(ENGLISH[stem], verb_ending, ending, negative), *thing]

    def verb(self, word, verb_ending, ending, negative):
        plural, past = ending.endswith("i"), verb_ending[0] == "t"
        assert verb_ending == (("ti" if plural else f"t{ending}") if past else ("an" if plural else "a"))
        if negative:
            return ["did" if past else "do" if plural else "does", "not", word]
        if past:
            return [word + ("d" if word == "dance" else "ed")]
        return [word if plural else "watches" if word == "watch" else word + "s"]

    def noun(self):
        """Article, noun, adjectives, relative clause → English, ending (o, e, oi, ei), case."""
        indefinite, ending, case = self.take(ARTICLE).groups()
        stem, plural = self.take("(...)(i?)").groups()
        assert ending == ("e" if stem in E_CLASS else "o") + plural
        adjectives = []
        while self.peek(f"(pik|sen|rov|sag|vel|bla){ending}"):
            adjectives.insert(0, ENGLISH[self.words.pop(0)[:3]])
        words = [*adjectives, ENGLISH[stem] + "s" * bool(plural)]
        article = "the" if not indefinite else "some" if plural else "an" if words[0][0] in "aeiou" else "a"
        return [article, *words, *self.relative(ending)], ending, case

    def relative(self, ending):
        if not self.peek("k[oe]i?"):
            return []
        self.take(f"k{ending}")
        article = self.peek(ARTICLE)
        if article and not article[3]:          # another does it: what stands before "that" is the object
            subject, other_ending, _ = self.noun()
            return ["that", *subject, *self.predicate(other_ending)]
        return ["that", *self.predicate(ending)]


@pytest.mark.parametrize("split", ["train", *HELD_OUT])
def test_solvi_read_back_is_the_english(split):
    pairs = read_pairs(DATASETS / "translation" / f"{split}.tsv")
    for source, target in zip(pairs.sources, pairs.targets, strict=True):
        assert Solvi(target).sentence() == source, target


@given(st.randoms(use_true_random=False), st.sampled_from([1, 2, 3]))
def test_any_meaning_comes_back(random, level):
    grammar = generator("translation")
    clause = grammar.meaning(random, level)
    assert Solvi(grammar.solvi(clause)).sentence() == grammar.english(clause)


# Words that tell the type, wherever they stand: written from the sentences, not from the grammar.
CUES = {
    "PER": "talks|asked|uncle|married|Mayor|Mrs|born|guests|cold|sang|story|flew|sold",
    "LOC": "train|rained|streets|mayor|drove|moved|lie|towns|bridges|wind|north|flew|office",
    "ORG": "shares|hired|lawyers|machines|prices|profits|opened an office|engines|firms|licence|offices|sold",
}


@pytest.mark.parametrize("split", HELD_OUT)
def test_every_entity_has_a_word_that_tells_its_type(split):
    for sentence in read_conll(DATASETS / "entities" / f"{split}.conll"):
        text = " ".join(sentence.words)
        kinds = {tag[2:] for tag in sentence.tags if tag != "O"}
        assert kinds and all(re.search(CUES[kind], text) for kind in kinds), text


def test_names_of_all_types_and_names_that_come_once():
    grammar = generator("entities")
    kinds, homes = {}, {}
    for split in ("train", *HELD_OUT):
        for number, sentence in enumerate(read_conll(DATASETS / "entities" / f"{split}.conll")):
            for word, tag in zip(sentence.words, sentence.tags, strict=True):
                if tag != "O" and word.istitle():
                    kinds.setdefault(word, []).append(tag)
                    homes.setdefault(word, set()).add((split, number))
    for name in grammar.SHARED:
        counts = [kinds[name].count(f"B-{kind}") for kind in ("PER", "LOC", "ORG")]
        assert min(counts) > sum(counts) / 6, (name, counts)
    for kind, names in grammar.KNOWN.items():
        assert all({tag[2:] for tag in kinds[name]} == {kind} for name in names if kind != "PER")
    parts = {"Lake", "Port", "Hills", "Bank", "University", "Sons"}
    once = set(kinds) - set(grammar.SHARED).union(*grammar.KNOWN.values()) - parts
    assert len(once) > 1000 and all(len(homes[name]) == 1 for name in once)


def facts_of(story):
    """name → facts and thing → room, by reading."""
    people, rooms = {}, {}

    def note(name, **facts):
        people.setdefault(name, {}).update(facts)

    for sentence in re.findall(r"[^.]+", story):
        sentence = sentence.strip()
        for pattern in (
            r"(?P<name>\w+) lives in (?P<town>\w+)", r"The home of (?P<name>\w+) is in (?P<town>\w+)",
            r"(?P<town>\w+) is where (?P<name>\w+) lives", r"By trade (?P<name>\w+) is a (?P<job>\w+)",
            r"(?P<name>\w+) (is|works as) a (?P<job>\w+)", r"(?P<name>\w+) (has|owns) a (?P<colour>\w+) (?P<thing>\w+)",
            r"A (?P<colour>\w+) (?P<thing>\w+) belongs to (?P<name>\w+)",
        ):
            if found := re.fullmatch(pattern, sentence):
                note(**found.groupdict())
                break
        else:
            thing_first = re.fullmatch(r"(?:The|Look for the) (\w+) (?:is )?in the (\w+)", sentence)
            room_first = re.fullmatch(r"In the (\w+) lies the (\w+)", sentence)
            thing, room = thing_first.groups() if thing_first else reversed(room_first.groups())
            rooms[thing] = room
    return people, rooms


def answer_to(question, people, rooms):
    """The answer by looking up who is meant, then what is asked of them; None where it is not told."""
    for name, facts in people.items():
        facts["name"], facts["room"] = name, rooms.get(facts.get("thing"))
    asked = (
        (r"Where does .* live", "town"), (r".* by trade", "job"), (r"What does .* own", "thing"), (r"Who .*", "name"),
        (r"Where is .*", "room"), (r"What colour .*", "colour"),
    )
    wanted = next(key for pattern, key in asked if re.match(pattern, question))
    words = set(re.findall(r"\w+", question))
    meant = [facts for facts in people.values() if words & {value for value in facts.values() if value}]
    assert len(meant) <= 1, question
    return meant[0].get(wanted) if meant else None


@pytest.mark.parametrize("split", HELD_OUT)
def test_every_answer_is_what_a_reader_finds(split):
    for question in read_squad(DATASETS / "questions" / f"{split}.json"):
        expected = answer_to(question.question, *facts_of(question.passage))
        assert [answer.text for answer in question.answers] == ([expected] if expected else []), question
        for answer in question.answers:
            before = question.passage[: answer.start].rpartition(". ")[2]
            sentence = before + question.passage[answer.start :].partition(".")[0]
            kind = re.search(r"live|home|trade|is a|works|has a|owns|belongs|lies|is in|Look", sentence)
            assert kind, sentence


def reply_to(messages):
    """The last reply, worked out from the messages before it."""
    about, *said = [message["content"] for message in messages[:-1]]
    asked = said[0::2]
    name = re.search(r"I am (\w+)|this is (\w+)|Hi, (\w+)", asked[0])
    name = next(group for group in name.groups() if group)
    number = [found for text in asked for found in re.findall(r"\d{4}", text)][-1]
    thing, verb, when = re.search(rf"{number} (\w+) (comes|came) (\w+)", about).groups()
    window = int(re.search(r"Returns: (\d+) days", about)[1])
    if asked[-1] in ("When will it come?", "Where is my order?", "Has it been sent?"):
        return f"The {thing} comes on {when}, {name}." if verb == "comes" else f"The {thing} came {when} days ago, {name}."
    if "return" in asked[-1] or "send it back" in asked[-1]:
        if verb == "comes":
            return f"Yes, {name}, you have {window} days once the {thing} has come."
        late = int(when) > window
        return f"{'No' if late else 'Yes'}, {name}, the {thing} came {when} days ago, you {'had' if late else 'have'} {window}."
    return f"Order {number}, the {thing}, for {name}."


def hours_reply(about, question):
    day, hour = re.search(r"on (\w+) at (\d+)", question).groups()
    if day == "Sunday":
        return "No, on Sunday we are closed."
    week, saturday = re.search(r"Friday (\d+ to \d+), Saturday (\d+ to \d+)", about).groups()
    opens, closes = map(int, (saturday if day == "Saturday" else week).split(" to "))
    return f"{'Yes' if opens <= int(hour) < closes else 'No'}, on {day} we are open from {opens} to {closes}."


@pytest.mark.parametrize("split", ["train", *HELD_OUT])
def test_every_reply_follows_from_what_was_said(split):
    for messages in read_dialogues(DATASETS / "dialogues" / f"{split}.jsonl"):
        assert messages[-1]["content"] == reply_to(messages)
        for question, reply in zip(messages[1::2], messages[2::2], strict=True):
            if question["content"].startswith("Are you open"):
                assert reply["content"] == hours_reply(messages[0]["content"], question["content"])
