"""Beam search: not the likeliest token at each step, but the likeliest text, as far as a few candidates show it.

    argmax_y log p(y) / penalty(|y|),  log p(y) = Σ_t log p(y_t | y_1 … y_{t−1}, x)

Greedy decoding takes the first token of the greatest probability, even where everything that may follow it is improbable. To
compare all V^T texts is out of reach. Beam search keeps the `width` best beginnings of each length.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import sampling
from .beam_tree import BeamNode, BeamTree
from .next_logits import NextLogits, next_logits, next_logits_of

PENALTIES = ("gnmt", "power")

@dataclass(frozen=True)
class Hypothesis:
    """A text that a search found."""

    ids: list[int]
    """Without the end token."""
    score: float
    """log_probability / length_penalty of the number of tokens, the end token among them."""
    log_probability: float
    finished: bool
    """With the end token; else cut off at max_new_tokens, or at an encoder-decoder's context."""


def length_penalty(n: int, alpha: float = 0.6, kind: str = "gnmt") -> float:
    """What the log probability of n tokens is divided by: ((5 + n) / 6)^α, kind "gnmt", or n^α, kind "power".

    Every token makes a text less probable, so the likeliest text is a short one. α = 0 leaves it so; "power" with α = 1
    compares means over tokens; between them it is a matter of taste and of BLEU (α = 0.6 in Vaswani et al. 2017, §6.1).
    The 5 makes "gnmt" milder where texts are short.

    Raises ValueError for α < 0 (which would prefer short texts twice) and other kinds. Source: Wu et al. 2016, §7.
    """
    if not 0 <= alpha < float("inf"):
        raise ValueError(f"alpha {alpha}: 0 for the plain log probability, more to favour longer texts")
    if kind not in PENALTIES:
        raise ValueError(f"no length penalty {kind!r}: choose one of {', '.join(PENALTIES)}")
    return float(((5 + n) / 6 if kind == "gnmt" else n) ** alpha)


def beam_search(
    model: Any,
    prompt: Sequence[int] | np.ndarray,
    max_new_tokens: int = 100,
    *,
    width: int = 4,
    n_best: int = 1,
    alpha: float = 0.6,
    penalty: str = "gnmt",
    eos_id: int | None = None,
    use_cache: bool = True,
    tree: BeamTree | None = None,
) -> list[Hypothesis]:
    """The n_best texts that a search of this width finds, the best first: continuations of a causal model's prompt, or
    what an encoder-decoder writes about the prompt as its source.

    At each step every live text is continued by every token, and the `width` likeliest of all these are kept: those that
    end in `eos_id` are set aside, the others live on. (Of one length, so there is nothing to normalise yet.) The search is
    over when no text lives, or none can pass what was found: a text of log probability s can at best be followed by
    tokens of probability 1, to the longest length N allowed, where it scores s / penalty(N); if the n_best-th text set
    aside scores as much, going on changes nothing. Width 1 is greedy decoding; a width of V^N is exhaustive search.

    An empty `tree` is filled with what was weighed on the way. Raises ValueError for numbers out of range, for a tree that
    is not empty, and for prompts as `generate`. Source: Sutskever et al. 2014, §3.2; Wu et al. 2016, §7.
    """
    if tree is not None and tree.nodes:
        raise ValueError(f"the tree holds {len(tree.nodes)} nodes of another search: give a new BeamTree()")
    search = _Search(next_logits(model, prompt, use_cache), max_new_tokens, width, n_best, alpha, penalty, eos_id, tree)
    return search.run()[0]


def beam_search_batch(
    model: Any,
    sources: Sequence[Sequence[int] | np.ndarray],
    max_new_tokens: int = 100,
    *,
    width: int = 4,
    n_best: int = 1,
    alpha: float = 0.6,
    penalty: str = "gnmt",
    eos_id: int | None = None,
    use_cache: bool = True,
) -> list[list[Hypothesis]]:
    """`beam_search` of an encoder-decoder for many sources, of any lengths, side by side.

    Raises as `beam_search`, and TypeError for a causal model.
    """
    following = next_logits_of(model, sources, use_cache)
    return _Search(following, max_new_tokens, width, n_best, alpha, penalty, eos_id, None).run()


@dataclass(frozen=True)
class _Live:
    """A text that may go on."""

    source: int
    ids: list[int]
    total: float
    node: int | None = None                             # its number in the tree


