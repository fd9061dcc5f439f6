"""Pictures say what they show: every axis has a label, every number given is drawn, and bad shapes are named."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from tinyllm import viz

TOKENS = ["the", " cat", " sat", "\n"]


def attention(heads=None):
    weights = np.random.default_rng(0).random((heads or 1, 4, 4))
    weights /= weights.sum(axis=-1, keepdims=True)
    return weights if heads else weights[0]


def texts(ax):
    return [t.get_text() for t in ax.texts]


def test_attention_map_names_every_token_and_both_axes():
    ax = viz.attention_map(attention(), TOKENS).axes[0]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["the", "·cat", "·sat", "⏎"]
    assert "looked at" in ax.get_xlabel() and "looks" in ax.get_ylabel()
    np.testing.assert_array_equal(ax.images[0].get_array(), attention())


def test_attention_heads_draws_every_head():
    fig = viz.attention_heads(attention(3), TOKENS)
    shown = [ax.images[0].get_array() for ax in fig.axes if ax.images]
    np.testing.assert_array_equal(np.stack(shown), attention(3))


def test_confusion_map_writes_every_count():
    counts = np.array([[5, 1], [0, 7]])
    ax = viz.confusion_map(counts, ["http", "xml"]).axes[0]
    assert sorted(texts(ax)) == ["1", "5", "7"]
    np.testing.assert_allclose(ax.images[0].get_array(), [[5 / 6, 1 / 6], [0, 1]])


def test_accuracy_bars_draws_what_was_run_and_chance():
    ax = viz.accuracy_bars({"ours": [0.5, 0.75], "words": [None, 0.9]}, ["8 labels", "all"], "topics", chance=0.27).axes[0]
    assert sorted(texts(ax)) == ["0.50", "0.75", "0.90"]
    assert {t.get_text() for t in ax.get_legend().get_texts()} == {"ours", "words", "commonest label (0.27)"}
    assert "accuracy" in ax.get_ylabel()


@pytest.mark.parametrize("draw", [
    lambda: viz.attention_map(np.ones((3, 3)), TOKENS),
    lambda: viz.attention_heads(np.ones((2, 3, 3)), TOKENS),
    lambda: viz.confusion_map(np.ones((2, 2)), ["a"]),
])
def test_shapes_that_do_not_fit_the_names_are_refused(draw):
    with pytest.raises(ValueError, match=r"one row and (one )?column"):
        draw()


def test_saving_replaces_the_file_and_leaves_no_other(tmp_path):
    path = tmp_path / "map.png"
    for _ in range(2):
        viz.save(viz.attention_map(attention(), TOKENS), path)
    assert [p.name for p in tmp_path.iterdir()] == ["map.png"]
    assert path.read_bytes()[:4] == b"\x89PNG"


def test_drawing_leaves_matplotlibs_settings_alone():
    import matplotlib

    before = dict(matplotlib.rcParams)
    viz.attention_map(attention(), TOKENS)
    assert dict(matplotlib.rcParams) == before


def test_loss_curve_draws_every_point_and_names_every_baseline():
    curves = {"loss": [(0, 3.0), (10, 2.0)], "held out": [(10, 2.5)]}
    ax = viz.loss_curve(curves, baselines={"unigram": 2.8, "3-gram": 2.1}).axes[0]
    assert [line.get_label() for line in ax.lines[:2]] == ["loss", "held out"]
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), [[0, 3], [10, 2]])
    assert sorted(texts(ax)) == ["3-gram 2.10", "unigram 2.80"]


def test_a_curve_without_points_is_refused():
    with pytest.raises(ValueError, match="nothing was logged yet"):
        viz.loss_curve({"loss": []})
