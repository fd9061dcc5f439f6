"""Lesson 25: beam search."""

import numpy as np
from hypothesis import strategies as st

from tinyllm.book import Exercise, Mistake
from tinyllm.book.draws import arrays


def kept(totals, log_p, k):
    return np.sort((totals[:, None] + log_p).ravel())[::-1][:k]


@st.composite
def a_step(draw):
    totals, log_p = draw(arrays("N", "N V", low=-3.0, high=0.0, N=(1, 3), V=(2, 4)))
    return totals, log_p, draw(st.integers(1, 4))


def score(s, n, alpha):
    return s / ((5 + n) / 6) ** alpha


def may_stop(best_score, live_sum, N, alpha):
    return bool(best_score >= live_sum / ((5 + N) / 6) ** alpha)


def errors(found, reference, right):
    search = ~right & (reference > found)
    return int(search.sum()), int((~right & ~search).sum())


@st.composite
def judged(draw):
    found, reference, right = draw(arrays("N", "N", "N", low=-3.0, high=0.0, step=0.5, N=(1, 6)))
    right = right < -1.5
    return found, np.where(right, found, reference), right


def n_sums(V, N, k):
    return sum(min(k, V ** (t - 1)) * V for t in range(1, N + 1))


alphas = st.sampled_from([0.0, 0.5, 1.0, 2.0])
sums = st.integers(-20, -1).map(lambda n: n / 4)

EXERCISES = [
    Exercise(
        "by hand",
        expected=("aaa", "bba"),
        mistakes=(
            Mistake(("aaa", "aaa"), "Compare 0.4 · 0.9 for bb with 0.6 · 0.5 for aa: which is greater after two words?"),
            Mistake(("bba", "bba"), "Greedy takes the likelier word at the first place, which is a, and never returns."),
            Mistake(
                ("aaa",
                "aba"), "After two words the beam holds bb (0.36) and aa (0.30); ab has 0.30 too, and the tie goes to a.",
            ),
        ),
        hint="Greedy: 0.6, 0.5, 0.7. Width 2: write down the products of all four beginnings of two words, keep the best two.",
    ),
    Exercise(
        "one step of the beam",
        expected=kept,
        inputs=a_step(),
        mistakes=(
            Mistake(
                lambda totals, log_p, k: np.sort(log_p.ravel())[::-1][:k],
                "The sums of the live texts are missing: what counts is the whole text, not its last word.",
            ),
            Mistake(
                lambda totals, log_p, k: np.sort((totals[:, None] + log_p).ravel())[:k], "Those are the k smallest sums.",
            ),
            Mistake(
                lambda totals, log_p, k: np.sort((totals[:, None] + log_p).max(axis=1))[::-1][:k],
                "That keeps one child of each text. The best k of *all*: one text may have several, another none.",
            ),
            Mistake(
                lambda totals, log_p, k: np.sort((totals[:, None] * log_p).ravel())[::-1][:k],
                "Probabilities are multiplied, so their logarithms are added.",
            ),
        ),
        hint="(n, 1) + (n, V), flattened, sorted, the last k, reversed.",
    ),
    Exercise(
        "the length penalty",
        expected=score,
        inputs=st.tuples(sums, st.integers(2, 12), alphas),
        mistakes=(
            Mistake(lambda s, n, alpha: s / n**alpha, "That divides by n^α. Here the length is shifted: (5 + n) / 6."),
            Mistake(lambda s, n, alpha: s * ((5 + n) / 6) ** alpha, "Multiplied, long texts would be punished twice: divide."),
            Mistake(lambda s, n, alpha: s / ((5 + n) / 6), "α is missing: the fraction is raised to it."),
            Mistake(
                lambda s, n, alpha: s / (5 + n) ** alpha,
                "Divide 5 + n by 6 first, so that a text of one token keeps its score.",
            ),
        ),
        hint="s / ((5 + n) / 6)^α.",
    ),
    Exercise(
        "may it stop?",
        expected=may_stop,
        inputs=st.tuples(sums, sums, st.integers(4, 20), st.sampled_from([1.0, 0.5, 2.0, 0.0])),
        mistakes=(
            Mistake(
                lambda best_score, live_sum, N, alpha: bool(best_score >= live_sum),
                "A live text's sum becomes a score only when it is divided, and the division makes it better.",
            ),
            Mistake(
                lambda best_score, live_sum, N, alpha: bool(best_score < live_sum / ((5 + N) / 6) ** alpha),
                "The other way round: stop when the score found is at least the best that a live text can reach.",
            ),
            Mistake(
                lambda best_score, live_sum, N, alpha: bool(best_score >= live_sum * ((5 + N) / 6) ** alpha),
                "The penalty divides.",
            ),
            Mistake(lambda best_score, live_sum, N, alpha: True, "Stopping at once is what the lesson breaks."),
        ),
        hint="At best, words of probability 1 follow, up to length N: the score is then live_sum / lp(N).",
    ),
    Exercise(
        "whose mistakes?",
        expected=errors,
        inputs=judged(),
        mistakes=(
            Mistake(
                lambda found, reference, right: errors(found, reference, right)[::-1],
                "The other way round: search errors first.",
            ),
            Mistake(
                lambda found, reference, right: (int((reference > found).sum()), int((reference < found).sum())),
                "Equal ones are model errors too: the model did not prefer the reference.",
            ),
            Mistake(
                lambda found, reference, right: (int((~right & (reference < found)).sum()),
                                                 int((~right & (reference >= found)).sum())),
                "If the model finds the reference more probable, it is the search that failed.",
            ),
            Mistake(
                lambda found, reference, right: (int((reference > found).sum()), int((reference <= found).sum())),
                "What is right is no error at all, though its log P equals the reference's.",
            ),
        ),
        hint="Among the wrong ones: reference > found is the search's error, all others the model's.",
    ),
    Exercise(
        "what it costs",
        expected=n_sums,
        inputs=st.tuples(st.integers(2, 5), st.integers(1, 5), st.integers(1, 30)),
        mistakes=(
            Mistake(lambda V, N, k: N * k * V, "At the first step there is one beginning, not k."),
            Mistake(
                lambda V, N, k: V + (N - 1) * k * V, "If k is larger than V, there are not k beginnings yet after one word.",
            ),
            Mistake(lambda V, N, k: V**N, "That is the number of all texts: what a beam is there to avoid."),
            Mistake(
                lambda V, N, k: sum(min(k, V ** (t - 1)) for t in range(1, N + 1)),
                "That counts beginnings. Each is continued by V words.",
            ),
        ),
        hint="Step t continues min(k, V^(t−1)) beginnings by V words each.",
    ),
]
