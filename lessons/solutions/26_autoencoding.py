# %% [markdown]
# # 26 · Autoencoding: solutions
#
# The lesson: [26_autoencoding.ipynb](../26_autoencoding.ipynb).

# %%
import numpy as np

from tinyllm.book import open_lesson

check = open_lesson("26_autoencoding", strict=True).check

# %% [markdown]
# **1.** The first token is off by (0, −1), the second by (0, 2): squared distances 1 and 4. Mean over the two tokens 2.5;
# mean over the four entries 5/4 = 1.25.

# %%
check(1, (2.5, 1.25))


# %% [markdown]
# **2.** $\frac1N \sum_i \lVert x_i - c \rVert^2$ is a sum over the entries, and each entry of $c$ can be chosen by itself.
# Its derivative for one entry, $-\frac2N \sum_i (x_{i} - c)$, is 0 at $c = \frac1N \sum_i x_{i}$: the mean over the rows.

# %%
def best_answer(x):
    return x.mean(axis=0)


check(2, best_answer)


# %% [markdown]
# **3.** A boolean mask (B, T) picks rows of width C: `x[mask]` is (N, C), with N the number of real tokens. The mean of the
# squares is then over exactly NC entries.

# %%
def reconstruction_loss(x, x_hat, mask):
    return np.mean((x[mask] - x_hat[mask]) ** 2)


check(3, reconstruction_loss)


# %% [markdown]
# **4.** $\lVert e_v - \hat x_t \rVert^2 = \lVert e_v \rVert^2 - 2\, e_v \cdot \hat x_t + \lVert \hat x_t \rVert^2$. The
# last part is the same for all tokens $v$ and may be left out. The first may not: the nearest is not the one with the
# largest dot product. Written like this it needs no array of shape (T, V, C).

# %%
def nearest_tokens(table, x_hat):
    return np.argmin((table**2).sum(axis=1) - 2 * x_hat @ table.T, axis=1)


check(4, nearest_tokens)


# %% [markdown]
# **5.** $L = \frac{1}{NC} \sum_{ic} (x_{ic} - \hat x_{ic})^2$, so $g_{ic} = \partial L / \partial \hat x_{ic} =
# \frac{2}{NC} (\hat x_{ic} - x_{ic})$. And $\hat x_{ic} = \sum_j z_{ij} w_{cj}$, so $w_{cj}$ reaches $\hat x_{ic}$ of every
# row $i$ with factor $z_{ij}$:
#
# $$\frac{\partial L}{\partial w_{cj}} = \sum_i g_{ic} z_{ij} = (g^T z)_{cj}$$

# %%
def gradient_of_decoder(x, z, w):
    g = 2 * (z @ w.T - x) / x.size
    return g.T @ z


check(5, gradient_of_decoder)


# %% [markdown]
# **6.** Steps 1 to 3 of the proof hold with $S = \frac1N \sum_i x_i x_i^T$, whether or not the mean is 0 (it is then not
# the covariance, but symmetric with eigenvalues ≥ 0 all the same). Left over are the eigenvalues after the first $k$. They
# are the squared singular values of $x$ divided by $N$: with $x = A \Sigma B^T$, $x^T x = B \Sigma^2 B^T$.

# %%
def least_loss(x, k):
    singular = np.linalg.svd(x, compute_uv=False)       # the largest first
    return np.sum(singular[k:] ** 2) / x.size


check(6, least_loss)
