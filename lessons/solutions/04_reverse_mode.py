# %% [markdown]
# # 04 · Reverse mode: solutions
#
# The lesson: [04_reverse_mode.ipynb](../04_reverse_mode.ipynb).

# %%
from tinyllm.book import open_lesson

check = open_lesson("04_reverse_mode", strict=True).check

# %% [markdown]
# **1.** Forward: $s = 1$, $p = 6$, $L = 6$. Backward: $\partial L/\partial s = p = 6$ and $\partial L/\partial p = s = 1$.
# Both inputs are used twice, so each has two parts:
#
# $$\frac{\partial L}{\partial a} = 6 \cdot \underbrace{1}_{\partial s/\partial a}
# + 1 \cdot \underbrace{b}_{\partial p/\partial a} = 6 + 2 = 8 \qquad
# \frac{\partial L}{\partial b} = 6 \cdot (-1) + 1 \cdot a = -6 + 3 = -3$$
#
# Written out, $L = a^2 b - a b^2$, with slopes $2ab - b^2 = 8$ and $a^2 - 2ab = -3$.

# %%
check(1, (8.0, -3.0))

# %% [markdown]
# **2.** A forward walk starts with slope 1 at one input and serves that input alone; a backward walk starts with gradient 1
# at one output and serves that output alone. So the model takes 124,439,808 against 1, and the function 1 against 1,000.

# %%
check(2, (124_439_808, 1, 1, 1_000))


# %% [markdown]
# **3.** With $b$ fixed, $y = a \cdot \frac1b$ is a straight line in $a$ with slope $1/b$. With $a$ fixed, $y = a\,b^{-1}$,
# and the power rule gives $-a\,b^{-2}$. (The library writes the second as $-y/b$: it has $y$ already. The same number, one
# division fewer.)

# %%
def slopes_of_division(a, b):
    return 1.0 / b, -a / b**2


check(3, slopes_of_division)


# %% [markdown]
# **4.** Gradient 1 at the output, because $\partial L/\partial L = 1$; then row by row from the bottom. When a row has its
# turn, all rows that use it (they are further down) have added their part. A row that the output does not depend on keeps
# 0.

# %%
def reverse(tape):
    gradients = [0.0] * len(tape)
    gradients[-1] = 1.0
    for row in reversed(range(len(tape))):
        for parent, slope in tape[row]:
            gradients[parent] += slope * gradients[row]
    return gradients


check(4, reverse)


# %% [markdown]
# **5.** Now from the top down. Row $k$ is nudged directly: slope 1, whatever it was made from, because we ask what a nudge
# *of row k* does. Rows above it cannot depend on it. Every row below it receives, from each row that it used, that row's
# slope times the local slope.

# %%
def forward(tape, k):
    slopes = [0.0] * len(tape)
    slopes[k] = 1.0
    for row in range(k + 1, len(tape)):
        slopes[row] = sum((slope * slopes[parent] for parent, slope in tape[row]), start=0.0)
    return slopes


check(5, forward)

# %% [markdown]
# The two directions fill one table. Entry $(i, k)$ of it is $\partial(\text{row } i)/\partial(\text{row } k)$: a forward
# pass computes a column, a backward pass a row. Where they cross they agree:

# %%
tape = [[], [], [(0, 3.0), (1, 2.0)], [(2, 1.0), (0, 1.0)], [(2, 8.0), (3, 6.0)]]
assert [forward(tape, k)[-1] for k in range(5)] == reverse(tape) == [48.0, 28.0, 14.0, 6.0, 1.0]


# %% [markdown]
# **6.** Unrolled, the backward pass computes $\sum_{\text{paths}} \prod_{\text{arrows}} \text{slope}$: each path from the
# output to row 0 contributes the product of the slopes along it. With every slope 1, every product is 1, and the sum counts
# the paths. One number a row, one addition an arrow, although the number itself may be astronomical.

# %%
def number_of_paths(tape):
    paths = [0] * len(tape)
    paths[-1] = 1
    for row in reversed(range(len(tape))):
        for parent, _ in tape[row]:
            paths[parent] += paths[row]
    return paths[0]


check(6, number_of_paths)
diamonds = [[]] + [[(i, 0.5), (i, 0.5)] for i in range(60)]
print(f"60 diamonds: {number_of_paths(diamonds):,} paths")
assert number_of_paths(diamonds) == 2**60
