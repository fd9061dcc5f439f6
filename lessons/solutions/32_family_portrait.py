# %% [markdown]
# # 32 · A family portrait: solutions
#
# The lesson: [32_family_portrait.ipynb](../32_family_portrait.ipynb).

# %%
import math

import numpy as np

from tinyllm.book import open_lesson

check = open_lesson("32_family_portrait", strict=True).check

# %% [markdown]
# **1.** Queries and output: $C \cdot Hd$ each. Keys and values: $C \cdot Kd$ each. The network has three matrices of $C
# \cdot D$: up, gate, down. Each of the two RMS norms has a weight of $C$ and no bias.

# %%
def llama_layer(C, d, H, K, D):
    return 2 * C * H * d + 2 * C * K * d + 3 * C * D + 2 * C


check(1, llama_layer)


# %% [markdown]
# **2.** Token $i$ sees token $j$ if $j \le i$ (it is not later), or if $j < P$ (it belongs to the prefix). The second
# condition does not depend on $i$: whole columns, which broadcasting gives from a row of booleans.

# %%
def prefix_mask(T, P):
    return np.tril(np.ones((T, T), bool)) | (np.arange(T) < P)


check(2, prefix_mask)


# %% [markdown]
# **3.** The product of an empty shape is 1: a single number. A reader that compares this sum with the size of the file
# finds a truncated file before it takes any memory.

# %%
def bytes_of(header):
    size = {"F32": 4, "F16": 2, "BF16": 2, "I8": 1}
    return sum(size[entry["dtype"]] * math.prod(entry["shape"]) for entry in header.values())


check(3, bytes_of)


# %% [markdown]
# **4.** The softmax turns $-m \cdot \text{distance}$ into a factor $e^{-m \cdot \text{distance}}$ on each weight, and
# $-\infty$ into a factor 0.

# %%
def alibi_bias(T, m):
    distance = np.arange(T)[:, None] - np.arange(T)                             # query − key
    return np.where(distance >= 0, -m * distance, -np.inf)


check(4, alibi_bias)


# %% [markdown]
# **5.** $x\,W$ with $W$ (in, out) is $x\,(W^T)^T$: our (out, in) matrix is $W^T$. Its $3C$ rows are the outputs, q's first.

# %%
def split_attention(c_attn):
    return tuple(np.split(c_attn.T, 3))


check(5, split_attention)


# %% [markdown]
# **6.** $n$ tokens hold $2LKd \cdot n$ numbers. The smallest $n$ with $2LKd \cdot n > P$ is $\lfloor P / (2LKd) \rfloor +
# 1$: where the division comes out even, $n = P / (2LKd)$ makes them equal, and one more is needed. For SmolLM2, $P =
# 134{,}515{,}008$ and $2LKd = 2 \cdot 30 \cdot 3 \cdot 64 = 11{,}520$.

# %%
def cache_outgrows(P, L, K, d):
    return P // (2 * L * K * d) + 1


check(6, cache_outgrows)
print(f"SmolLM2: from {cache_outgrows(134_515_008, 30, 3, 64):,} tokens on")
