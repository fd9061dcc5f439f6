"""Lesson 17: causal pretraining."""

import math

import numpy as np
from hypothesis import strategies as st

import tinyllm.functional as F
from tinyllm.book import Exercise, Mistake
from tinyllm.book.draws import arrays, token_ids


def shift(windows):
    return windows[:, :-1], windows[:, 1:]


def log_likelihood(first, following, text):
    return np.log(first[text[0]]) + np.sum(np.log(following[text[:-1], text[1:]]))


def perplexity(p):
    return np.exp(-np.mean(np.log(p)))


def bits_per_character(loss, n_tokens, n_characters):
    return loss * n_tokens / n_characters / math.log(2)


def counted_loss(log_p, targets):
    """log_p (T, V), targets (T,) with −1 where no token counts."""
    counted = targets >= 0
    return -np.mean(log_p[np.flatnonzero(counted), targets[counted]])


def total_of_both_sides(joint):
    p1, p2 = joint.sum(axis=1, keepdims=True), joint.sum(axis=0, keepdims=True)
    return np.sum((joint / p1) * (joint / p2))


@st.composite
def bigram_and_text(draw):
    """P(x1) (V,), P(next | before) (V, V), all positive, and a text (T,) of at least two tokens."""
    first, following, text = draw(st.tuples(arrays("V", "V V", V=(2, 3)), token_ids("T", vocab_size=2, T=(2, 4))).map(
        lambda pair: (*pair[0], *pair[1])))
    return F.softmax(first), F.softmax(following), text


def marked(args):
    """Scores and targets → log probabilities, and −1 in place of every third target, never of the first."""
    (scores,), (targets,) = args
    T = min(len(scores), len(targets))
    places = np.arange(T)
    return F.log_softmax(scores[:T]), np.where(places % 3 == 1, -1, targets[:T])


def sizes():
    """A loss, a number of tokens and, larger, one of characters."""
    return st.tuples(st.integers(1, 20), st.integers(1, 9), st.integers(1, 9)).map(lambda n: (n[0] / 4, n[1], n[1] + n[2]))


