"""Wrong arguments: each is refused with the rule, what was given, and what to do; with twins and without."""

from __future__ import annotations

import re
from contextlib import nullcontext

import numpy as np
import pytest

from tinyllm import Tensor, formulas_only
from tinyllm import functional as F

X = np.ones((2, 3, 4), np.float32)
Q = np.ones((1, 2, 3, 4), np.float32)
IDS = np.array([[0, 1, 2], [2, 1, 0]])
KEEP = np.ones(X.shape, bool)


def recurrent(**wrong):
    """A call that is right but for this."""
    right = {"x": X, "h0": np.ones((2, 5)), "w_x": np.ones((5, 4)), "w_h": np.ones((5, 5)), "b": np.ones(5)}
    return F.recurrent(**right | wrong)


BAD = {
    "linear, width": (lambda: F.linear(X, np.ones((5, 3))), ValueError, "x (2, 3, 4) and weight (5, 3): x (..., in) needs"),
    "linear, weight of one axis": (lambda: F.linear(X, np.ones(4)), ValueError, "weight (4,)"),
    "linear, bias": (lambda: F.linear(X, np.ones((5, 4)), np.ones(4)), ValueError, "bias (4,) and weight (5, 4)"),
    "linear, a number": (lambda: F.linear(np.float32(1), np.ones((5, 4))), ValueError, "x ()"),
    "gelu": (lambda: F.gelu(X, "fast"), ValueError, "approximate='fast': choose 'none'"),
    "softmax, where of numbers": (lambda: F.softmax(X, where=X), TypeError, "where is float32: pass an array of booleans"),
    "softmax, where of a list": (lambda: F.softmax(X, where=[True]), TypeError, "where is list"),
    "softmax, where's shape": (
        lambda: F.softmax(X, where=np.ones((3, 3), bool)), ValueError, "(3, 3), which does not broadcast to"),
    "softmax, where too deep": (
        lambda: F.softmax(X[0, 0], where=KEEP), ValueError, "(2, 3, 4), which does not broadcast to (4,)"),
    "cross_entropy, float targets": (
        lambda: F.cross_entropy(X, IDS * 1.0), TypeError, "targets is float64: pass an array of integers"),
    "cross_entropy, list": (lambda: F.cross_entropy(X, [[0, 1, 2]]), TypeError, "targets is list"),
    "cross_entropy, shape": (lambda: F.cross_entropy(X, IDS[0]), ValueError, "logits (2, 3, 4) and targets (3,)"),
    "cross_entropy, target too large": (
        lambda: F.cross_entropy(X, IDS + 2), ValueError, "target 4 is none of 4 classes: use 0 to 3"),
    "cross_entropy, negative target": (lambda: F.cross_entropy(X, IDS - 1), ValueError, "target -1 is none of 4 classes"),
    "cross_entropy, another ignored": (lambda: F.cross_entropy(X, IDS - 100, -1), ValueError, "or -1 to ignore"),
    "cross_entropy, smoothing": (lambda: F.cross_entropy(X, IDS, label_smoothing=1.0), ValueError, "label_smoothing=1.0"),
    "cross_entropy, negative smoothing": (
        lambda: F.cross_entropy(X, IDS, label_smoothing=-0.1), ValueError, "label_smoothing=-0.1"),
    "cross_entropy, weights": (
        lambda: F.cross_entropy(X, IDS, class_weights=np.ones(3)), ValueError, "(3,): one weight for each of 4"),
    "cross_entropy, weights that vary": (
        lambda: F.cross_entropy(X, IDS, class_weights=Tensor(np.ones(4))), TypeError, "class_weights is a Tensor: pass"),
    "mse_loss, shapes": (lambda: F.mse_loss(X, X[0]), ValueError, "prediction (2, 3, 4) and target (3, 4)"),
    "mse_loss, nothing": (lambda: F.mse_loss(X[:0], X[:0]), ValueError, "must be equal and not empty"),
    "contrastive_loss, rows": (lambda: F.contrastive_loss(X[0], X[0, :2]), ValueError, "vectors of shapes (3, 4) and (2, 4)"),
    "contrastive_loss, axes": (lambda: F.contrastive_loss(X, X), ValueError, "give two matrices of one shape"),
    "contrastive_loss, no rows": (lambda: F.contrastive_loss(X[0, :0], X[0, :0]), ValueError, "at least one row"),
    "contrastive_loss, temperature": (lambda: F.contrastive_loss(X[0], X[0], 0.0), ValueError, "temperature 0.0: take"),
    "layer_norm, weight": (lambda: F.layer_norm(X, np.ones(3)), ValueError, "layer_norm: weight has shape (3,), x (2, 3, 4)"),
    "layer_norm, bias": (lambda: F.layer_norm(X, np.ones(4), np.ones(1)), ValueError, "layer_norm: bias has shape (1,)"),
    "layer_norm, no width": (lambda: F.layer_norm(X[..., :0], np.ones(0)), ValueError, "x has shape (2, 3, 0)"),
    "rms_norm, weight": (lambda: F.rms_norm(X, np.ones((4, 1))), ValueError, "rms_norm: weight has shape (4, 1)"),
    "embedding, float ids": (lambda: F.embedding(X, X[0]), TypeError, "ids is float32: pass an array of integers"),
    "embedding, list": (lambda: F.embedding([0], X[0]), TypeError, "ids is list"),
    "embedding, too large": (lambda: F.embedding(IDS + 1, X[0]), IndexError, "id 3 is outside the table of 3 rows: use 0 to 2"),
    "embedding, too large beside the first": (
        lambda: F.embedding(IDS * 2, X[0]), IndexError, "id 4 is outside the table of 3 rows: use 0 to 2"),
    "attention_weights, width": (
        lambda: F.attention_weights(Q, np.ones((1, 2, 3, 5), np.float32)), ValueError, "must be equally wide"),
    "embedding, negative": (lambda: F.embedding(IDS - 1, X[0]), IndexError, "id -1 is outside"),
    "embedding, table": (lambda: F.embedding(IDS, X), ValueError, "(2, 3, 4): it needs two axes"),
    "rotary, odd width": (
        lambda: F.rotary(X[..., :3], *F.rotary_table(3, 4)), ValueError, "(2, 3, 3): it needs (..., T, D) with an even"),
    "rotary, table": (
        lambda: F.rotary(X, *F.rotary_table(5, 4)), ValueError, "rotary: cos has shape (5, 2), which does not broadcast"),
    "rotary, width": (
        lambda: F.rotary(X, *F.rotary_table(3, 2)), ValueError, "rotary: cos has shape (3, 1), x (2, 3, 4): its last axis"),
    "rotary, angles that vary": (
        lambda: F.rotary(X, *(Tensor(t, requires_grad=True) for t in F.rotary_table(3, 4))), TypeError, "pass cos.detach()"),
    "rotary_table": (lambda: F.rotary_table(8, 5), ValueError, "a width of 5 is odd"),
    "sinusoidal_table": (lambda: F.sinusoidal_table(8, 5), ValueError, "a width of 5 is odd"),
    "attention, heads": (lambda: F.attention(Q, Q[:, :1], Q), ValueError, "q (1, 2, 3, 4) and k (1, 1, 3, 4): batch and heads"),
    "attention, heads of v": (lambda: F.attention(Q, Q, Q[:, :1]), ValueError, "q (1, 2, 3, 4) and v (1, 1, 3, 4)"),
    "attention, widths": (lambda: F.attention(Q, Q[..., :3], Q), ValueError, "queries and keys must be equally wide"),
    "attention, values": (lambda: F.attention(Q, Q, Q[..., :2, :]), ValueError, "each key needs one value"),
    "attention, no keys": (lambda: F.attention(Q, Q[..., :0, :], Q[..., :0, :]), ValueError, "there must be a key to look at"),
    "attention, mask of numbers": (
        lambda: F.attention(Q, Q, Q, np.ones((3, 3))), TypeError, "mask is float64: pass an array of booleans"),
    "attention, mask's shape": (
        lambda: F.attention(Q, Q, Q, np.ones((3, 4), bool)), ValueError, "which does not broadcast to (1, 2, 3, 3)"),
    "attention, bias of booleans": (
        lambda: F.attention(Q, Q, Q, score_bias=np.ones((3, 3), bool)), TypeError, "score_bias is bool: pass an array"),
    "attention, bias's shape": (
        lambda: F.attention(Q, Q, Q, score_bias=np.ones((3, 4))), ValueError, "which does not broadcast to (1, 2, 3, 3)"),
    "attention_weights, mask": (lambda: F.attention_weights(Q, Q, np.ones((4, 3), bool)), ValueError, "does not broadcast"),
    "recurrent, one sequence": (lambda: recurrent(x=X[0]), ValueError, "recurrent: x has shape (3, 4): it needs (B, T, C)"),
    "recurrent, no step": (lambda: recurrent(x=X[:, :0]), ValueError, "x has shape (2, 0, 4): it needs (B, T, C), with one"),
    "recurrent, h0": (lambda: recurrent(h0=np.ones((1, 5))), ValueError, "recurrent: h0 has shape (1, 5), x (2, 3, 4)"),
    "recurrent, w_x": (lambda: recurrent(w_x=np.ones((4, 5))), ValueError, "w_x has shape (4, 5), x (2, 3, 4), w_h (5, 5)"),
    "recurrent, w_h": (lambda: recurrent(w_h=np.ones((5, 4))), ValueError, "w_h has shape (5, 4): it takes a state"),
    "recurrent, w_h of no axis": (lambda: recurrent(w_h=np.float32(1)), ValueError, "recurrent: w_h has shape ()"),
    "recurrent, w_h of three": (lambda: recurrent(w_h=np.ones((5, 5, 1))), ValueError, "recurrent: w_h has shape (5, 5, 1)"),
    "recurrent, b": (lambda: recurrent(b=np.ones(1)), ValueError, "recurrent: b has shape (1,), x (2, 3, 4), w_h (5, 5)"),
    "dropout, p": (lambda: F.dropout(X, KEEP, 1.0), ValueError, "dropout p=1.0"),
    "dropout, mask of numbers": (lambda: F.dropout(X, X, 0.5), TypeError, "keep is float32"),
    "dropout, shape": (lambda: F.dropout(X, KEEP[0], 0.5), ValueError, "keep has shape (3, 4), x (2, 3, 4)"),
    "an unknown option": (
        lambda: F.cross_entropy(X, IDS, smoothing=0.1), TypeError, "cross_entropy() got an unexpected keyword"),
    "a missing argument": (lambda: F.layer_norm(X), TypeError, "layer_norm() missing 1 required positional argument: 'weight'"),
}


@pytest.mark.parametrize("mode", [nullcontext, formulas_only], ids=["twin", "formula"])
@pytest.mark.parametrize("what", BAD)
def test_refused(what, mode):
    call, error, message = BAD[what]
    with mode(), pytest.raises(error, match=re.escape(message)):
        call()


def test_ignored_targets_are_no_error():
    assert np.isfinite(F.cross_entropy(X, np.where(IDS == 2, -100, IDS)))
