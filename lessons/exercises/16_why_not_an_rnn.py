"""Lesson 16: recurrent networks, and their gradient through time."""

import math

import numpy as np

from tinyllm.book import Exercise, Mistake
from tinyllm.book.draws import arrays


def recurrent(x, h0, w_x, w_h, b):
    h, states = h0, []
    for row in x:
        h = np.tanh(row @ w_x.T + h @ w_h.T + b)
        states.append(h)
    return np.stack(states)


def from_start_each_time(x, h0, w_x, w_h, b):
    return np.tanh(x @ w_x.T + h0 @ w_h.T + b)


def without_transpose(x, h0, w_x, w_h, b):
    return recurrent(x, h0, w_x, w_h.T, b)


def without_tanh(x, h0, w_x, w_h, b):
    h, states = h0, []
    for row in x:
        h = row @ w_x.T + h @ w_h.T + b
        states.append(h)
    return np.stack(states)


def jacobian(h, w_h):
    return (1 - h**2)[:, None] * w_h


def gradient_of_first_state(h, w_h, u):
    for state in h[::-1]:
        u = ((1 - state**2) * u) @ w_h
    return u


def forwards_in_time(h, w_h, u):
    return gradient_of_first_state(h[::-1], w_h, u)


def without_slopes(h, w_h, u):
    for _ in h:
        u = u @ w_h
    return u


def slope_after(h, w_h, u):
    for state in h[::-1]:
        u = (1 - state**2) * (u @ w_h)
    return u


def transposed(h, w_h, u):
    return gradient_of_first_state(h, w_h.T, u)


def one_step_short(h, w_h, u):
    for state in h[:0:-1]:
        u = ((1 - state**2) * u) @ w_h
    return u


def steps_back(h, w_h, g):
    """d_t = ∂L/∂a_t for every step, (T, H)."""
    d, from_later = np.zeros_like(h), 0
    for t in reversed(range(len(h))):
        d[t] = (1 - h[t] ** 2) * (g[t] + from_later)
        from_later = d[t] @ w_h
    return d


def before(h0, h):
    return np.concatenate([h0[None], h[:-1]])


def gradient_of_w_h(h0, h, w_h, g):
    return steps_back(h, w_h, g).T @ before(h0, h)


def steps_until(r, least):
    return math.ceil(math.log(least) / math.log(r) - 1e-9)


def residual_jacobian(before, h, w_h):
    return np.eye(len(h)) + (1 - (h - before) ** 2)[:, None] * w_h


def states(*shapes, **sizes):
    """Numbers that a tanh may have made."""
    return arrays(*shapes, low=-0.875, high=0.875, step=0.125, **sizes)


def shares():
    from hypothesis import strategies as st

    return st.tuples(st.sampled_from([0.3, 0.5, 0.58, 0.7, 0.9, 0.99]), st.sampled_from([0.5, 0.1, 1e-3, 1e-6]))


