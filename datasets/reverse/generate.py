"""Copy a sequence of symbols, or write it backwards: the first word says which.

Every sequence stands in both tasks, so that only the first word tells the targets apart.
"""

import random

FORMAT = "tsv"
COLUMNS = ("source", "target", "length")
SEED = 20241
SEQUENCES = {"train": 2000, "valid": 200, "test": 200}
SYMBOLS = "abcdefghijkl"
LENGTHS = range(3, 13)


def splits():
    """{"train": rows, "valid": rows, "test": rows}; a row is (source, target, length)."""
    rng = random.Random(SEED)
    seen = set()
    return {
        split: [row for i in range(n) for row in both_tasks(new_sequence(rng, LENGTHS[i % len(LENGTHS)], seen))]
        for split, n in SEQUENCES.items()
    }


def new_sequence(rng, length, seen):
    """Symbols that no earlier row has, forwards or backwards, and that change when reversed."""
    while True:
        # Only random() promises the same numbers in every version of Python; choice() does not.
        symbols = [SYMBOLS[int(rng.random() * len(SYMBOLS))] for _ in range(length)]
        key = min("".join(symbols), "".join(reversed(symbols)))
        if symbols != symbols[::-1] and key not in seen:
            seen.add(key)
            return symbols


def both_tasks(symbols):
    forwards, backwards, length = " ".join(symbols), " ".join(reversed(symbols)), str(len(symbols))
    return [("copy " + forwards, forwards, length), ("reverse " + forwards, backwards, length)]
