"""What training makes small when it is told which two vectors belong together."""

from __future__ import annotations

from typing import Any

import numpy as np

from .formula import formula
from .softmax import log_softmax


@formula
def contrastive_loss(a: Any, b: Any, temperature: float = 0.05, symmetric: bool = False) -> Any:
    """L = −(1/B) Σ_i log p_ii, with p_i = softmax_j(a_i · b_j / τ): which of the batch's b belongs to a_i?

    a (B, C), b (B, C), row i of one belongs to row i of the other → a single number. It is the cross-entropy of choosing among
    B, so a batch of one has nothing to learn from: its loss is 0. `symmetric` also asks which a belongs to b_j, and takes the
    mean of both. The rows are usually of length 1, their products then cosines from −1 to 1; so small a spread needs a small
    temperature τ, or the softmax can never become sure.

    Gradient, with s_ij = a_i · b_j / τ: ∂L/∂s_ij = (p_ij − [i = j]) / B, so ∂L/∂a_i = Σ_j ∂L/∂s_ij b_j / τ and ∂L/∂b_j =
    Σ_i ∂L/∂s_ij a_i / τ; `symmetric`: the mean of this ∂L/∂s and of (q_ij − [i = j]) / B, q the softmax of the columns.
    Each a is pulled to its own b with what p_ii lacks, and pushed from every other by how much it is mistaken for it: the
    other rows of the batch are the negatives. A row that stands in the batch twice is pushed from itself.

    Raises ValueError for shapes that differ or are no matrices, no rows, and a temperature that is not positive.
    Source: InfoNCE, van den Oord et al. 2018, §2.3; in-batch negatives Henderson et al. 2017, §4.4; symmetric Radford et al.
    2021, figure 3.
    """
    scores = a @ np.swapaxes(b, 0, 1) / temperature                                 # (B, B)
    loss = -np.trace(log_softmax(scores)) / len(a)
    if symmetric:
        loss = (loss - np.trace(log_softmax(scores, axis=0)) / len(a)) / 2.0
    return loss


@contrastive_loss.check
def _check(a, b, temperature=0.05, symmetric=False):
    if a.shape != b.shape or len(a.shape) != 2 or len(a) == 0:
        raise ValueError(f"vectors of shapes {a.shape} and {b.shape}: give two matrices of one shape, at least one row")
    if not temperature > 0:
        raise ValueError(f"temperature {temperature}: take a positive one, such as 0.05")
