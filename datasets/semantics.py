"""What each data set promises on its card, checked on its rows: no text in two splits, balance, right answers."""

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

Splits = dict[str, list[Any]]       # "train", "valid", "test" → rows as formats.py reads them


def shared(splits: Splits, key: Callable[[Any], str]) -> list[str]:
    """Splits that have a key in common."""
    owner: dict[str, str] = {}
    both = set()
    for split, table in splits.items():
        both |= {(owner[k], split) for k in map(key, table) if owner.setdefault(k, split) != split}
    return [f"{one} and {other} share a text: make the generator's key tell them apart" for one, other in sorted(both)]


def unbalanced(splits: Splits, key: Callable[[Any], Any], what: str) -> list[str]:
    """Splits in which one key is more frequent than another."""
    counts = {split: set(Counter(map(key, table)).values()) for split, table in splits.items()}
    return [f"{split}: {what} are not balanced" for split, different in counts.items() if len(different) != 1]


def check_sentiment(splits: Splits) -> list[str]:
    found = shared(splits, lambda row: " ".join(sorted(row[0].split())))
    found += unbalanced(splits, lambda row: (row[1], row[2]), "labels at every level")
    for split, table in splits.items():
        for one, other in zip(table[::2], table[1::2], strict=True):
            if sorted(one[0].split()) != sorted(other[0].split()) or {one[1], other[1]} != {"positive", "negative"}:
                found.append(f"{split}: not a pair of the same words with opposite labels: {one[0]!r}, {other[0]!r}")
    return found


def check_reverse(splits: Splits) -> list[str]:
    found = shared(splits, lambda row: min(" ".join(row[0].split()[1:]), " ".join(row[0].split()[:0:-1])))
    found += unbalanced(splits, lambda row: (row[0].split()[0], row[2]), "tasks and lengths")
    for split, table in splits.items():
        for source, target, length in table:
            task, *symbols = source.split()
            wanted = symbols if task == "copy" else symbols[::-1]
            if target.split() != wanted or len(symbols) != int(length):
                found.append(f"{split}: wrong target or length: {source!r}, {target!r}, {length}")
    return found


def check_translation(splits: Splits) -> list[str]:
    found = shared(splits, lambda row: row[0]) + shared(splits, lambda row: row[1])
    found += unbalanced({split: splits[split] for split in ("valid", "test")}, lambda row: row[2], "levels")
    words = {split: {word for row in table for word in f"{row[0]} {row[1]}".split()} for split, table in splits.items()}
    if len(set().union(*words.values())) > 150:
        found.append("more than 150 words in the two languages")
    for split, table in splits.items():
        if words[split] - words["train"]:
            found.append(f"{split}: words that train lacks: {sorted(words[split] - words['train'])}")
        long = [row[0] for row in table if max(len(text.split()) for text in row[:2]) > 14]
        found += [f"{split}: more than 14 words: {source!r}" for source in long]
    return found


def check_entities(splits: Splits) -> list[str]:
    found = shared(splits, lambda rows: " ".join(word for word, _, _ in rows))
    found += unbalanced(splits, lambda rows: rows[0][1], "levels")
    for split, table in splits.items():
        for rows in table:
            tags = ["O", *(tag for _, _, tag in rows)]
            if any(tag[0] == "I" and before[2:] != tag[2:] for before, tag in pairwise(tags)):
                found.append(f"{split}: an I- without its B-: {' '.join(word for word, _, _ in rows)!r}")
            if len({level for _, level, _ in rows}) > 1:
                found.append(f"{split}: two levels in one sentence: {' '.join(word for word, _, _ in rows)!r}")
    return found


def check_questions(splits: Splits) -> list[str]:
    found = shared(splits, lambda entry: entry["context"])
    for split, table in splits.items():
        if len({entry["id"] for entry in table}) < len(table):
            found.append(f"{split}: an id stands twice")
        for entry in table:
            text = f" {entry['context']}"
            for answer in entry["answers"]:
                start, end = answer["answer_start"] + 1, answer["answer_start"] + 1 + len(answer["text"])
                if text[start:end] != answer["text"] or text[start - 1] != " " or text[end] not in " .":
                    found.append(f"{split}: {entry['id']}: the answer does not stand at {answer['answer_start']}")
            if (entry["level"] == 3) != (not entry["answers"]) or entry.get("is_impossible", False) != (not entry["answers"]):
                found.append(f"{split}: {entry['id']}: level 3 is what has no answer")
    return found


def check_dialogues(splits: Splits) -> list[str]:
    found = shared(splits, lambda row: " ".join(message["content"] for message in row["messages"]))
    found += unbalanced(splits, lambda row: row["level"], "levels")
    for split, table in splits.items():
        for row in table:
            roles = [message["role"] for message in row["messages"]]
            if roles != ["system"] + ["user", "assistant"] * (len(roles) // 2):
                found.append(f"{split}: roles do not take turns: {' '.join(roles)}")
                continue
            found += [f"{split}: {problem}" for problem in wrong_facts(row["messages"])]
    return found


def wrong_facts(messages: list[dict[str, str]]) -> Iterator[str]:
    """Where the last reply speaks of the thing of another order than the last one that the customer named."""
    orders = messages[0]["content"].partition("Orders: ")[2].rstrip(".").split(", ")
    things = {order.split()[0]: order.split()[1] for order in orders}
    named = [word.strip(".,") for message in messages if message["role"] == "user" for word in message["content"].split()]
    mine = [word for word in named if word in things][-1]
    if things[mine] not in messages[-1]["content"].replace(",", " ").split():
        yield f"the last reply is not about order {mine}, the {things[mine]}: {messages[-1]['content']!r}"


CHECK: dict[str, Callable[[Splits], list[str]]] = {
    "sentiment_negation": check_sentiment,
    "reverse": check_reverse,
    "translation": check_translation,
    "entities": check_entities,
    "questions": check_questions,
    "dialogues": check_dialogues,
}