class _Search:
    def __init__(
        self, following: NextLogits, max_new_tokens: int, width: int, n_best: int, alpha: float, penalty: str,
        eos_id: int | None, tree: BeamTree | None,
    ) -> None:
        if max_new_tokens < 1 or not 1 <= n_best <= width:
            raise ValueError(f"max_new_tokens {max_new_tokens}, width {width}, n_best {n_best}: at least 1, n_best ≤ width")
        self.following, self.width, self.n_best, self.eos_id, self.tree = following, width, n_best, eos_id, tree
        self.longest = min(max_new_tokens, following.longest or max_new_tokens)
        self.penalties = [length_penalty(n, alpha, penalty) for n in range(self.longest + 1)]
        self.found: list[list[tuple[Hypothesis, int | None]]] = [[] for _ in following.begin]     # of each source, best first

    def run(self) -> list[list[Hypothesis]]:
        text = self.following.begin                                             # (n, T), the live texts of all sources
        live = [_Live(source, [], 0.0) for source in range(len(text))]
        while True:
            log_p = sampling.log_probabilities(self.following(text))            # (n, V)
            rows, live = self._step(live, log_p)
            if not live:
                break
            self.following.select(rows)
            text = np.column_stack([text[rows], [one.ids[-1] for one in live]])
        if self.tree is not None:
            self.tree.answers = [node for _, node in self.found[0] if node is not None]
        return [[hypothesis for hypothesis, _ in found] for found in self.found]

    def _step(self, live: list[_Live], log_p: np.ndarray) -> tuple[np.ndarray, list[_Live]]:
        """The texts that live on, one token longer, and the row of the one that each continues."""
        totals = np.array([[one.total] for one in live]) + log_p                # (n, V)
        rows: list[int] = []
        longer: list[_Live] = []
        for source in dict.fromkeys(one.source for one in live):
            mine = [i for i, one in enumerate(live) if one.source == source]
            weighed = self._weighed(live, mine, log_p, totals)
            going_on = []
            for place in best(totals[mine].ravel(), self.width):
                row, token = mine[place // totals.shape[1]], int(place % totals.shape[1])
                text = _Live(source, [*live[row].ids, token], float(totals[row, token]), weighed.get((row, token)))
                if self.tree is not None and text.node is not None:
                    self.tree.nodes[text.node].kept = True
                if self._ends(text.ids):
                    self._set_aside(text)
                else:
                    going_on.append((row, text))
            if going_on and not self._settled(source, going_on[0][1].total):
                rows += [row for row, _ in going_on]
                longer += [text for _, text in going_on]
        return np.array(rows, np.int64), longer

    def _ends(self, ids: list[int]) -> bool:
        return ids[-1] == self.eos_id or len(ids) == self.longest

    def _set_aside(self, text: _Live) -> None:
        finished = text.ids[-1] == self.eos_id
        score = text.total / self.penalties[len(text.ids)]
        found = self.found[text.source]
        found.append((Hypothesis(text.ids[:-1] if finished else text.ids, score, text.total, finished), text.node))
        found.sort(key=lambda entry: -entry[0].score)                           # stable: of equals the first found stays first
        del found[self.n_best :]

    def _settled(self, source: int, total: float) -> bool:
        """Whether no text that goes on from this log probability, the best of the live ones, can displace one set aside."""
        found = self.found[source]
        return len(found) == self.n_best and found[-1][0].score >= total / self.penalties[-1]

    def _weighed(
        self, live: list[_Live], mine: list[int], log_p: np.ndarray, totals: np.ndarray
    ) -> dict[tuple[int, int], int]:
        """Note in the tree, where one is wanted, each row's `width` best continuations: (row, token) → number of the node."""
        numbers: dict[tuple[int, int], int] = {}
        if self.tree is None:
            return numbers
        for row in mine:
            for token in best(totals[row], self.width).tolist():
                ids, total = [*live[row].ids, token], float(totals[row, token])
                numbers[row, token] = len(self.tree.nodes)
                self.tree.nodes.append(BeamNode(
                    live[row].node, token, float(log_p[row, token]), total, total / self.penalties[len(ids)], False,
                    self._ends(ids),
                ))
        return numbers


def best(values: np.ndarray, k: int) -> np.ndarray:
    """The places of the k largest values (n,), the largest first, of equals the first first; −∞ is none.

    Partition, then sort what is left: of k · V values only k need an order.
    """
    k = min(k, len(values))
    places = np.flatnonzero((values >= np.partition(values, -k)[-k]) & (values > -np.inf))
    return places[np.argsort(-values[places], kind="stable")][:k]