EXERCISES = [
    Exercise(
        "counting",
        expected=(99, 1, 5050),
        mistakes=(
            Mistake((100, 1, 5050), "From h₁ to h₁₀₀ there are 99 steps: the first state needs none."),
            Mistake((99, 100, 5050), "Attention goes from any word to any other at once."),
            Mistake((99, 99, 5050), "Attention does not pass through the words in between."),
            Mistake((99, 1, 10000), "That is all of them. A causal query sees its own word and those before: 1 + 2 + … + 100."),
            Mistake((99, 1, 4950), "A word may look at itself too."),
        ),
        hint="Steps between 1 and 100; a softmax for each layer; 1 + 2 + … + 100.",
    ),
    Exercise(
        "a recurrent network from memory",
        expected=recurrent,
        inputs=arrays("T C", "H", "H C", "H H", "H", low=-1.0, high=1.0),
        mistakes=(
            Mistake(from_start_each_time, "Every step starts from h0 here: hand the new state on."),
            Mistake(without_transpose, "W_h is (out, in): h W_hᵀ."),
            Mistake(without_tanh, "The tanh is missing: states lie between −1 and 1."),
            Mistake(lambda x, h0, w_x, w_h, b: recurrent(x, h0, w_x, w_h, b)[-1], "All states, not just the last."),
            Mistake(lambda x, h0, w_x, w_h, b: recurrent(x, 0 * h0, w_x, w_h, b), "The first step starts from h0."),
        ),
        hint="h = tanh(x[t] @ w_x.T + h @ w_h.T + b), starting with h0; collect the states and np.stack them.",
    ),
    Exercise(
        "one Jacobian",
        expected=jacobian,
        inputs=states("H", "H H"),
        mistakes=(
            Mistake(lambda h, w_h: w_h, "The slope of the tanh is missing: 1 − h²."),
            Mistake(lambda h, w_h: (1 - h**2) * w_h, "The slope belongs to the *rows*: entry (i, j) has the factor 1 − h_i²."),
            Mistake(lambda h, w_h: jacobian(h, w_h).T, "That is the transpose: row i is about the new state's h_i."),
            Mistake(
                lambda h, w_h: (1 - np.tanh(h) ** 2)[:, None] * w_h,
                "h is the tanh already: the slope is 1 − h².",
            ),
        ),
        hint="diag(1 − h²) W_h: row i of W_h times 1 − h_i².",
    ),
    Exercise(
        "the whole way back",
        expected=gradient_of_first_state,
        inputs=states("T H", "H H", "H"),
        mistakes=(
            Mistake(forwards_in_time, "Begin with the last state and end with the first."),
            Mistake(without_slopes, "Each step has the slope 1 − h_t² too, not W_h alone."),
            Mistake(slope_after, "Slope first, then W_h: back through the tanh, then through the product."),
            Mistake(transposed, "Forwards it was h W_hᵀ, so backwards it is d W_h, without the transpose."),
            Mistake(one_step_short, "One step more: you have ∂L/∂h₁."),
        ),
        hint="For t from T to 1: u = ((1 − h_t²) * u) @ w_h.",
    ),
    Exercise(
        "the shared weight",
        expected=gradient_of_w_h,
        inputs=states("H", "T H", "H H", "T H"),
        mistakes=(
            Mistake(lambda h0, h, w_h, g: steps_back(h, w_h, g).T @ h, "Step t multiplies W_h with the state before, h_{t−1}."),
            Mistake(
                lambda h0, h, w_h, g: ((1 - h**2) * g).T @ before(h0, h),
                "A state acts on the loss by being handed on, too: add d_{t+1} W_h to g_t.",
            ),
            Mistake(lambda h0, h, w_h, g: gradient_of_w_h(h0, h, w_h, g).T, "Transposed: W_h is (out, in), so dᵀ h, not hᵀ d."),
            Mistake(
                lambda h0, h, w_h, g: np.outer(steps_back(h, w_h, g)[-1], before(h0, h)[-1]),
                "That is the last step's part. All steps use W_h: sum over them.",
            ),
            Mistake(
                lambda h0, h, w_h, g: steps_back(h, w_h.T, g).T @ before(h0, h),
                "What comes from later is d_{t+1} W_h, without a transpose.",
            ),
        ),
        hint="d_t = (1 − h_t²)(g_t + d_{t+1} W_h) from the last step to the first; then Σ_t d_tᵀ h_{t−1}.",
    ),
    Exercise(
        "how far back?",
        expected=steps_until,
        inputs=shares(),
        mistakes=(
            Mistake(lambda r, least: math.log(least) / math.log(r), "Whole steps: round up."),
            Mistake(
                lambda r, least: math.floor(math.log(least) / math.log(r) + 1e-9),
                "Rounded down there is still more left than asked for: round up.",
            ),
            Mistake(lambda r, least: math.ceil(-math.log(least)), "r does not occur: solve rⁿ = least for n."),
            Mistake(lambda r, least: math.ceil((1 - least) / (1 - r) - 1e-9), "Each step takes a share of what is *left*."),
        ),
        hint="rⁿ ≤ least, so n ≥ ln(least) / ln(r).",
    ),
    Exercise(
        "a residual state",
        expected=residual_jacobian,
        inputs=states("H", "H", "H H"),
        mistakes=(
            Mistake(lambda before, h, w_h: (1 - (h - before) ** 2)[:, None] * w_h, "The sum itself has a slope: plus I."),
            Mistake(
                lambda before, h, w_h: np.eye(len(h)) + (1 - h**2)[:, None] * w_h,
                "h is not the tanh any more: the tanh is h − before.",
            ),
            Mistake(
                lambda before, h, w_h: 1 + (1 - (h - before) ** 2)[:, None] * w_h,
                "1 is added to every entry. ∂before_i/∂before_j is 1 for i = j only: np.eye.",
            ),
            Mistake(
                lambda before, h, w_h: np.eye(len(h)) + (1 - (h - before) ** 2) * w_h,
                "The slope belongs to the rows: entry (i, j) has the factor of i.",
            ),
        ),
        hint="I + diag(1 − tanh²) W_h, and here tanh = h − before.",
    ),
]
