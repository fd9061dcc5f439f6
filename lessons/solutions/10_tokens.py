# %% [markdown]
# # 10 · Tokens: solutions
#
# The lesson: [10_tokens.ipynb](../10_tokens.ipynb).

# %%
from collections import Counter
from itertools import pairwise

from tinyllm.book import open_lesson

check = open_lesson("10_tokens", strict=True).check

# %% [markdown]
# **1.** "naïve": four characters below U+0080 take one byte each, ï = U+00EF lies between U+0080 and U+07FF and takes two:
# $4 + 2 = 6$. "東京": both lie between U+0800 and U+FFFF, three bytes each: 6. "😀!": U+1F600 lies above U+FFFF and takes
# four, the exclamation mark one: 5.

# %%
check(1, (6, 6, 5))
assert [len(text.encode("utf-8")) for text in ("naïve", "東京", "😀!")] == [6, 6, 5]


# %% [markdown]
# **2.** Walk with an index. At a pair both symbols are used up, so we go on by two: no symbol can belong to two pairs, and
# of overlapping pairs the left one wins. `symbols[i : i + 2]` at the end of the list has one element and equals no pair.

# %%
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


check(2, merge_everywhere)


# %% [markdown]
# **3.** Each word brings its pairs as often as it occurs. Sorting by (−count, pair) puts the largest count first and, among
# equals, the smallest pair: one key for both rules.

# %%
def best_pair(word_counts):
    counts = Counter()
    for word, times in word_counts.items():
        for pair in pairwise(word):
            counts[pair] += times
    return min(counts, key=lambda pair: (-counts[pair], pair))


check(3, best_pair)


# %% [markdown]
# **4.** Pieces are bytes, and only all of them together are sure to be UTF-8. Join, then decode once.

# %%
def decode(pieces):
    return b"".join(pieces).decode("utf-8")


check(4, decode)


# %% [markdown]
# **5.** Replay the merges, the oldest first, each wherever its pair stands. One pass through the list of merges is enough:
# merge $r$ can only create pairs that contain its own new token, and those were learned, if at all, after $r$.

# %%
def encode(word, merges):
    symbols = list(word)
    for left, right in merges:
        symbols = merge_everywhere(symbols, (left, right), left + right)
    return symbols


check(5, encode)


# %% [markdown]
# **6.** Only the last character can be incomplete, for everything before it was followed by another character's first byte.
# Its first byte is the last byte that does not begin with the binary digits `10`; it lies at most three bytes before the
# end if the character is incomplete, because no character has more than four. That byte announces the length: 1 below 128,
# 2 from `110…`, 3 from `1110…`, 4 from `11110…`. If as many bytes are there, all may be shown; otherwise only those before
# it.

# %%
def complete(data):
    first = len(data) - 1
    while first >= 0 and data[first] >> 6 == 0b10:                  # the inside of a character
        first -= 1
    if first < 0:
        return 0
    byte = data[first]
    announced = 1 if byte < 0b10000000 else 2 if byte < 0b11100000 else 3 if byte < 0b11110000 else 4
    return len(data) if len(data) - first == announced else first


check(6, complete)
