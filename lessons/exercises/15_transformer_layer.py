"""Lesson 15: the Transformer layer, encoder and decoder."""

import math

import numpy as np

import tinyllm.functional as F
from tinyllm.book import Exercise, Mistake
from tinyllm.book.draws import arrays


def norm(x):
    return F.layer_norm(x, np.ones(x.shape[-1]))


def network(h, w1, w2):
    return np.maximum(0, h @ w1) @ w2


def attend(h, source=None, causal=False):
    source = h if source is None else source
    return F.attention(h, source, source, causal=causal)


def feed_forward(x, w1, b1, w2, b2):
    return np.maximum(0, x @ w1 + b1) @ w2 + b2


def encoder_layer(x, w1, w2):
    x = x + attend(norm(x))
    return x + network(norm(x), w1, w2)


def cross_attention(y, s, w_q, w_k, w_v):
    return F.attention(y @ w_q, s @ w_k, s @ w_v)


def decoder_layer(y, s, w1, w2, causal=True):
    y = y + attend(norm(y), causal=causal)
    y = y + attend(norm(y), s)
    return y + network(norm(y), w1, w2)


def source_first(y, s, w1, w2):
    y = y + attend(norm(y), s)
    y = y + attend(norm(y), causal=True)
    return y + network(norm(y), w1, w2)


def post_norm(x, w1, w2):
    x = norm(x + attend(x))
    return norm(x + network(x, w1, w2))


def side_by_side(x, w1, w2):
    return x + attend(norm(x)) + network(norm(x), w1, w2)


def encoder_layer_without_second_norm(x, w1, w2):
    x = x + attend(norm(x))
    return x + network(x, w1, w2)


def floor(n, s):
    return math.log(math.exp(s) + n - 1) - s


def vocabularies_and_scales():
    from hypothesis import strategies as st

    return st.tuples(st.integers(2, 50), st.sampled_from([0.5, 1.0, 2.0, 5.0]))


