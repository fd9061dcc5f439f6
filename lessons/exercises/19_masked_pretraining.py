"""Lesson 19: masked pretraining."""

import numpy as np
from hypothesis import strategies as st

import tinyllm.functional as F
from tinyllm.autograd import grad
from tinyllm.book import Exercise, Mistake
from tinyllm.book.draws import arrays, token_ids


def targets_of(ids, hidden):
    return np.where(hidden, ids, -100)


def what_is_shown(ids, first, second, words, mask_id, p):
    replaced = np.where(second < 0.8, mask_id, np.where(second < 0.9, words, ids))
    return np.where(first < p, replaced, ids)


def second_alone(ids, first, second, words, mask_id, p):
    return np.where(second < 0.8, mask_id, np.where(second < 0.9, words, ids))


def shares_of_all(ids, first, second, words, mask_id, p):
    """The first throw used for everything, as if the shares were of all tokens."""
    return np.where(first < 0.8 * p, mask_id, np.where(first < 0.9 * p, words, ids))


def never_random(ids, first, second, words, mask_id, p):
    return np.where((first < p) & (second < 0.8), mask_id, ids)


def always_mask(ids, first, second, words, mask_id, p):
    return np.where(first < p, mask_id, ids)


def masked_loss(log_p, targets):
    rows = np.flatnonzero(targets != -100)
    return -np.mean(log_p[rows, targets[rows]])


def gradient_of_logits(logits, targets):
    return grad(lambda z: F.cross_entropy(z, targets))(logits)


def gradient_everywhere(logits, targets):
    """Divided by all places, and not 0 where nothing counts: the softmax is left standing there."""
    one_hot = np.eye(logits.shape[-1])[np.maximum(targets, 0)] * (targets != -100)[:, None]
    return (F.softmax(logits) - one_hot) / np.sum(targets != -100)


def belief_given_shown(q, s, k, r):
    likelihood = np.full(len(q), r / len(q))
    likelihood[s] += k
    return q * likelihood / np.sum(q * likelihood)


def blend(q, s, k, r):
    """The share of asked places that show the token itself, taken for the probability that it is right."""
    return k / (k + r) * np.eye(len(q))[s] + r / (k + r) * q


def some_hidden(args):
    """Scores (T, V) and targets (T,), −100 at every second place from the second on."""
    (scores,), (targets,) = args
    T = min(len(scores), len(targets))
    return scores[:T], np.where(np.arange(T) % 2 == 1, -100, targets[:T])


def throws():
    """ids, two throws, words: T of each; <mask> is 9."""
    first, second = st.sampled_from([0.02, 0.2, 0.4, 0.7]), st.sampled_from([0.3, 0.7, 0.82, 0.88, 0.92, 0.98])

    def draw(n):
        ids = st.lists(st.integers(0, 7), min_size=n, max_size=n).map(np.array)
        throws = (st.lists(one, min_size=n, max_size=n).map(np.array) for one in (first, second))
        return st.tuples(ids, *throws, ids, st.just(9), st.sampled_from([0.25, 0.5]))

    return st.integers(1, 6).flatmap(draw)


def beliefs():
    """q (V,), a shown token, k and r."""
    q = arrays("V", V=(2, 4)).map(lambda drawn: F.softmax(drawn[0]))
    some = st.sampled_from([0.0, 0.1, 0.2])
    return q.flatmap(lambda q: st.tuples(st.just(q), st.integers(0, len(q) - 1), some, st.sampled_from([0.1, 0.2])))


