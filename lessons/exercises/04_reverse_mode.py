"""Lesson 4: reverse mode."""

from hypothesis import strategies as st

from tinyllm.book import Exercise, Mistake
from tinyllm.book.draws import arrays


@st.composite
def tapes(draw):
    """A tape of 2 to 6 rows. Rows may be leaves, but for the last, and may use a row twice; slopes are whole numbers."""
    rows = draw(st.integers(2, 6))
    tape = []
    for i in range(rows):
        fewest = 1 if i == rows - 1 else 0
        uses = draw(st.lists(st.tuples(st.integers(0, i - 1), st.integers(-3, 3).map(float)), min_size=fewest, max_size=2)) \
            if i else []
        tape.append(uses)
    return tape


@st.composite
def tapes_and_rows(draw):
    tape = draw(tapes())
    return tape, draw(st.integers(0, len(tape) - 1))


def slopes_of_division(a, b):
    return 1.0 / b, -a / b**2


def reverse(tape):
    gradients = [0.0] * len(tape)
    gradients[-1] = 1.0
    for row in reversed(range(len(tape))):
        for parent, slope in tape[row]:
            gradients[parent] += slope * gradients[row]
    return gradients


def reverse_overwriting(tape):
    gradients = [0.0] * len(tape)
    gradients[-1] = 1.0
    for row in reversed(range(len(tape))):
        for parent, slope in tape[row]:
            gradients[parent] = slope * gradients[row]
    return gradients


def reverse_from_the_top(tape):
    gradients = [0.0] * len(tape)
    gradients[-1] = 1.0
    for row in range(len(tape)):
        for parent, slope in tape[row]:
            gradients[parent] += slope * gradients[row]
    return gradients


def reverse_without_slopes(tape):
    gradients = [0.0] * len(tape)
    gradients[-1] = 1.0
    for row in reversed(range(len(tape))):
        for parent, _ in tape[row]:
            gradients[parent] += gradients[row]
    return gradients


def reverse_at_once(tape):
    gradients = [0.0] * len(tape)

    def receive(row, g):
        gradients[row] += g
        for parent, slope in tape[row]:
            receive(parent, slope * gradients[row])

    receive(len(tape) - 1, 1.0)
    return gradients


def forward(tape, k):
    slopes = [0.0] * len(tape)
    slopes[k] = 1.0
    for row in range(k + 1, len(tape)):
        slopes[row] = sum((slope * slopes[parent] for parent, slope in tape[row]), start=0.0)
    return slopes


def forward_forgetting_itself(tape, k):
    """Row k's own uses overwrite its slope of 1."""
    slopes = [0.0] * len(tape)
    slopes[k] = 1.0
    for row in range(len(tape)):
        slopes[row] = sum((slope * slopes[parent] for parent, slope in tape[row]), start=0.0)
    return slopes


def forward_last_use(tape, k):
    slopes = [0.0] * len(tape)
    slopes[k] = 1.0
    for row in range(k + 1, len(tape)):
        for parent, slope in tape[row]:
            slopes[row] = slope * slopes[parent]
    return slopes


def forward_direct(tape, k):
    return [1.0 if row == k else sum((s for parent, s in uses if parent == k), start=0.0) for row, uses in enumerate(tape)]


def number_of_paths(tape):
    return int(reverse_without_slopes(tape)[0])


def direct_uses(tape):
    return sum(parent == 0 for uses in tape for parent, _ in uses)


def reaches_at_all(tape):
    return min(number_of_paths(tape), 1)


def number_of_arrows(tape):
    return sum(map(len, tape))


EXERCISES = [
    Exercise(
        "by hand",
        expected=(8.0, -3.0),
        mistakes=(
            Mistake((6.0, -6.0), "That is the part through s alone. a and b are used by p, too: add its part."),
            Mistake((2.0, 3.0), "That is the part through p alone. a and b are used by s, too: add its part."),
            Mistake((8.0, 9.0), "The slope of s = a − b along b is −1: the part of b through s is negative."),
        ),
        hint="∂L/∂s = p = 6 and ∂L/∂p = s = 1. Each of a and b gets a part through s and a part through p.",
    ),
    Exercise(
        "how many walks",
        expected=(124_439_808, 1, 1, 1_000),
        mistakes=(
            Mistake((1, 124_439_808, 1_000, 1), "Forward and reverse have changed places: a forward walk serves one *input*."),
            Mistake(
                (124_439_808, 1, 1_000, 1),
                "The model is right. The function has one input and many outputs: there forward mode is the cheap one.",
            ),
            Mistake(
                (124_439_808, 1, 1, 1),
                "Reverse mode needs a walk for each output: each has a slope of its own to start from.",
            ),
        ),
        hint="Forward: a walk an input. Reverse: a walk an output.",
    ),
    Exercise(
        "the slopes of a division",
        expected=slopes_of_division,
        inputs=arrays("", "", low=0.25),
        mistakes=(
            Mistake(lambda a, b: (1.0 / b, a / b**2), "A larger b makes a/b smaller: the second slope is negative."),
            Mistake(lambda a, b: (1.0 / b, -a / b), "The slope of 1/b is −1/b²: its square is missing."),
            Mistake(lambda a, b: (1.0 / b, -1.0 / b**2), "y is a times 1/b: the factor a stays."),
            Mistake(lambda a, b: (b, a), "Those are the slopes of a · b."),
        ),
        hint="Write y = a · b⁻¹ and differentiate along each, the other held fixed.",
    ),
    Exercise(
        "the backward pass",
        expected=reverse,
        inputs=st.tuples(tapes()),
        mistakes=(
            Mistake(reverse_overwriting, "A row used twice has two parts: add (+=) instead of overwriting."),
            Mistake(reverse_from_the_top, "Going down, a row passes its gradient on before it has one: start at the last row."),
            Mistake(reverse_without_slopes, "The gradient is passed on unchanged: multiply it by the local slope."),
            Mistake(reverse_at_once, "Rows pass on what they have before all of it has arrived. Go by row, from the last up."),
        ),
        hint="Begin with 1 at the last row; from the last row up, add slope × gradient to each row that it was made from.",
    ),
    Exercise(
        "the forward pass",
        expected=forward,
        inputs=tapes_and_rows(),
        mistakes=(
            Mistake(forward_forgetting_itself, "Row k has slope 1 along itself, whatever it was made from."),
            Mistake(forward_last_use, "A row made from two others gets a part from each: add them."),
            Mistake(forward_direct, "Only rows that use row k directly are seen. Pass slopes on from row to row."),
        ),
        hint="Start with 1 at row k and 0 elsewhere; each later row is the sum of local slope × slope of the row it used.",
    ),
    Exercise(
        "paths",
        expected=number_of_paths,
        inputs=st.tuples(tapes()),
        mistakes=(
            Mistake(direct_uses, "These are the direct uses of row 0. Paths go on to the output, and may fork again."),
            Mistake(number_of_arrows, "These are all arrows. A path is a chain of arrows from row 0 to the last row."),
            Mistake(reaches_at_all, "That says whether there is a path. How many are there?"),
        ),
        hint="The backward pass adds up, over all paths, the products of their slopes. Set every slope to 1.",
    ),
]
