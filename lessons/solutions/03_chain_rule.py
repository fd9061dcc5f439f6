# %% [markdown]
# # 03 · The chain rule: solutions
#
# The lesson: [03_chain_rule.ipynb](../03_chain_rule.ipynb).

# %%
import numpy as np

from tinyllm import grad
from tinyllm.book import open_lesson

check = open_lesson("03_chain_rule", strict=True).check

# %% [markdown]
# **1.** $f(2) = 12 + 4 = 16$ and $f(2.5) = 18.75 + 5 = 23.75$. The quotient is $7.75 / 0.5 = 15.5$. The derivative is $6x +
# 2 = 14$. In general the quotient is $6x + 2 + 3h$: with $h = 0.5$ it is 1.5 too large, as found.

# %%
check(1, (15.5, 14.0))


# %% [markdown]
# **2.** $u = x^2$ has slope $2x$. $y = \tanh u$ has slope $1 - \tanh^2 u$, taken at $u = x^2$. Multiply:
#
# $$\frac{dy}{dx} = \big(1 - \tanh^2(x^2)\big) \cdot 2x$$

# %%
def slope_of_tanh_of_square(x):
    y = np.tanh(x**2)
    return (1 - y**2) * 2 * x


check(2, slope_of_tanh_of_square)


# %% [markdown]
# **3.** $y = u v$ with $u = x$ and $v = \sin x$. Path one: $\partial y/\partial u \cdot du/dx = \sin x \cdot 1$. Path two:
# $\partial y / \partial v \cdot dv/dx = x \cdot \cos x$. Add.

# %%
def slope_of_x_sin_x(x):
    return np.sin(x) + x * np.cos(x)


check(3, slope_of_x_sin_x)


# %% [markdown]
# **4.** From the end: $\partial L/\partial y = 2(y - t)$. The lesson found $dy/dz = y(1 - y)$ for this squashing function,
# so $\partial L/\partial z = 2(y-t)\,y(1-y)$. In $z = \sum_c w_c x_c + b$ the knob $w_c$ has the factor $x_c$ beside it,
# and $b$ stands alone:
#
# $$\frac{\partial L}{\partial w_c} = \frac{\partial L}{\partial z}\, x_c \qquad
# \frac{\partial L}{\partial b} = \frac{\partial L}{\partial z}$$

# %%
def neuron_gradient(w, x, b, t):
    y = 1 / (1 + np.exp(-(w @ x + b)))
    to_z = 2 * (y - t) * y * (1 - y)
    return to_z * x, to_z


check(4, neuron_gradient)


# %% [markdown]
# **5.** A loop, or the closed form: each step multiplies the distance to the goal by $1 - 2\eta$, so after $n$ steps
# $\theta = \text{goal} + (1 - 2\eta)^n\,(\theta_0 - \text{goal})$.

# %%
def descended(theta, goal, rate, steps):
    for _ in range(steps):
        theta = theta - rate * 2 * (theta - goal)
    return theta


assert np.isclose(descended(3.0, 1.0, 0.1, 5), 1 + (1 - 2 * 0.1) ** 5 * 2)
check(5, descended)


# %% [markdown]
# **6.** Backwards, each value complete before it is passed on:
#
# - $v$ is used once, in $uv$: $\partial y/\partial v = u$.
# - $u$ is used twice, in $uv$ and in $v = xu$: $\partial y/\partial u = v + \frac{\partial y}{\partial v} \cdot x = v +
# ux$.
# - $x$ is used three times, in $u = x^2$, in $v = xu$ and in $+x$: $\frac{dy}{dx} = \frac{\partial y}{\partial u} \cdot 2x
# + \frac{\partial y}{\partial v} \cdot u + 1$.
#
# With $u = x^2$, $v = x^3$: $(x^3 + x^3) \cdot 2x + x^4 + 1 = 5x^4 + 1$. Multiplied out, $y = x^5 + x$, which agrees.

# %%
def slope_of_the_web(x):
    u = x**2
    v = x * u
    to_v = u
    to_u = v + to_v * x
    return to_u * 2 * x + to_v * u + 1


check(6, slope_of_the_web)


# %% [markdown]
# **7.** Use number $k$ is $x_k = w\,x_{k-1}$. Its own slope for $w$ is the other factor, $x_{k-1} = w^{k-1} x$. Behind it
# come $n - k$ more multiplications by $w$, which pass a change on with factor $w^{n-k}$. Path $k$ contributes $w^{n-k}
# \cdot w^{k-1} x = w^{n-1} x$, the same for every $k$; there are $n$ of them:
#
# $$\frac{dy}{dw} = n\, w^{n-1} x$$
#
# This is the power rule, $(w^n)' = n w^{n-1}$, found by counting paths. For $|w| > 1$ the gradient grows without limit as
# $n$ does. For $|w| < 1$ it goes to 0, since a power shrinks faster than $n$ grows. (At $|w| = 1$ it grows like $n$.) A
# network that applies one weight again and again, as the recurrent one of lesson 16 does, lives with this.

# %%
def slope_of_the_loop(w, x, n):
    total = 0.0
    for k in range(1, n + 1):
        total += w ** (n - k) * w ** (k - 1) * x
    return total


assert np.isclose(slope_of_the_loop(0.5, 3.0, 4), grad(lambda w: w**4 * 3.0)(np.float64(0.5)))
check(7, slope_of_the_loop)