EXERCISES = [
    Exercise(
        "shares",
        expected=(150, 120, 135, 15),
        mistakes=(
            Mistake((150, 120, 15, 15),
                    "<mask> is not what the text has there either: (c) counts the masked and the random ones."),
            Mistake((150, 800, 900, 100), "80, 10 and 10% are shares of the *hidden* places, of which there are 150."),
            Mistake((1000, 120, 135, 15), "The loss counts the hidden places alone."),
            Mistake((135, 120, 135, 15), "Places that show the right token count too, if they were chosen: (a) is all 150."),
            Mistake((150, 120, 135, 865),
                    "Most tokens that are shown as they are do not count in the loss: they were not chosen."),
        ),
        hint="150 places are chosen: 120 show <mask>, 15 a random token, 15 the right one. All 150 count.",
    ),
    Exercise(
        "targets",
        expected=targets_of,
        inputs=token_ids("B T", "B T", T=(2, 4)).map(lambda drawn: (drawn[0], drawn[1] > 4)),
        mistakes=(
            Mistake(lambda ids, hidden: np.where(hidden, -100, ids), "The other way round: the *hidden* places are asked for."),
            Mistake(lambda ids, hidden: ids, "These count everywhere: the model would be paid for copying."),
            Mistake(lambda ids, hidden: ids * hidden, "0 is a token too: places that do not count need −100."),
            Mistake(lambda ids, hidden: ids[hidden], "That is only the hidden ones, in a row: keep the shape (B, T)."),
        ),
        hint="np.where(hidden, ids, -100).",
    ),
    Exercise(
        "what is shown",
        expected=what_is_shown,
        inputs=throws(),
        mistakes=(
            Mistake(always_mask, "Only 80% of the hidden places show <mask>: look at the second throw."),
            Mistake(never_random, "Between 0.8 and 0.9 the second throw asks for a random token."),
            Mistake(second_alone, "What is not hidden (first ≥ p) stays as it is, whatever the second throw says."),
            Mistake(shares_of_all, "Two throws: the first decides *whether*, the second behind *what*."),
            Mistake(lambda ids, first, second, words, mask_id, p: np.where(
                first < p, np.where(second < 0.8, mask_id, words), ids), "From 0.9 on the token stays as it is."),
        ),
        hint="hidden = first < p; inside it np.where(second < 0.8, mask_id, np.where(second < 0.9, words, ids)).",
    ),
    Exercise(
        "the masked loss",
        expected=masked_loss,
        inputs=st.tuples(arrays("T V", T=(2, 5), V=3), token_ids("T", vocab_size=3, T=(2, 5))).map(some_hidden).map(
            lambda drawn: (F.log_softmax(drawn[0]), drawn[1])),
        mistakes=(
            Mistake(lambda log_p, targets: masked_loss(log_p, targets) * np.mean(targets != -100),
                    "Divide by the number of *hidden* places, not by all."),
            Mistake(lambda log_p, targets: masked_loss(log_p, targets) * np.sum(targets != -100),
                    "That is the sum: take the mean."),
            Mistake(lambda log_p, targets: -masked_loss(log_p, targets), "Minus the logarithm: a loss is positive."),
            Mistake(lambda log_p, targets: -np.mean(np.max(log_p[targets != -100], axis=-1)),
                    "That is the surprise of the likeliest token. Asked is that of the right one."),
        ),
        hint="rows = np.flatnonzero(targets != -100), then log_p[rows, targets[rows]].",
    ),
    Exercise(
        "its gradient",
        expected=gradient_of_logits,
        inputs=st.tuples(arrays("T V", T=(2, 5), V=3), token_ids("T", vocab_size=3, T=(2, 5))).map(some_hidden),
        mistakes=(
            Mistake(gradient_everywhere,
                    "Where nothing is asked the loss does not depend on the logits: the gradient is 0 there."),
            Mistake(lambda logits, targets: gradient_of_logits(logits, targets) * np.mean(targets != -100),
                    "The mean is over the hidden places: divide by their number, not by T."),
            Mistake(lambda logits, targets: gradient_of_logits(logits, targets) * np.sum(targets != -100),
                    "The loss is a mean: divide by the number of hidden places."),
            Mistake(lambda logits, targets: -gradient_of_logits(logits, targets),
                    "The sign: a higher logit of the right token makes the loss smaller."),
            Mistake(lambda logits, targets: gradient_of_logits(logits, targets)[targets != -100],
                    "Rows of zeros belong to the answer too: the shape is that of the logits, (T, V)."),
        ),
        hint="softmax − onehot at the hidden places, divided by their number; 0 elsewhere.",
    ),
    Exercise(
        "belief in what is shown",
        expected=belief_given_shown,
        inputs=beliefs(),
        mistakes=(
            Mistake(blend, "The context counts as well: by Bayes' rule q is *multiplied* by the probability of showing s."),
            Mistake(lambda q, s, k, r: q, "That ignores what is shown. It is right only for k = 0."),
            Mistake(lambda q, s, k, r: np.eye(len(q))[s], "That believes blindly. It is right only for r = 0."),
            Mistake(lambda q, s, k, r: q * (k * np.eye(len(q))[s] + r / len(q)),
                    "Divide by the sum: they must be probabilities."),
            Mistake(lambda q, s, k, r: q * np.where(np.arange(len(q)) == s, k, r) / np.sum(
                q * np.where(np.arange(len(q)) == s, k, r)),
                "A random token is s only once in V times, r/V; and it may be s even where s is right."),
        ),
        hint="P(right = v | s shown) ∝ q_v · P(s shown | right = v), and the latter is k [v = s] + r / V.",
    ),
]
