"""Lesson 24: sequence to sequence."""

from collections import Counter

import numpy as np

import tinyllm.functional as F
from tinyllm.book import Exercise, Mistake
from tinyllm.book.draws import arrays


def moved_right(targets, start, pad):
    behind = np.where(targets[:, :-1] < 0, pad, targets[:, :-1])
    return np.concatenate([np.full((len(targets), 1), start), behind], axis=1)


def runs(words, n):
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


def share_of_runs(gold, guess, n):
    total = max(len(guess) - n + 1, 0)
    return (runs(gold, n) & runs(guess, n)).total() / total if total else 0.0


def unclipped(gold, guess, n):
    there, found = runs(gold, n), runs(guess, n)
    return sum(count for run, count in found.items() if run in there) / found.total() if found else 0.0


def recall(gold, guess, n):
    there = runs(gold, n)
    return (there & runs(guess, n)).total() / there.total() if there else 0.0


def distinct(gold, guess, n):
    there, found = set(runs(gold, n)), set(runs(guess, n))
    return len(there & found) / len(found) if found else 0.0


def words_before_error(logits, y):
    right = logits.argmax(axis=1) == y
    return int(len(y) if right.all() else right.argmin())


def loss_of_batch(logits, targets):
    asked = targets >= 0
    log_p = np.take_along_axis(F.log_softmax(logits), np.maximum(targets, 0)[..., None], axis=2)[..., 0]
    return -log_p[asked].mean()


def mean_of_means(logits, targets):
    return np.mean([loss_of_batch(logits[i : i + 1], targets[i : i + 1]) for i in range(len(targets))])


def over_all_places(logits, targets):
    log_p = np.take_along_axis(F.log_softmax(logits), np.maximum(targets, 0)[..., None], axis=2)[..., 0]
    return -(log_p * (targets >= 0)).mean()


def expected_errors(e, f, T):
    clean = (1 - e) ** np.arange(T)                     # no error before place t + 1
    return float((clean * e + (1 - clean) * f).sum())


def padded_targets():
    """Targets (B, T) whose rows end in -100 or not; the first place is always asked."""
    from hypothesis import strategies as st

    @st.composite
    def draw_targets(draw):
        n_rows, width = draw(st.integers(1, 3)), draw(st.integers(1, 4))
        rows = []
        for _ in range(n_rows):
            length = draw(st.integers(1, width))
            rows.append(draw(st.lists(st.integers(3, 6), min_size=length, max_size=length)) + [-100] * (width - length))
        return np.array(rows)

    return draw_targets()


def batches():
    from hypothesis import strategies as st

    @st.composite
    def draw_batch(draw):
        targets = draw(padded_targets()) - 3            # ids from 0
        targets = np.where(targets < 0, -100, targets)
        (logits,) = draw(arrays("B T V", B=targets.shape[0], T=targets.shape[1], V=4))
        return logits, targets

    return draw_batch()


def shifts():
    from hypothesis import strategies as st

    return st.tuples(padded_targets(), st.just(1), st.sampled_from([0, 2]))


def sentences():
    from hypothesis import strategies as st

    words = st.lists(st.sampled_from("abc"), min_size=1, max_size=6)
    return st.tuples(words, words, st.integers(1, 3))


def guesses():
    from hypothesis import strategies as st

    @st.composite
    def draw_guesses(draw):
        length = draw(st.integers(1, 5))
        said = draw(st.lists(st.integers(0, 3), min_size=length, max_size=length))
        true = [word if draw(st.booleans()) or draw(st.booleans()) else draw(st.integers(0, 3)) for word in said]
        return np.eye(4)[said] * 2.0, np.array(true)

    return draw_guesses()


def chances():
    from hypothesis import strategies as st

    e = st.sampled_from([0.0, 0.1, 0.25, 0.5])
    return st.tuples(e, st.sampled_from([0.5, 0.75, 1.0]), st.integers(1, 6))