EXERCISES = [
    Exercise(
        "perplexity by hand",
        expected=4.0,
        mistakes=(
            Mistake(14 / 3, "That is the mean of 1/p. The mean is taken of the logarithms, so it is a geometric one."),
            Mistake(24 / 7, "That is 1 over the mean probability. Take the mean of the logarithms first."),
            Mistake(64.0, "That is 1 over the probability of the whole text. Perplexity is per token: take the third root."),
            Mistake(2.0, "That is the loss in bits a token. Perplexity is 2 to this power."),
            Mistake(math.log(4), "That is the loss in nats a token. Perplexity is e to this power."),
        ),
        hint="−log₂ of ½, ¼ and ⅛ are 1, 2 and 3 bits. Their mean is the loss in bits; perplexity is 2 to that power.",
    ),
    Exercise(
        "shift",
        expected=shift,
        inputs=token_ids("B S", S=(2, 5)),
        mistakes=(
            Mistake(lambda windows: (windows[:, 1:], windows[:, :-1]),
                    "The other way round: the target is what comes *after*."),
            Mistake(lambda windows: (windows[:, :-1], windows[:, :-1]),
                    "Here the target is the token that the model is looking at: it would learn to copy."),
            Mistake(lambda windows: (windows[:-1], windows[1:]),
                    "That shifts the rows of the batch. Shift along the second axis."),
            Mistake(lambda windows: (windows, np.roll(windows, -1, axis=1)),
                    "np.roll brings the first token round to the end, as the target of the last. Both lose one token instead."),
        ),
        hint="ids are all tokens of a row but the last, targets all but the first.",
    ),
    Exercise(
        "log-likelihood of a text",
        expected=log_likelihood,
        inputs=bigram_and_text(),
        mistakes=(
            Mistake(lambda first, following, text: np.sum(np.log(following[text[:-1], text[1:]])),
                    "The first token has a probability too: P(x1) is the first factor of the product."),
            Mistake(lambda first, following, text: -log_likelihood(first, following, text),
                    "That is the loss. The log-likelihood has the other sign: it is never above 0."),
            Mistake(lambda first, following, text: np.log(first[text[0]]) + np.sum(np.log(following[text[1:], text[:-1]])),
                    "The table's row is the token *before*, its column the one that follows."),
            Mistake(lambda first, following, text: log_likelihood(first, following, text) / len(text),
                    "That is the mean per token. Asked is the logarithm of the probability of the whole text."),
            Mistake(lambda first, following, text: first[text[0]] * np.prod(following[text[:-1], text[1:]]),
                    "That is the probability itself. Add logarithms instead: long products underflow."),
        ),
        hint="log P(x1) + Σ log P(x_i | x_{i−1}); following[text[:-1], text[1:]] picks all the factors at once.",
    ),
    Exercise(
        "perplexity",
        expected=perplexity,
        inputs=arrays("T", low=0.125, high=1.0, step=0.125),
        mistakes=(
            Mistake(lambda p: np.mean(1 / p), "The mean is taken of the logarithms: it is the geometric mean of 1/p."),
            Mistake(lambda p: 1 / np.mean(p), "The mean is taken of the logarithms, not of the probabilities."),
            Mistake(lambda p: np.exp(-np.sum(np.log(p))),
                    "That grows with the length of the text: take the mean, not the sum."),
            Mistake(lambda p: -np.mean(np.log(p)), "That is the loss in nats; perplexity is e to this power."),
            Mistake(lambda p: 2 ** -np.mean(np.log(p)), "With a natural logarithm the power is one of e, not of 2."),
        ),
        hint="exp of the mean of −log p.",
    ),
    Exercise(
        "bits per character",
        expected=bits_per_character,
        inputs=sizes(),
        mistakes=(
            Mistake(lambda loss, n_tokens, n_characters: loss / math.log(2), "Those are bits per *token*."),
            Mistake(lambda loss, n_tokens, n_characters: loss * n_tokens / n_characters,
                    "Those are nats per character: a bit is ln 2 nats, so divide by ln 2."),
            Mistake(lambda loss, n_tokens, n_characters: loss * n_tokens / n_characters * math.log(2),
                    "One bit is ln 2 ≈ 0.69 nats, so there are *more* bits than nats: divide."),
            Mistake(lambda loss, n_tokens, n_characters: loss * n_characters / n_tokens / math.log(2),
                    "The whole text costs loss · tokens; spread it over the characters."),
        ),
        hint="The whole text costs loss · n_tokens nats. Turn nats into bits, divide by the number of characters.",
    ),
    Exercise(
        "a loss that leaves tokens out",
        expected=counted_loss,
        inputs=st.tuples(arrays("T V", T=(2, 5), V=3), token_ids("T", vocab_size=3, T=(2, 5))).map(marked),
        mistakes=(
            Mistake(lambda log_p, targets: -np.mean(log_p[np.arange(len(targets)), targets]),
                    "−1 counted backwards and picked the last token of the vocabulary. Pick only where a target is given."),
            Mistake(lambda log_p, targets: counted_loss(log_p, targets) * np.mean(targets >= 0),
                    "Divide by the number of tokens that *count*, not by all of them."),
            Mistake(lambda log_p, targets: counted_loss(log_p, targets) * np.sum(targets >= 0),
                    "That is the sum. Divide by how many tokens count."),
            Mistake(lambda log_p, targets: -counted_loss(log_p, targets), "A loss is *minus* the logarithm: it is positive."),
        ),
        hint="counted = targets >= 0; then rows np.flatnonzero(counted) and columns targets[counted], and a mean.",
    ),
    Exercise(
        "when both sides are seen",
        expected=total_of_both_sides,
        inputs=arrays("V W", V=(2, 3), W=(2, 3)).map(lambda drawn: (F.softmax(drawn[0].ravel()).reshape(drawn[0].shape),)),
        mistakes=(
            Mistake(lambda joint: 1.0,
                    "It would be 1 for P(x1) P(x2 | x1). Here both factors are conditional on the other token."),
            Mistake(lambda joint: np.sum(joint / joint.sum(axis=1, keepdims=True)),
                    "That is the sum of P(x2 | x1) alone: the number of values of x1. The second factor is missing."),
            Mistake(lambda joint: np.sum(joint**2),
                    "The joint probabilities must be divided by the sums of their rows and columns."),
            Mistake(lambda joint: np.sum((joint / joint.sum(axis=1, keepdims=True)) ** 2),
                    "Both factors are P(x2 | x1) now; one must be P(x1 | x2), divided by the sums of the *columns*."),
        ),
        hint="P(x1 | x2) = joint / its column's sum, P(x2 | x1) = joint / its row's sum. Multiply, then sum over all pairs.",
    ),
]
