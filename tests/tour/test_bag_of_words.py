"""The bag-of-words classifier finds the least penalised loss, and is blind to word order."""

import numpy as np
import pytest

from tinyllm.tour.bag_of_words import BagOfWords

TEXTS = ["a good film", "good and fine", "a bad film", "bad and dull", "fine film", "dull film"]
LABELS = np.array([0, 0, 1, 1, 0, 1])


def test_learns_words_that_tell_the_labels_apart():
    model = BagOfWords(TEXTS, LABELS, 2, penalty=1e-4)
    assert model.predict(TEXTS).tolist() == LABELS.tolist()
    assert model.predict(["a fine day", "dull"]).tolist() == [0, 1]


def test_order_of_words_changes_nothing():
    model = BagOfWords(TEXTS, LABELS, 2)
    x = model._features(["not good but bad", "bad not but good"])
    np.testing.assert_array_equal(x[0], x[1])


def test_reaches_the_minimum_where_the_gradient_vanishes():
    penalty = 1e-2
    model = BagOfWords(TEXTS, LABELS, 2, penalty, steps=2000)
    x = model._features(TEXTS).astype(np.float64)
    logits = x @ model.weight.T + model.bias
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    error = (p - np.eye(2)[LABELS]) / len(TEXTS)                                  # ∂ mean cross-entropy / ∂ logits
    np.testing.assert_allclose(error.T @ x + 2 * penalty * model.weight, 0.0, atol=1e-4)
    np.testing.assert_allclose(error.sum(axis=0), 0.0, atol=1e-4)


def test_features_are_tf_idf_of_length_one():
    model = BagOfWords(["aa aa bb", "bb cc"], np.array([0, 1]), 2)
    x = model._features(["aa aa bb"])[0]
    aa, bb = 2 * (np.log(3 / 2) + 1), np.log(3 / 3) + 1
    np.testing.assert_allclose(x[[model.column["aa"], model.column["bb"]]], np.array([aa, bb]) / np.hypot(aa, bb), rtol=1e-6)


def test_texts_without_words_are_refused():
    with pytest.raises(ValueError, match="without a word"):
        BagOfWords(["?!", "..."], np.array([0, 1]), 2)
