# %% [markdown]
# # 06 · Checking a gradient: solutions
#
# The lesson: [06_checking_gradients.ipynb](../06_checking_gradients.ipynb).

# %%
import numpy as np

from tinyllm.book import open_lesson

check = open_lesson("06_checking_gradients", strict=True).check

# %% [markdown]
# **1.** The errors are proportional to $h$, $h^2$ and $h^4$. With $h/10$ for $h$ they become $10$, $10^2$ and $10^4$ times
# smaller.

# %%
check(1, (10, 100, 10_000))


# %% [markdown]
# **2.** The rise from $x - h$ to $x + h$, over the distance $2h$. This is (1).

# %%
def central_difference(f, x, h):
    return (f(x + h) - f(x - h)) / (2 * h)


check(2, central_difference)


# %% [markdown]
# **3.** When $t$ grows by a little, entry $i$ of $x$ moves by $v_i$ times as much, and $L$ by $\frac{\partial L}{\partial
# x_i} v_i$ times as much on its account. Small changes add (lesson 3, equation 3).

# %%
def directional_slope(gradient, v):
    return np.sum(gradient * v)


check(3, directional_slope)


# %% [markdown]
# **4.** $E'(h) = -\frac{\varepsilon |f|}{h^2} + \frac{h}{3} |f'''|$. It is zero where $h^3 = 3 \varepsilon |f| / |f'''|$. To
# the left of that the first term is larger and $E$ falls, to the right the second and $E$ rises: it is the least.

# %%
def best_step(eps, size, third):
    return np.cbrt(3 * eps * size / third)


check(4, best_step)


# %% [markdown]
# **5.** The unit vector $e_i$ moves entry $i$ alone. Every output may answer to it, so the sum runs over all of them.

# %%
def numerical_gradient(f, x, u, h):
    gradient = np.empty_like(x)
    for i in range(len(x)):
        e = np.zeros_like(x)
        e[i] = h
        gradient[i] = (np.sum(u * f(x + e)) - np.sum(u * f(x - e))) / (2 * h)
    return gradient


check(5, numerical_gradient)


# %% [markdown]
# **6.** The slope of the error, $-\frac{2\varepsilon|f|}{h^2} + \frac{1}{2}|f''|$, is zero at $h = 2\sqrt{\varepsilon |f| /
# |f''|}$. Put in:
#
# $$\frac{2\varepsilon|f|}{2\sqrt{\varepsilon|f|/|f''|}} + \sqrt{\varepsilon|f|/|f''|} \cdot |f''|
# = \sqrt{\varepsilon|f||f''|} + \sqrt{\varepsilon|f||f''|} = 2\sqrt{\varepsilon |f| |f''|}$$
#
# The two parts are equal there. In float64, with $|f| = |f''| = 1$, this is $3 \cdot 10^{-8}$: half of the sixteen digits.
# No step gives a forward difference more than that.

# %%
def least_error_of_forward(eps, size, second):
    return 2 * np.sqrt(eps * size * second)


check(6, least_error_of_forward)
