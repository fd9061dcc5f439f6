"""Lesson 23: encoder and decoder."""

import math

import numpy as np
from hypothesis import strategies as st

import tinyllm.functional as F
from tinyllm.autograd import grad
from tinyllm.book import Exercise, Mistake
from tinyllm.book.draws import arrays


def log_probability_of(logits, y):
    return np.sum(F.log_softmax(logits)[np.arange(len(y)), y])


@st.composite
def logits_and_target(draw):
    (logits,) = draw(arrays("T V", V=(2, 4)))
    y = draw(st.lists(st.integers(0, logits.shape[1] - 1), min_size=len(logits), max_size=len(logits)))
    return logits, np.array(y)


def cross_mask(lengths, S, T):
    real = np.arange(S) < np.asarray(lengths)[:, None]                          # (B, S)
    return np.repeat(real[:, None, None, :], T, axis=2)


@st.composite
def lengths_and_sizes(draw):
    S, T = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    lengths = draw(st.lists(st.integers(1, S), min_size=1, max_size=3))
    return np.array(lengths), S, T


def cross_attention(y, m, w_q, w_k, w_v):
    return F.attention(y @ w_q, m @ w_k, m @ w_v)


def n_parameters(V, C, N, n):
    encoder_layer = 12 * C**2 + 13 * C
    decoder_layer = encoder_layer + 4 * C**2 + 4 * C + 2 * C
    return V * C + 2 * N * C + n * (encoder_layer + decoder_layer) + 2 * 2 * C


def ended(e):
    return 1 - np.prod(1 - e)


def gradient_of_memory(y, m, g):
    return grad(lambda memory: np.sum(F.attention(y, memory, memory) * g))(m)


def through_keys(y, m, g):
    p = F.attention_weights(y, m)
    gp = g @ m.T
    return (p * (gp - np.sum(p * gp, axis=-1, keepdims=True))).T @ y / math.sqrt(y.shape[-1])


def through_values(y, m, g):
    return F.attention_weights(y, m).T @ g