EXERCISES = [
    Exercise(
        "counting",
        expected=(440, 850, 40),
        mistakes=(
            Mistake((400, 800, 40), "The biases: each matrix has one, as wide as its output."),
            Mistake((440, 850, 20), "Two norms, and each has a weight and a bias."),
            Mistake((330, 850, 40), "Four matrices: queries, keys, values, and the output projection behind the heads."),
            Mistake((880, 850, 40), "Heads cut the width into pieces: two heads have no more parameters than one."),
            Mistake((440, 820, 40), "The first bias of the network is as wide as its hidden layer, 40, the second 10."),
        ),
        hint="Attention 4C² + 4C, network 8C² + 5C, norms 2 · 2C.",
    ),
    Exercise(
        "the feed-forward network",
        expected=feed_forward,
        inputs=arrays("T C", "C D", "D", "D C", "C"),
        mistakes=(
            Mistake(lambda x, w1, b1, w2, b2: (x @ w1 + b1) @ w2 + b2, "Without the bend, max(0, …), both maps are one."),
            Mistake(
                lambda x, w1, b1, w2, b2: np.maximum(0, feed_forward(x, w1, b1, w2, b2)),
                "The bend comes between the two maps; behind the last there is none, or nothing negative could be added.",
            ),
            Mistake(
                lambda x, w1, b1, w2, b2: np.maximum(0, (x @ w1 + b1) @ w2 + b2),
                "The bend stands between the two maps, not behind both.",
            ),
            Mistake(
                lambda x, w1, b1, w2, b2: np.maximum(0, x @ w1) @ w2 + b2,
                "The first bias is missing: it moves the place of the bend.",
            ),
            Mistake(
                lambda x, w1, b1, w2, b2: x + feed_forward(x, w1, b1, w2, b2),
                "The residual sum belongs to the layer, not to the network itself.",
            ),
        ),
        hint="max(0, x W₁ + b₁) W₂ + b₂.",
    ),
    Exercise(
        "an encoder layer",
        expected=encoder_layer,
        inputs=arrays("T C", "C D", "D C", C=(2, 4)),
        mistakes=(
            Mistake(post_norm, "That is post-norm. In pre-norm the norm is applied to what a sublayer reads: x + f(norm(x))."),
            Mistake(side_by_side, "The network reads the stream *after* attention has added to it."),
            Mistake(
                lambda x, w1, w2: network(norm(attend(norm(x))), w1, w2),
                "The residual sums are missing: each sublayer adds to x.",
            ),
            Mistake(
                encoder_layer_without_second_norm,
                "The second sublayer needs a norm of its own in front.",
            ),
            Mistake(lambda x, w1, w2: x + attend(norm(x)), "The second sublayer is missing."),
            Mistake(
                lambda x, w1, w2: x + attend(norm(x), causal=True) + network(norm(x + attend(norm(x), causal=True)), w1, w2),
                "An encoder has no causal mask: every token sees every other.",
            ),
        ),
        hint="x = x + attention(norm(x)), then x + network(norm(x)).",
    ),
    Exercise(
        "cross-attention",
        expected=cross_attention,
        inputs=arrays("T C", "S C", "C D", "C D", "C E"),
        mistakes=(
            Mistake(
                lambda y, s, w_q, w_k, w_v: F.attention(s @ w_q, y @ w_k, y @ w_v),
                "The other way round: who asks is the target y. The result has a row for each of its tokens.",
            ),
            Mistake(
                lambda y, s, w_q, w_k, w_v: F.attention(y @ w_q, y @ w_k, y @ w_v),
                "That is self-attention: the source does not occur.",
            ),
            Mistake(
                lambda y, s, w_q, w_k, w_v: F.attention(y @ w_q, s @ w_k, s @ w_v, causal=True),
                "No causal mask here: the whole source may be seen.",
            ),
            Mistake(
                lambda y, s, w_q, w_k, w_v: F.attention(y @ w_k, s @ w_q, s @ w_v),
                "w_q makes queries, from y; w_k makes keys, from s.",
            ),
        ),
        hint="F.attention of y W_q, s W_k and s W_v.",
    ),
    Exercise(
        "a decoder layer",
        expected=decoder_layer,
        inputs=arrays("T C", "S C", "C D", "D C", C=(2, 4), T=(1, 4), S=(1, 4)),
        mistakes=(
            Mistake(
                lambda y, s, w1, w2: decoder_layer(y, s, w1, w2, causal=False),
                "The first sublayer needs causal=True: later words of the target must not be seen.",
            ),
            Mistake(
                lambda y, s, w1, w2: decoder_layer(y, y, w1, w2),
                "Keys and values of the second sublayer come from the source s.",
            ),
            Mistake(source_first, "First the target looks at itself, then at the source."),
            Mistake(
                lambda y, s, w1, w2: y + attend(norm(y), causal=True) + attend(norm(y + attend(norm(y), causal=True)), s),
                "The third sublayer, the feed-forward network, is missing.",
            ),
            Mistake(
                lambda y, s, w1, w2: y + attend(norm(y), causal=True) + network(norm(y + attend(norm(y), causal=True)), w1, w2),
                "Cross-attention is missing: the source changes nothing, as in the printed decoder.",
            ),
            Mistake(
                lambda y, s, w1, w2: decoder_layer(y, norm(s), w1, w2),
                "The source is normalised already: use it as it comes.",
            ),
        ),
        hint="y + attention(norm(y)) with causal=True; then y + F.attention(norm(y), s, s); then y + network(norm(y)).",
    ),
    Exercise(
        "the floor of two softmaxes",
        expected=floor,
        inputs=vocabularies_and_scales(),
        mistakes=(
            Mistake(lambda n, s: math.log(math.e + n - 1) - 1, "That is the floor for s = 1: the right word's score is s · 1."),
            Mistake(lambda n, s: math.log(math.exp(s) + n) - s, "Besides the right word there are n − 1 others, not n."),
            Mistake(lambda n, s: math.log(n), "That is the loss of guessing: here the model is perfect."),
            Mistake(lambda n, s: 0.0, "The second softmax's scores lie between 0 and s, as probabilities do: never far apart."),
            Mistake(lambda n, s: math.exp(s) / (math.exp(s) + n - 1), "That is the probability: the loss is −ln of it."),
        ),
        hint="Scores: s for the right word, 0 for n − 1 others. The loss is −ln of the softmax of the first.",
    ),
]