EXERCISES = [
    Exercise(
        "right from beginning to end",
        expected=0.97**21,
        rtol=5e-3,
        mistakes=(
            Mistake(0.97, "That is the share of words. A sentence is right only if all 21 are."),
            Mistake(0.97**20, "The end is a word to be guessed too: 21 factors."),
            Mistake(1 - 21 * 0.03, "That adds the chances of errors, which counts sentences with two errors twice: multiply."),
            Mistake(0.0, "Few, but not none: 21 factors of 0.97."),
        ),
        hint="Independent events: the probability that all happen is the product, p^T with T = 21.",
    ),
    Exercise(
        "shifted",
        expected=moved_right,
        inputs=shifts(),
        mistakes=(
            Mistake(lambda targets, start, pad: np.where(targets < 0, pad, targets),
                    "It would read what it must say: move everything one place to the right, behind start."),
            Mistake(
                lambda targets, start, pad: np.concatenate([np.full((len(targets), 1), start), targets[:, :-1]], axis=1),
                "-100 is no token: where nothing is asked, the decoder reads pad.",
            ),
            Mistake(
                lambda targets, start, pad: np.concatenate(
                    [np.full((len(targets), 1), start), np.where(targets < 0, pad, targets)], axis=1
                ),
                "As wide as the targets: the last one is said and never read.",
            ),
            Mistake(lambda targets, start, pad: np.roll(moved_right(targets, start, pad), -1, axis=1),
                    "start stands first in every row."),
        ),
        hint="A column of start, then all columns of the targets but the last, -100 replaced by pad.",
    ),
    Exercise(
        "one share of BLEU",
        expected=share_of_runs,
        inputs=sentences(),
        mistakes=(
            Mistake(unclipped, "A run counts at most as often as it stands in the reference: else «the the the» is perfect."),
            Mistake(recall, "That is a share of the reference's runs, recall. BLEU takes the share of the guess's."),
            Mistake(distinct, "You count different runs; one that stands twice on both sides counts twice."),
            Mistake(lambda gold, guess, n: share_of_runs(gold, guess, 1), "That takes single words whatever n is."),
        ),
        hint="Two Counters of tuples of n words; & keeps the smaller count of each.",
    ),
    Exercise(
        "until the first error",
        expected=words_before_error,
        inputs=guesses(),
        mistakes=(
            Mistake(lambda logits, y: int((logits.argmax(axis=1) == y).sum()),
                    "Words that the teacher's run gets right after an error do not count: alone, it would not be there."),
            Mistake(lambda logits, y: int((logits.argmax(axis=1) == y).argmin()),
                    "argmin answers 0 when every word is right: that case needs T."),
            Mistake(lambda logits, y: words_before_error(logits, y) + 1, "One too many: the wrong word itself is not right."),
            Mistake(lambda logits, y: bool((logits.argmax(axis=1) == y).all()), "Not whether, but how many."),
        ),
        hint="Until the first error both runs are the same: count the leading guesses that equal y.",
    ),
    Exercise(
        "the loss of a batch",
        expected=loss_of_batch,
        inputs=batches(),
        mistakes=(
            Mistake(mean_of_means, "A mean of the sentences' means: a word of a short sentence would count more."),
            Mistake(over_all_places, "You divide by B·T. Divide by the number of places where something is asked."),
            Mistake(lambda logits, targets: -loss_of_batch(logits, targets), "The sign: a loss is −log P, at least 0."),
            Mistake(lambda logits, targets: loss_of_batch(logits, targets) * (targets >= 0).sum(),
                    "That is the sum; the loss is the mean over asked tokens."),
        ),
        hint="log-softmax, the target's entry at each asked place, minus their mean over all asked places.",
    ),
    Exercise(
        "expected errors",
        expected=expected_errors,
        inputs=chances(),
        mistakes=(
            Mistake(lambda e, f, T: T * e,
                    "That is with a teacher, where every place errs with e. Alone, an error has consequences."),
            Mistake(lambda e, f, T: 1 - (1 - e) ** T, "That is the probability of at least one error, not how many there are."),
            Mistake(lambda e, f, T: e + (T - 1) * f, "Only if the first place errs for certain do all others err with f."),
            Mistake(
                lambda e, f, T: float((1 - (1 - e) ** np.arange(T)).sum() * f),
                "The first error itself is one too: at a clean beginning it comes with e.",
            ),
        ),
        hint="Place t has a clean beginning with probability (1 − e)^(t−1): e then, else f. Expectations add over places.",
    ),
]