EXERCISES = [
    Exercise(
        "shapes",
        expected=((2, 7, 32), (2, 4, 5, 7), (2, 5, 100)),
        mistakes=(
            Mistake(((2, 7, 32), (2, 4, 7, 5), (2, 5, 100)), "Scores have a row for each query, and the target asks."),
            Mistake(
                ((2, 7, 32), (2, 4, 5, 5), (2, 5, 100)),
                "That is the decoder's look at itself: across, the keys are the source's.",
            ),
            Mistake(((2, 5, 32), (2, 4, 5, 7), (2, 5, 100)), "The memory has a row for each token of the source."),
            Mistake(
                ((2, 7, 32), (2, 4, 5, 7), (2, 7, 100)),
                "Logits say what comes next in the target: one row a target token.",
            ),
        ),
        hint="Memory: a row a source token. Scores: heads, queries (target) × keys (source). Logits: a row a target token.",
    ),
    Exercise(
        "the logarithm of the product",
        expected=log_probability_of,
        inputs=logits_and_target(),
        mistakes=(
            Mistake(
                lambda logits, y: np.mean(F.log_softmax(logits)[np.arange(len(y)), y]),
                "That is the mean a token, as in a loss. The logarithm of a product is the sum.",
            ),
            Mistake(
                lambda logits, y: np.sum(logits[np.arange(len(y)), y]),
                "Logits are not logarithms of probabilities yet: each row misses the subtraction of log Σ e^logit.",
            ),
            Mistake(
                lambda logits, y: np.exp(np.sum(F.log_softmax(logits)[np.arange(len(y)), y])),
                "That is P, not log P. (With many tokens it would underflow to 0.)",
            ),
            Mistake(
                lambda logits, y: -np.sum(F.log_softmax(logits)[np.arange(len(y)), y]),
                "That is the loss, −log P: leave out the minus.",
            ),
            Mistake(
                lambda logits, y: np.sum(np.max(F.log_softmax(logits), axis=1)),
                "That takes the likeliest token of each row; asked is the target's.",
            ),
        ),
        hint="A log-softmax along V, pick the target's entry in each row, and add up.",
    ),
    Exercise(
        "the mask of cross-attention",
        expected=cross_mask,
        inputs=lengths_and_sizes(),
        mistakes=(
            Mistake(
                lambda lengths, S, T: cross_mask(lengths, S, T) & (np.arange(S) <= np.arange(T)[:, None]),
                "No causal mask here: the source is there from the beginning, target token 0 may see all of it.",
            ),
            Mistake(lambda lengths, S, T: ~cross_mask(lengths, S, T), "True means may look: yours shows the padding alone."),
            Mistake(
                lambda lengths, S, T: (np.arange(S) < np.asarray(lengths)[:, None])[:, None, None, :],
                "Right entries, but of shape (B, 1, 1, S). That would broadcast; here the T rows are wanted.",
            ),
            Mistake(
                lambda lengths, S, T: np.repeat((np.arange(S) <= np.asarray(lengths)[:, None])[:, None, None, :], T, axis=2),
                "One too many: a source of 3 tokens has the places 0, 1 and 2.",
            ),
            Mistake(lambda lengths, S, T: np.ones((len(lengths), 1, T, S), bool), "Padding of the source must not be seen."),
        ),
        hint="Place s of row b is real where s < lengths[b], for every target token alike.",
    ),
    Exercise(
        "cross-attention",
        expected=cross_attention,
        inputs=arrays("T C", "S C", "C D", "C D", "C E"),
        mistakes=(
            Mistake(
                lambda y, m, w_q, w_k, w_v: F.attention(m @ w_q, y @ w_k, y @ w_v),
                "Queries and keys have changed places: the target asks, the source is asked.",
            ),
            Mistake(
                lambda y, m, w_q, w_k, w_v: F.attention(y @ w_q, y @ w_k, y @ w_v),
                "That is self-attention: the memory does not occur.",
            ),
            Mistake(
                lambda y, m, w_q, w_k, w_v: F.attention(y @ w_k, m @ w_q, m @ w_v),
                "The matrices of query and key have changed places.",
            ),
            Mistake(
                lambda y, m, w_q, w_k, w_v: F.softmax(y @ w_q @ (m @ w_k).T) @ (m @ w_v),
                "The scores are not divided by √D.",
            ),
        ),
        hint="Queries y W_Q; keys m W_K and values m W_V; then F.attention.",
    ),
    Exercise(
        "the number of parameters",
        expected=n_parameters,
        inputs=st.tuples(*(st.integers(1, 9) for _ in range(4))),
        mistakes=(
            Mistake(
                lambda V, C, N, n: V * C + 2 * N * C + 2 * n * (12 * C**2 + 13 * C) + 4 * C,
                "A decoder's layer has one attention and one norm more than an encoder's.",
            ),
            Mistake(
                lambda V, C, N, n: n_parameters(V, C, N, n) - 2 * C * n,
                "The third sublayer has a norm of its own: 2C in each decoder layer.",
            ),
            Mistake(lambda V, C, N, n: n_parameters(V, C, N, n) - 4 * C, "Each stack ends with a norm: 2 · 2C."),
            Mistake(lambda V, C, N, n: n_parameters(V, C, N, n) - N * C, "Source and target have a table of positions each."),
            Mistake(
                lambda V, C, N, n: n_parameters(V, C, N, n) + V * C,
                "One embedding serves source, target and head: count it once.",
            ),
            Mistake(
                lambda V, C, N, n: n_parameters(V, C, N, n) - 4 * C * n,
                "The cross-attention's four linear layers have biases.",
            ),
        ),
        hint="VC + 2NC; n layers of 12C² + 13C; n with another attention (4C² + 4C) and norm (2C); two last norms.",
    ),
    Exercise(
        "when it has ended",
        expected=ended,
        inputs=arrays("N", low=0.0, high=1.0, step=0.125),
        mistakes=(
            Mistake(np.sum, "The sum counts e_2 even if the text has ended at place 1, and can exceed 1."),
            Mistake(np.prod, "That would be: it ends at every place."),
            Mistake(lambda e: np.prod(1 - e), "That is the probability that it has *not* ended yet."),
            Mistake(
                lambda e: e[-1] * np.prod(1 - e[:-1]),
                "That it ends exactly at place N. At most N: add the earlier places, or take the opposite's opposite.",
            ),
        ),
        hint="It has not ended by N if it failed to end N times: the product of 1 − e_t. The rest is what is asked.",
    ),
    Exercise(
        "the memory's gradient",
        expected=gradient_of_memory,
        inputs=arrays("T C", "S C", "T C", S=(2, 4)),
        mistakes=(
            Mistake(through_values, "That is the way of the values, Pᵀ g. The memory also decides, as keys, where one looks."),
            Mistake(through_keys, "That is the way of the keys. The memory is also what is fetched: add Pᵀ g."),
            Mistake(
                lambda y, m, g: through_values(y, m, g) + through_keys(y, m, g) * math.sqrt(y.shape[-1]),
                "The scores are divided by √C, so is their gradient on its way to the keys.",
            ),
            Mistake(
                lambda y, m, g: through_values(y, m, g)
                + (F.attention_weights(y, m) * (g @ m.T)).T @ y / math.sqrt(y.shape[-1]),
                "The softmax's gradient has a second part: − P Σ_j P_j (g mᵀ)_j, row by row.",
            ),
        ),
        hint="∂L/∂M = Pᵀ g (values) + (∂L/∂scores)ᵀ Y / √C (keys), with lesson 12's ∂L/∂scores.",
    ),
]
