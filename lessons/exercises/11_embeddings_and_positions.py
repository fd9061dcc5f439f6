"""Lesson 11: embeddings and positions."""

import numpy as np
from hypothesis import strategies as st

import tinyllm.functional as F
from tinyllm.book import Exercise, Mistake
from tinyllm.book.draws import arrays, token_ids

ROWS = 4


@st.composite
def ids_and_gradients(draw):
    n, c = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    (ids,), (g,) = draw(token_ids("N", vocab_size=ROWS, N=n)), draw(arrays("N C", N=n, C=c))
    return ids, g, ROWS


def table_gradient(ids, g, n_rows):
    return np.eye(n_rows)[ids].T @ g


def last_one_wins(ids, g, n_rows):
    table = np.zeros((n_rows, g.shape[1]))
    table[ids] += g
    return table


def averaged(ids, g, n_rows):
    counts = np.bincount(ids, minlength=n_rows)[:, None]
    return table_gradient(ids, g, n_rows) / np.maximum(counts, 1)


def angles(context, width, power=2.0, start=0):
    return np.arange(start, start + context)[:, None] * 10000.0 ** (-power * np.arange(width // 2) / width)


def interleaved(even, odd):
    return np.stack([even, odd], axis=-1).reshape(len(even), -1)


def sinusoidal(context, d_model):
    return F.sinusoidal_table(context, d_model, dtype=np.float64)


def wave_halves(context, d_model):
    a = angles(context, d_model)
    return np.concatenate([np.sin(a), np.cos(a)], axis=1)


def cosines_first(context, d_model):
    a = angles(context, d_model)
    return interleaved(np.cos(a), np.sin(a))


def slow_exponent(context, d_model):
    a = angles(context, d_model, power=1.0)
    return interleaved(np.sin(a), np.cos(a))


def counted_from_one(context, d_model):
    a = angles(context, d_model, start=1)
    return interleaved(np.sin(a), np.cos(a))


def turned_waves(P, direction, same_speed=False):
    theta = np.ones(P.shape[1] // 2) if same_speed else angles(1, P.shape[1], start=1)[0]
    sin, cos = P[:, 0::2], P[:, 1::2]
    c, s = np.cos(theta), direction * np.sin(theta)
    return interleaved(sin * c + cos * s, cos * c - sin * s)


def one_earlier(P):
    return turned_waves(P, -1.0)


def halves_earlier(P):
    theta, half = angles(1, P.shape[1], start=1)[0], P.shape[1] // 2
    sin, cos = P[:, :half], P[:, half:]
    return np.concatenate([sin * np.cos(theta) - cos * np.sin(theta), cos * np.cos(theta) + sin * np.sin(theta)], axis=1)


tables = st.tuples(st.integers(1, 3), st.sampled_from([2, 4, 6]), st.integers(1, 20)).map(
    lambda drawn: (F.sinusoidal_table(30, drawn[1], dtype=np.float64)[drawn[2]:drawn[2] + drawn[0]],)
)


def turned(x, direction=1.0, start=0, same_speed=False):
    half = x.shape[1] // 2
    angle = direction * angles(len(x), x.shape[1], 0.0 if same_speed else 2.0, start)
    a, b = x[:, :half], x[:, half:]
    return np.concatenate([a * np.cos(angle) - b * np.sin(angle), b * np.cos(angle) + a * np.sin(angle)], axis=1)


def turn(x):
    return F.rotary(x, *F.rotary_table(*x.shape, dtype=np.float64))


def neighbours_turned(x):
    angle = angles(*x.shape)
    a, b = x[:, 0::2], x[:, 1::2]
    return interleaved(a * np.cos(angle) - b * np.sin(angle), b * np.cos(angle) + a * np.sin(angle))


def alibi_of_heads(n_heads, length):
    slopes = 2.0 ** (-8.0 * np.arange(1, n_heads + 1) / n_heads)
    return -slopes[:, None, None] * np.abs(np.arange(length)[None, :] - np.arange(length)[:, None])


def alibi_from_zero(n_heads, length):
    slopes = 2.0 ** (-8.0 * np.arange(n_heads) / n_heads)
    return -slopes[:, None, None] * np.abs(np.arange(length)[None, :] - np.arange(length)[:, None])


def alibi_signed(n_heads, length):
    slopes = 2.0 ** (-8.0 * np.arange(1, n_heads + 1) / n_heads)
    return -slopes[:, None, None] * (np.arange(length)[:, None] - np.arange(length)[None, :])


EXERCISES = [
    Exercise(
        "shapes",
        expected=((2, 4, 16), 4),
        mistakes=(
            Mistake(((2, 4, 16), 8), "Two places with the same token share a row: count tokens, not places."),
            Mistake(((2, 4, 16), 50), "A token that does not occur was not used, so its row has gradient 0."),
            Mistake(((8, 16), 4), "The shape of the ids stays, (2, 4), and a width of 16 comes behind it."),
            Mistake(((2, 4, 50), 4), "50 is the number of rows; a token gets one row, as wide as the table."),
        ),
        hint="Each id becomes a row of 16 numbers. Which different ids occur?",
    ),
    Exercise(
        "the table's gradient",
        expected=table_gradient,
        inputs=ids_and_gradients(),
        mistakes=(
            Mistake(last_one_wins, "With a repeated id only its last place counts here: the gradients must add up."),
            Mistake(averaged, "The gradients of a token's places are added, not averaged."),
            Mistake(lambda ids, g, n_rows: (np.eye(n_rows)[ids].T @ g).T, "That is the transpose: the table is (V, C)."),
            Mistake(lambda ids, g, n_rows: np.eye(n_rows)[ids], "These are the one-hot rows alone: where is g?"),
        ),
        hint="Y = O W with the one-hot rows O = np.eye(n_rows)[ids], so ∂L/∂W = Oᵀ g.",
    ),
    Exercise(
        "sinusoidal positions",
        expected=sinusoidal,
        inputs=st.tuples(st.integers(1, 5), st.sampled_from([2, 4, 6])),
        mistakes=(
            Mistake(wave_halves, "Sine and cosine of one speed are neighbours: features 2i and 2i + 1."),
            Mistake(cosines_first, "The sine comes first, at the even features."),
            Mistake(slow_exponent, "The exponent is 2i/C, with i counting pairs: yours is i/C."),
            Mistake(counted_from_one, "Positions count from 0: the first row is (0, 1, 0, 1, …)."),
        ),
        hint="angle = t · 10000^(−2i/C) for pair i; its sine at feature 2i, its cosine at 2i + 1.",
    ),
    Exercise(
        "one step back",
        expected=one_earlier,
        inputs=tables,
        mistakes=(
            Mistake(lambda P: turned_waves(P, 1.0), "That is one step on. Turn by −θ_i: the sine changes its sign."),
            Mistake(lambda P: turned_waves(P, -1.0, same_speed=True), "Each pair has its own speed θ_i = 10000^(−2i/C)."),
            Mistake(halves_earlier, "In this table a pair is two neighbours, features 2i and 2i + 1."),
            Mistake(lambda P: sinusoidal(*P.shape), "The table does not start at 0 or 1: compute from the rows given."),
        ),
        hint="sin(a − θ) = sin a cos θ − cos a sin θ and cos(a − θ) = cos a cos θ + sin a sin θ, for each pair.",
    ),
    Exercise(
        "how many orders survive",
        expected=(1, 1, 24),
        mistakes=(
            Mistake((1, 24, 24), "The mean of W + P is the mean of W plus the mean of P, and the second is a constant."),
            Mistake((24, 24, 24), "A mean does not care for the order of its terms: start with (a)."),
            Mistake((1, 1, 1), "In (c) the terms change with the order: a token at another place makes another vector."),
        ),
        hint="Which terms are summed in each case, and are they the same terms for every order?",
    ),
    Exercise(
        "rotary",
        expected=turn,
        inputs=arrays("T 4", T=(1, 4)),
        mistakes=(
            Mistake(lambda x: turned(x, -1.0), "You turn the other way: (a, b) → (a cos − b sin, b cos + a sin)."),
            Mistake(neighbours_turned, "Here the pairs are (i, i + D/2), the two halves, not neighbours."),
            Mistake(lambda x: turned(x, start=1), "Row 0 stands at position 0 and is not turned."),
            Mistake(lambda x: turned(x, same_speed=True), "Each pair has its own speed θ_i = 10000^(−2i/D)."),
        ),
        hint="Split the width in halves a and b; the angles are (T, D/2); turn; put the halves together again.",
    ),
    Exercise(
        "ALiBi for several heads",
        expected=alibi_of_heads,
        inputs=st.tuples(st.integers(1, 4), st.integers(1, 4)),
        mistakes=(
            Mistake(alibi_from_zero, "Heads count from 1: with h = 0 the first slope would be 1."),
            Mistake(alibi_signed, "The distance is |s − t|: nothing gets a bonus for standing ahead."),
            Mistake(lambda n_heads, length: -alibi_of_heads(n_heads, length), "Far must be *worse*: the term is negative."),
            Mistake(lambda n_heads, length: alibi_of_heads(n_heads, length)[0], "One matrix for each head: (H, T, T)."),
        ),
        hint="slopes (H, 1, 1) times −|s − t|, which is (T, T).",
    ),
    Exercise(
        "rotary's gradient",
        expected=lambda g: turned(g, -1.0),
        inputs=arrays("T 4", T=(1, 4)),
        mistakes=(
            Mistake(turn, "That turns the gradient forward. y = R x, so ∂L/∂x = Rᵀ g, and Rᵀ turns back."),
            Mistake(lambda g: g, "Only row 0 is left as it is; the others were turned, and their gradients must be too."),
            Mistake(lambda g: turned(g, -1.0, start=1), "Row 0 was not turned at all: positions count from 0."),
        ),
        hint="For one row y = R x: ∂L/∂x = Rᵀ g. The transpose of a rotation is the rotation by the opposite angle.",
    ),
]
