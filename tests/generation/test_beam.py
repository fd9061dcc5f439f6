"""Beam search against full enumeration: the best of all texts if it may look at all, never worse than its own rules say."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.generation.support import KINDS, Prompted, tiny
from tinyllm.generation import BeamTree, beam_search, beam_search_batch, generate, length_penalty
from tinyllm.generation.beam import best

EOS = 0
alphas = st.sampled_from([0.0, 0.3, 0.6, 1.0, 2.0])
penalties = st.sampled_from(["gnmt", "power"])
models = st.builds(tiny, st.sampled_from(KINDS), st.integers(0, 20), st.sampled_from([3, 4]), st.sampled_from([4.0, 12.0]))


def every_text(model: Prompted, longest: int) -> dict[tuple[int, ...], float]:
    """The log probability of each text that ends: with EOS, or by its length."""
    texts: dict[tuple[int, ...], float] = {}
    live: dict[tuple[int, ...], float] = {(): 0.0}
    for n in range(1, longest + 1):
        longer = {}
        for text, total in live.items():
            for token, log_p in enumerate(model.log_probabilities(text)):
                ends = token == EOS or n == longest
                (texts if ends else longer)[*text, token] = total + log_p
        live = longer
    return texts


def shown(text: tuple[int, ...]) -> list[int]:
    return list(text[:-1] if text[-1] == EOS else text)


def ranked(texts: dict[tuple[int, ...], float], alpha: float, penalty: str) -> list[tuple[float, list[int]]]:
    scores = [(total / length_penalty(len(text), alpha, penalty), shown(text)) for text, total in texts.items()]
    return sorted(scores, key=lambda entry: -entry[0])


def plain_search(model: Prompted, longest: int, width: int, alpha: float, penalty: str) -> list[tuple[float, list[int]]]:
    """Beam search as it is told, to the very end: no cache, no early stopping."""
    ended: dict[tuple[int, ...], float] = {}
    live: dict[tuple[int, ...], float] = {(): 0.0}
    while live:
        longer = {
            (*text, token): total + log_p
            for text, total in live.items() for token, log_p in enumerate(model.log_probabilities(text))
        }
        kept = dict(sorted(longer.items(), key=lambda entry: -entry[1])[:width])
        live = {text: total for text, total in kept.items() if text[-1] != EOS and len(text) < longest}
        ended |= {text: total for text, total in kept.items() if text not in live}
    return ranked(ended, alpha, penalty)


@settings(max_examples=30)
@given(models, st.integers(1, 4), alphas, penalties)
def test_a_beam_as_wide_as_all_texts_is_exhaustive_search(model, longest, alpha, penalty):
    expected = ranked(every_text(model, longest), alpha, penalty)
    found = beam_search(model.model, model.prompt, longest, width=model.vocab_size**longest, n_best=len(expected), alpha=alpha,
                        penalty=penalty, eos_id=EOS)
    assert len(found) == len(expected)
    assert [h.score for h in found] == pytest.approx([score for score, _ in expected], abs=1e-4)
    assert {tuple(h.ids) for h in found} == {tuple(ids) for _, ids in expected}
    assert math.fsum(math.exp(h.log_probability) for h in found) == pytest.approx(1, abs=1e-4)


@settings(max_examples=50)
@given(models, st.integers(1, 7), st.integers(1, 5), st.data(), alphas, penalties)
def test_stopping_early_changes_nothing(model, longest, width, data, alpha, penalty):
    n_best = data.draw(st.integers(1, width))
    expected = plain_search(model, longest, width, alpha, penalty)[:n_best]
    found = beam_search(model.model, model.prompt, longest, width=width, n_best=n_best, alpha=alpha, penalty=penalty,
                        eos_id=EOS)
    assert [h.score for h in found] == pytest.approx([score for score, _ in expected], abs=1e-4)
    if len({round(score, 3) for score, _ in expected}) == len(expected):
        assert [h.ids for h in found] == [ids for _, ids in expected]


def test_it_does_stop_early():
    """No longer text is likelier than the likeliest token, so if that is the end, one step is enough."""
    model = tiny("gpt")
    tree = BeamTree()
    end = int(model.log_probabilities(()).argmax())
    (found,) = beam_search(model.model, model.prompt, 100, alpha=0.0, eos_id=end, width=3, tree=tree)
    assert found.ids == [] and len(tree.nodes) == 3


@settings(max_examples=30)
@given(models, st.integers(1, 12), alphas)
def test_a_beam_of_one_is_greedy(model, n, alpha):
    """Beyond a causal model's window too."""
    (found,) = beam_search(model.model, model.prompt, n, width=1, alpha=alpha, eos_id=EOS)
    assert [found.ids] == generate(model.model, model.prompt, n, greedy=True, stop=[EOS])


