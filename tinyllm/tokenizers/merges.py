"""Byte-pair encoding: learning which neighbours to merge."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from itertools import pairwise
from typing import Any

Pair = tuple[int, int]

N_BYTES = 256


def merge(symbols: Sequence[int], pair: Pair, merged: int) -> list[int]:
    """`symbols` with each `pair`, taken from the left, replaced by `merged`: [1, 1, 1, 2], (1, 1), 9 → [9, 1, 2]."""
    result = []
    i = 0
    while i < len(symbols):
        if i + 1 < len(symbols) and (symbols[i], symbols[i + 1]) == pair:
            result.append(merged)
            i += 2
        else:
            result.append(symbols[i])
            i += 1
    return result


def learn_merges(word_counts: Mapping[str, int], n_merges: int, progress: bool = False) -> list[Pair]:
    """The pairs that byte-pair encoding merges, in order; merge number r makes the symbol 256 + r.

    Start with every word as its bytes. Again and again: count all pairs of neighbours, each word as often as it
    occurs; merge the most frequent pair everywhere into a new symbol. Among equally frequent pairs the smallest
    (older left symbol, then older right symbol) wins, so that the result depends on the counts alone. Learning ends
    early when no pair occurs twice: such a merge shortens nothing but the text it came from.

    Counting everything again for every merge would cost merges × text. Three things make it fast: each distinct word
    is kept once; for each pair we remember the words it was seen in, so that a merge touches only those; and the most
    frequent pair is on top of a heap. A merge creates only pairs that contain the new symbol, so **the count of every
    older pair can only fall**: a heap entry is never too low, and one that is too high is put back with its true
    count when it comes up.

    Every token is made by one merge only: were the same bytes put together in two ways, the same merges in the same
    order would have come to different results within equal bytes. So a token's text names it.

    Sennrich et al. 2016, §3.2 (the algorithm, on characters); Radford et al. 2019, §2.2 (on bytes).
    """
    words = [list(word.encode("utf-8", "surrogatepass")) for word in word_counts]
    times = list(word_counts.values())
    counts: Counter[Pair] = Counter()
    seen_in: defaultdict[Pair, set[int]] = defaultdict(set)
    for place, symbols in enumerate(words):
        for pair in pairwise(symbols):
            counts[pair] += times[place]
            seen_in[pair].add(place)
    heap = [(-count, pair) for pair, count in counts.items()]
    heapq.heapify(heap)

    merges: list[Pair] = []
    with _progress_bar(n_merges) if progress else nullcontext() as bar:
        while heap and len(merges) < n_merges:
            negative, pair = heapq.heappop(heap)
            count = counts[pair]
            if count < 2:
                continue
            if count < -negative:
                heapq.heappush(heap, (-count, pair))
                continue
            new = N_BYTES + len(merges)
            merges.append(pair)
            created: set[Pair] = set()
            for place in seen_in.pop(pair):
                before = words[place]
                after = words[place] = merge(before, pair, new)
                if len(after) == len(before):  # an earlier merge took the pair out of this word
                    continue
                for old in pairwise(before):
                    counts[old] -= times[place]
                for now in pairwise(after):
                    counts[now] += times[place]
                    if new in now:
                        seen_in[now].add(place)
                        created.add(now)
            for now in created:
                heapq.heappush(heap, (-counts[now], now))
            if bar is not None:
                bar.update()
    return merges


def _progress_bar(total: int) -> Any:
    try:
        from tqdm import tqdm
    except ImportError as error:
        raise ImportError("progress=True needs tqdm: pip install tinyllm[train]") from error
    return tqdm(total=total, desc="learning merges", unit=" merges")
