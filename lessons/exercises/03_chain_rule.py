"""Lesson 3: the chain rule."""

import numpy as np
from hypothesis import strategies as st

from tinyllm.book import Exercise, Mistake
from tinyllm.book.draws import arrays


def slope_of_tanh_of_square(x):
    return (1 - np.tanh(x**2) ** 2) * 2 * x


def slope_of_x_sin_x(x):
    return np.sin(x) + x * np.cos(x)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def neuron_gradient(w, x, b, t):
    y = sigmoid(np.sum(w * x) + b)
    to_z = 2 * (y - t) * y * (1 - y)
    return to_z * x, to_z


def without_the_squares_slope(w, x, b, t):
    y = sigmoid(np.sum(w * x) + b)
    return (y - t) * y * (1 - y) * x, (y - t) * y * (1 - y)


def with_tanhs_slope(w, x, b, t):
    y = sigmoid(np.sum(w * x) + b)
    return 2 * (y - t) * (1 - y**2) * x, 2 * (y - t) * (1 - y**2)


def without_the_sigmoid(w, x, b, t):
    y = sigmoid(np.sum(w * x) + b)
    return 2 * (y - t) * x, 2 * (y - t)


def w_for_x(w, x, b, t):
    to_z = neuron_gradient(w, x, b, t)[1]
    return to_z * w, to_z


def descended(theta, goal, rate, steps):
    for _ in range(steps):
        theta = theta - rate * 2 * (theta - goal)
    return theta


def slope_of_the_web(x):
    u, v = x**2, x * x**2
    to_u = v + u * x                                    # directly, and through v
    return to_u * 2 * x + u * u + 1


def slope_of_the_loop(w, x, n):
    return n * w ** (n - 1) * x


def quarters(low, high):
    return st.integers(4 * low, 4 * high).map(lambda n: n / 4)


EXERCISES = [
    Exercise(
        "a slope, twice",
        expected=(15.5, 14.0),
        mistakes=(
            Mistake((7.75, 14.0), "f rises by 7.75, on a step of 0.5: divide by the step."),
            Mistake((15.5, 15.5), "The derivative is what the quotient approaches for ever smaller steps: use the rules."),
            Mistake((15.5, 16.0), "16 is f(2), the height of the curve there. The derivative is its slope."),
            Mistake((15.5, 12.0), "The term 2x has a slope too."),
        ),
        hint="f(2.5) − f(2), divided by 0.5; then 3 · 2x + 2 at x = 2.",
    ),
    Exercise(
        "a chain",
        expected=slope_of_tanh_of_square,
        inputs=arrays("", low=-1.5, high=1.5),
        mistakes=(
            Mistake(
                lambda x: 1 - np.tanh(x**2) ** 2,
                "That is the slope of tanh alone, at u = x². The inner link x² multiplies by its own slope.",
            ),
            Mistake(lambda x: (1 - np.tanh(x) ** 2) * 2 * x, "Take the slope of tanh where its own input stands: at x²."),
            Mistake(lambda x: 1 - np.tanh(2 * x) ** 2, "The inner slope 2x goes beside the outer one, as a factor."),
            Mistake(lambda x: (1 - x**4) * 2 * x, "1 − y² is right, but y is the output of the tanh, not its input x²."),
        ),
        hint="u = x², y = tanh(u): the slope 1 − y² of the outer link times the slope 2x of the inner one.",
    ),
    Exercise(
        "two paths",
        expected=slope_of_x_sin_x,
        inputs=arrays(""),
        mistakes=(
            Mistake(np.cos, "That is the product of the two slopes, 1 · cos x. Products differentiate to f'g + fg'."),
            Mistake(lambda x: x * np.cos(x), "That is the path through sin(x). x also stands there as a factor itself."),
            Mistake(np.sin, "That is the path through the factor x. The other one leads through sin(x)."),
            Mistake(lambda x: np.sin(x) - x * np.cos(x), "The derivative of sin is +cos."),
        ),
        hint="Two paths from x to y: hold sin(x) still and turn x, then the other way round. Add.",
    ),
    Exercise(
        "another neuron",
        expected=neuron_gradient,
        inputs=arrays("C", "C", "", ""),
        mistakes=(
            Mistake(without_the_squares_slope, "The square's slope is 2 (y − t)."),
            Mistake(with_tanhs_slope, "1 − y² is the slope of tanh. This function has y (1 − y): see the model with one knob."),
            Mistake(without_the_sigmoid, "A link is missing between L and z: the slope of y = 1/(1 + e⁻ᶻ)."),
            Mistake(w_for_x, "∂z/∂w is x: in a product, the slope for one factor is the *other* factor."),
        ),
        hint="∂L/∂z = 2 (y − t) · y (1 − y); then times x for w, times 1 for b.",
    ),
    Exercise(
        "downhill",
        expected=descended,
        inputs=st.tuples(quarters(-3, 3), quarters(-3, 3), st.sampled_from([0.1, 0.25, 0.75]), st.integers(0, 4)),
        mistakes=(
            Mistake(
                lambda theta, goal, rate, steps: goal + (theta - goal) * (1 + 2 * rate) ** steps,
                "That walks uphill: *subtract* the rate times the slope.",
            ),
            Mistake(
                lambda theta, goal, rate, steps: goal + (theta - goal) * (1 - rate) ** steps,
                "The slope of (θ − goal)² is 2 (θ − goal).",
            ),
            Mistake(
                lambda theta, goal, rate, steps: theta - steps * rate * 2 * (theta - goal),
                "The slope changes as θ moves: compute it anew in every step.",
            ),
            Mistake(
                lambda theta, goal, rate, steps: descended(theta, goal, rate, min(steps, 1)),
                "That is one step. Repeat it `steps` times.",
            ),
        ),
        hint="Repeat: θ ← θ − rate · 2 (θ − goal).",
    ),
    Exercise(
        "a web",
        expected=slope_of_the_web,
        inputs=arrays(""),
        mistakes=(
            Mistake(lambda x: 3 * x**4 + 1, "u is used twice: in y, and in v. Both paths add to ∂y/∂u."),
            Mistake(lambda x: 4 * x**4 + 1, "x is used three times, and one of them is in v = x u."),
            Mistake(lambda x: 5 * x**4, "One path leads from x straight to y: + x has slope 1."),
            Mistake(lambda x: 2 * x**4 + 1, "v has its slope 3x² by two paths, and u its own: some were left out."),
        ),
        hint="∂y/∂v = u. ∂y/∂u = v + (∂y/∂v) x. Then dy/dx = (∂y/∂u) 2x + (∂y/∂v) u + 1.",
    ),
    Exercise(
        "a loop",
        expected=slope_of_the_loop,
        inputs=st.tuples(quarters(-2, 2), quarters(-3, 3), st.integers(1, 5)),
        mistakes=(
            Mistake(lambda w, x, n: w ** (n - 1) * x, "That is one path. The knob is used n times: add all n of them."),
            Mistake(lambda w, x, n: w**n, "That is dy/dx. Asked for is dy/dw."),
            Mistake(lambda w, x, n: n * w**n * x, "On each path one of the n factors w is replaced by its slope, 1."),
            Mistake(lambda w, x, n: n * w ** (n - 1), "The start x is a factor of every path."),
        ),
        hint="Use number k passes on w^(n−k) behind it, and has x_(k−1) = w^(k−1) x before it. Multiply, then add over k.",
    ),
]