@settings(max_examples=30)
@given(models, st.integers(1, 6), st.integers(1, 6), alphas, penalties, st.booleans())
def test_hypotheses_are_distinct_sorted_and_scored_by_the_model(model, longest, width, alpha, penalty, ends):
    found = beam_search(model.model, model.prompt, longest, width=width, n_best=width, alpha=alpha, penalty=penalty,
                        eos_id=EOS if ends else None)
    V = model.vocab_size
    all_texts = sum((V - 1) ** (n - 1) for n in range(1, longest)) + (V - 1) ** (longest - 1) * V if ends else V**longest
    assert len(found) == min(width, all_texts)
    assert len({tuple(h.ids) for h in found}) == len(found)
    assert [h.score for h in found] == sorted((h.score for h in found), reverse=True)
    for h in found:
        text = [*h.ids, EOS] if h.finished else h.ids
        total = math.fsum(model.log_probabilities(tuple(text[:i]))[token] for i, token in enumerate(text))
        assert h.log_probability == pytest.approx(total, abs=1e-4)
        assert h.score == pytest.approx(total / length_penalty(len(text), alpha, penalty), abs=1e-4)
        assert h.finished or len(h.ids) == longest
        assert not (ends and EOS in h.ids)


@settings(max_examples=20)
@given(models, st.integers(1, 5), st.integers(1, 12))
def test_the_reordered_cache_equals_full_recomputation(model, width, n):
    cached, recomputed = (
        beam_search(model.model, model.prompt, n, width=width, n_best=width, eos_id=EOS, use_cache=use) for use in (True, False)
    )
    assert [h.score for h in cached] == pytest.approx([h.score for h in recomputed], abs=1e-4)
    assert [h.ids for h in cached] == [h.ids for h in recomputed]


@settings(max_examples=20)
@given(models, st.integers(1, 4), penalties)
def test_a_larger_alpha_never_prefers_a_shorter_text(model, longest, penalty):
    lengths = []
    for alpha in (0.0, 0.5, 1.0, 2.0, 5.0):
        (found,) = beam_search(model.model, model.prompt, longest, width=4**longest, alpha=alpha, penalty=penalty, eos_id=EOS)
        lengths.append(len(found.ids) + found.finished)
    assert lengths == sorted(lengths)


def test_the_penalty_is_the_papers():
    assert length_penalty(1) == length_penalty(40, 0.0) == length_penalty(40, 0.0, "power") == 1.0
    assert length_penalty(7, 2.0) == pytest.approx(4.0)
    assert length_penalty(8, 0.5, "power") == pytest.approx(math.sqrt(8))


@settings(max_examples=30)
@given(models, st.integers(1, 6), st.integers(1, 4), st.data())
def test_the_tree_holds_what_was_weighed(model, longest, width, data):
    n_best = data.draw(st.integers(1, width))
    tree = BeamTree()
    found = beam_search(model.model, model.prompt, longest, width=width, n_best=n_best, eos_id=EOS, tree=tree)
    assert found == beam_search(model.model, model.prompt, longest, width=width, n_best=n_best, eos_id=EOS)
    texts = [tuple(tree.tokens(i)) for i in range(len(tree.nodes))]
    assert len(set(texts)) == len(texts)
    for i, node in enumerate(tree.nodes):
        path = [tree.nodes[j] for j in tree.path(i)]
        assert node.total == pytest.approx(sum(step.log_probability for step in path))
        assert node.ended == (node.token == EOS or len(path) == longest)
        assert all(step.kept and not step.ended for step in path[:-1])
    for n, group in itertools.groupby(sorted(texts, key=len), len):
        of_step = [tree.nodes[texts.index(text)] for text in group]
        kept, pruned = ([node.total for node in of_step if node.kept is wanted] for wanted in (True, False))
        assert len(kept) == min(width, len(of_step)) and n <= longest
        assert min(kept) >= max(pruned, default=-math.inf)
    answers = [shown(texts[i]) for i in tree.answers]
    assert answers == [h.ids for h in found]
    assert [tree.nodes[i].score for i in tree.answers] == [h.score for h in found]


@given(st.lists(st.sampled_from([-np.inf, -2.0, -1.0, 0.0, 0.5]), min_size=1, max_size=12), st.integers(1, 15))
def test_best_is_the_head_of_a_stable_sort(values, k):
    order = sorted((i for i, value in enumerate(values) if value > -np.inf), key=lambda i: -values[i])
    assert best(np.array(values), k).tolist() == order[:k]


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"width": 0}, ValueError, "width 0"),
        ({"width": 2, "n_best": 3}, ValueError, "n_best 3"),
        ({"n_best": 0}, ValueError, "n_best 0"),
        ({"max_new_tokens": 0}, ValueError, "max_new_tokens 0"),
        ({"alpha": -0.1}, ValueError, "alpha -0.1"),
        ({"penalty": "mean"}, ValueError, "gnmt, power"),
        ({"prompt": []}, ValueError, "prompt is empty"),
    ],
)
def test_bad_input(options: dict[str, Any], error, message):
    model = tiny("gpt", 0)
    with pytest.raises(error, match=message):
        beam_search(model.model, **{"prompt": model.prompt, "max_new_tokens": 3, **options})


def test_a_tree_is_of_one_search_and_a_causal_model_has_one_prompt():
    model = tiny("gpt", 0)
    tree = BeamTree()
    beam_search(model.model, model.prompt, 2, tree=tree)
    with pytest.raises(ValueError, match="another search"):
        beam_search(model.model, model.prompt, 2, tree=tree)
    with pytest.raises(TypeError, match="GPT reads no source"):
        beam_search_batch(model.model, [[1], [2]])


def test_dropout_is_off_and_the_mode_comes_back():
    model = tiny("gpt", 0)
    model.model.train()
    assert beam_search(model.model, model.prompt, 5) == beam_search(model.model, model.prompt, 5)
    assert model.model.training
