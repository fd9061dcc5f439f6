"""Lesson 6: checking a gradient."""

import numpy as np
from hypothesis import strategies as st

import tinyllm.functional as F
from tinyllm.book import Exercise, Mistake
from tinyllm.book.draws import arrays

STEPS = st.sampled_from([0.5, 0.25, 0.125])


def central_difference(f, x, h):
    return (f(x + h) - f(x - h)) / (2 * h)


def directional_slope(gradient, v):
    return np.sum(gradient * v)


def best_step(eps, size, third):
    return np.cbrt(3 * eps * size / third)


def numerical_gradient(f, x, u, h):
    basis = np.eye(len(x))
    return np.array([np.sum(u * (f(x + h * e) - f(x - h * e))) / (2 * h) for e in basis])


def least_error_of_forward(eps, size, second):
    return 2 * np.sqrt(eps * size * second)


def unweighted(f, x, u, h):
    return numerical_gradient(f, x, np.ones_like(u), h)


def forward_only(f, x, u, h):
    return np.array([np.sum(u * (f(x + h * e) - f(x))) / h for e in np.eye(len(x))])


def all_at_once(f, x, u, h):
    return np.full(len(x), np.sum(u * (f(x + h) - f(x - h))) / (2 * h))


def outputs_with_inputs(f, x, u, h):
    return u * (f(x + h) - f(x - h)) / (2 * h)


EXERCISES = [
    Exercise(
        "orders",
        expected=(10, 100, 10_000),
        mistakes=(
            Mistake((10, 20, 40), "The error is proportional to h, h² and h⁴. Put h/10 in for h."),
            Mistake((10, 100, 1_000), "With four evaluations the h³ term cancels: the error is of order h⁴."),
            Mistake((1, 2, 4), "Those are the powers of h. By what factor does each change when h is divided by 10?"),
        ),
        hint="Errors ~ h, h², h⁴; replace h by h/10.",
    ),
    Exercise(
        "central difference",
        expected=central_difference,
        inputs=st.tuples(st.sampled_from([np.square, np.exp, np.sin]), st.integers(-4, 4).map(lambda n: n / 2), STEPS),
        mistakes=(
            Mistake(lambda f, x, h: (f(x + h) - f(x)) / h, "That looks to the right only."),
            Mistake(lambda f, x, h: (f(x + h) - f(x - h)) / h, "From x − h to x + h it is 2h, not h."),
            Mistake(lambda f, x, h: (f(x) - f(x - h)) / h, "That looks to the left only."),
            Mistake(lambda f, x, h: (f(x - h) - f(x + h)) / (2 * h), "The sign: right minus left."),
        ),
        hint="Rise from x − h to x + h, divided by the distance.",
    ),
    Exercise(
        "slope in a direction",
        expected=directional_slope,
        inputs=arrays("R C", "R C"),
        mistakes=(
            Mistake(lambda g, v: g * v, "These are the parts of the slope that each entry adds. Add them up."),
            Mistake(lambda g, v: np.mean(g * v), "Changes add; they are not averaged."),
            Mistake(
                lambda g, v: np.linalg.norm(g) * np.linalg.norm(v),
                "That is the slope only if v points along the gradient.",
            ),
            Mistake(
                lambda g, v: g @ v.T,
                "Entry by entry, not a matrix product: every entry of x moves by its own entry of v.",
            ),
        ),
        hint="Each entry changes L by its own derivative times its own movement; small changes add.",
    ),
    Exercise(
        "the best step",
        expected=best_step,
        inputs=st.tuples(
            st.sampled_from([1e-7, 1e-16]), st.sampled_from([0.5, 1.0, 2.0, 8.0]), st.sampled_from([0.5, 1.0, 3.0]),
        ),
        mistakes=(
            Mistake(lambda eps, size, third: np.sqrt(3 * eps * size / third), "h³ = …: a cube root."),
            Mistake(lambda eps, size, third: np.cbrt(eps * size / third), "The 3 is missing: (h²/6)' is h/3."),
            Mistake(
                lambda eps, size, third: np.cbrt(3 * eps * third / size),
                "Upside down: a function that bends much wants small steps.",
            ),
            Mistake(
                lambda eps, size, third: np.cbrt(6 * eps * size / third),
                "Set the *slope* of E to zero: (h²/6)' is h/3, not h/6.",
            ),
        ),
        hint="Set the derivative of (2) by h to zero and solve for h. (rtol 1e-5, so mind the factors.)",
        atol=0.0,
    ),
    Exercise(
        "entry by entry",
        expected=numerical_gradient,
        inputs=st.tuples(st.sampled_from([np.square, np.cumsum, F.softmax]), arrays("C", "C"), STEPS).map(
            lambda drawn: (drawn[0], *drawn[1], drawn[2])
        ),
        mistakes=(
            Mistake(unweighted, "The weights u are missing: L is Σ u f, not Σ f."),
            Mistake(forward_only, "From both sides: L(x + h e) − L(x − h e), over 2h."),
            Mistake(all_at_once, "All entries moved at once. Move one, leave the others: x + h·(0, …, 1, …, 0)."),
            Mistake(outputs_with_inputs, "Each output may depend on every input: move one input, and sum over *all* outputs."),
        ),
        hint="For each i: (L(x + h eᵢ) − L(x − h eᵢ)) / 2h with L(x) = Σ u f(x).",
    ),
    Exercise(
        "the least error of the forward difference",
        expected=least_error_of_forward,
        inputs=st.tuples(
            st.sampled_from([1e-7, 1e-16]), st.sampled_from([0.5, 1.0, 2.0, 8.0]), st.sampled_from([0.5, 1.0, 3.0]),
        ),
        mistakes=(
            Mistake(
                lambda eps, size, second: 2 * np.sqrt(eps * size / second),
                "That is the best *step*. Put it into the error.",
            ),
            Mistake(
                lambda eps, size, second: np.sqrt(eps * size * second),
                "That is one of the two parts; at the best step they are equal, so twice it.",
            ),
            Mistake(
                lambda eps, size, second: 2 * eps * size + second / 2,
                "That is the error at h = 1. Which h makes it least?",
            ),
        ),
        hint="First the best step: slope of the error zero. Then the error there. Both parts are equal at the least.",
        atol=0.0,
    ),
]
