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


def test_a_map_of_cross_attention_names_both_texts():
    weights = np.full((4, 2), 0.5)
    ax = viz.attention_map(weights, TOKENS, "cross", source=["le", " chat"]).axes[0]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["le", "·chat"] and "source" in ax.get_xlabel()
    assert [t.get_text() for t in ax.get_yticklabels()] == ["the", "·cat", "·sat", "⏎"]


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
    lambda: viz.attention_map(np.ones((4, 4)), TOKENS, source=["le"]),
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


# ---------------------------------------------------------------- general pictures


def test_a_picture_shows_itself():
    png = viz.bars({"a": 1.0}, "height", "one bar")._repr_png_()
    assert png.startswith(b"\x89PNG") and len(png) > 1000


def test_lines_draws_curves_and_baselines():
    fig = viz.lines({"a": [(1, 2.0), (2, 1.0)], "b": (np.array([1, 3]), np.array([4.0, 5.0]))}, "step", "loss", "two",
                    baselines={"chance": 3.0}, logy=True)
    ax = fig.axes[0]
    drawn = {line.get_label(): line.get_xydata().tolist() for line in ax.lines}
    assert drawn["a"] == [[1, 2], [2, 1]] and drawn["b"] == [[1, 4], [3, 5]]
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title(loc="left"), ax.get_yscale()) == ("step", "loss", "two", "log")
    assert "chance 3.00" in texts(ax)


@pytest.mark.parametrize("x, marks", [
    ([2, 9], {"2", "3", "5", "8"}), ([20, 1200], {"20", "100", "1,000"}), ([0.21, 0.22], {"0.212", "0.22"}),
])
def test_a_short_logarithmic_axis_has_plain_numbers(x, marks):
    fig = viz.lines({"a": (x, [1, 2])}, "x", "y", "t", logx=True)
    fig._repr_png_()
    ax = fig.axes[0]
    low, high = ax.get_xlim()
    shown = [t.get_text() for t in ax.get_xticklabels() if low <= t.get_position()[0] <= high]
    assert marks <= set(shown) and not any("$" in text for text in shown)
    assert not any(t.get_text() for t in ax.xaxis.get_minorticklabels())


@pytest.mark.parametrize("logy", [False, True])
def test_names_of_near_baselines_do_not_cover_each_other(logy):
    levels = {"low": 1.0, "near": 1.02, "nearer": 1.03, "high": 2.0, "top": 2.05}
    fig = viz.lines({"a": [(1, 3.0), (2, 0.5)]}, "x", "y", "t", baselines=levels, logy=logy)
    fig._repr_png_()
    boxes = [text.get_window_extent() for text in fig.axes[0].texts]
    assert len(boxes) == 5 and not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_a_masked_score_is_read_on_its_white_cell():
    ax = viz.heatmap([[1.0, -np.inf]], "key", "query", "scores", values=True).axes[0]
    assert [(t.get_text(), t.get_color()) for t in ax.texts] == [("1", "black"), ("−∞", "black")]


def test_negative_and_infinite_cells_are_told_apart_without_colour():
    fig = viz.heatmap([[1.0, -2.0], [np.inf, 0.0]], "x", "y", "t", label="weight", diverging=True)
    assert fig.axes[1].get_ylabel() == "weight\n(/ negative)\n(x not finite)"
    assert [drawn.get_hatch() for drawn in fig.axes[0].collections] == ["///", "xxx"]


def test_heatmap_draws_every_number():
    matrix = np.array([[1.0, -2.0], [0.25, np.nan]])
    fig = viz.heatmap(matrix, "to", "from", "a matrix", label="weight", rows=["r", "s"], columns=["c", "d"], values=True,
                      diverging=True)
    ax, bar = fig.axes
    assert texts(ax) == ["1", "−2", "0.25", "nan"] and bar.get_ylabel() == "weight"
    assert [t.get_text() for t in ax.get_yticklabels()] == ["r", "s"] and fig.get_suptitle() == "a matrix"
    assert ax.images[0].norm.vmin == -ax.images[0].norm.vmax == -2.0
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("to", "from")


def test_bars_and_histogram_draw_what_they_are_given():
    fig = viz.bars({"a": 1.5, "b": -2.0}, "size", "bars", baseline=1.0, baseline_name="usual")
    ax = fig.axes[0]
    assert [patch.get_height() for patch in ax.patches] == [1.5, -2.0] and texts(ax) == ["1.5", "−2"]
    assert [t.get_text() for t in fig.legends[0].get_texts()] == ["usual (1)"]
    ax = viz.histogram({"x": [0.0, 0.1, 0.9], "y": [[0.6]]}, "value", "spread", bins=[0.0, 0.5, 1.0]).axes[0]
    assert [patch.get_data().values.tolist() for patch in ax.patches] == [[2, 1], [0, 1]]
    assert ax.get_xlabel() == "value" and ax.get_ylabel() == "count a bin"


def test_token_strip_shows_every_token_once_in_order():
    ax = viz.token_strip(["a b", "\n", "", "€"], [0.0, 1.0, 2.0, 3.0], "strip", label="surprise").axes[0]
    assert texts(ax) == ["a·b", "⏎", "∅", "€"] and len(ax.patches) == 4


def test_tagged_text_marks_what_is_tagged_and_says_each_label_once_a_name():
    tokens, tags = ["Anna", "B", "met", "Bob", "Eve", "in", "Rome"], ["B-PER", "I-PER", "O", "I-PER", "B-PER", "O", "LOC"]
    ax = viz.tagged_text(tokens, tags, "found").axes[0]
    assert texts(ax) == ["PER", "Anna", "B", "met", "PER", "Bob", "PER", "Eve", "in", "LOC", "Rome"]
    bars = [patch for patch in ax.patches if patch.get_alpha() is None]
    assert len(ax.patches) == 10 and len({patch.get_hatch() for patch in bars}) == 2
    fig = viz.tagged_text(["word"] * 30, ["B-X"] + ["I-X"] * 29)
    assert texts(fig.axes[0]).count("X") == len({patch.get_y() for patch in fig.axes[0].patches}) // 2


def test_scatter_names_every_point_and_no_name_covers_another():
    points = np.random.default_rng(0).normal(size=(12, 2))
    fig = viz.scatter(points, "first", "second", "points", names=[f"text {i}" for i in range(12)], groups=["a", "b", "c"] * 4)
    fig._repr_png_()
    ax = fig.axes[0]
    assert [line.get_xydata().tolist() for line in ax.lines] == [points[i::3].tolist() for i in range(3)]
    assert len({line.get_marker() for line in ax.lines}) == 3
    assert [t.get_text() for t in fig.legends[0].get_texts()] == ["a", "b", "c"]
    boxes = [text.get_window_extent() for text in ax.texts]
    assert len(boxes) == 12 and not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    a, b = ax.transData.transform([[0.0, 0.0], [1.0, 1.0]])
    assert b[0] - a[0] == pytest.approx(b[1] - a[1], rel=0.01)


def test_numbers_of_many_bars_do_not_cover_each_other():
    methods = {f"method {i}": [0.7, 0.71, 0.72, 0.73] for i in range(5)}
    fig = viz.accuracy_bars(methods, ["a", "b", "c", "d"], "five", chance=0.2)
    fig._repr_png_()
    boxes = [text.get_window_extent() for text in fig.axes[0].texts]
    assert len(boxes) == 20 and not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_a_long_title_fits_on_a_small_picture():
    from tinyllm import Tensor

    title = "A title that says at length what the small picture under it shows, and why"
    graph = viz.graph(Tensor(1.0, requires_grad=True) * 2.0, title=title)
    weights = viz.attention_map(np.ones((1, 1)), ["a"], title)
    for fig, text in ((graph, graph.axes[0]._left_title), (weights, weights._suptitle)):
        fig._repr_png_()
        assert text.get_text() == title and text.get_window_extent().x1 <= fig.bbox.x1


def test_graph_names_values_and_gradients_and_leaves_the_graph_alone():
    from tinyllm import Tensor

    x, y = (Tensor(value, requires_grad=True) for value in (2.0, 3.0))
    product = x * y
    z = product + x
    shown = texts(viz.graph(z, {"x": x, "y": y, "xy": product, "z": z}).axes[0])
    assert {"x\n2\n∂ 4", "y\n3\n∂ 2", "xy\nnp.multiply\n6\n∂ 1", "z\nnp.add\n8\n∂ 1"} == set(shown)
    assert x.grad is None
    z.backward()
    assert x.grad == 4.0 and y.grad == 2.0
    with pytest.raises(RuntimeError, match="was freed"):
        viz.graph(z)


def test_graph_says_the_constants_of_an_operation_and_the_lengths_of_long_gradients():
    from tinyllm import Tensor

    w = Tensor(np.full((2, 3), 2.0, np.float32), requires_grad=True)
    shown = texts(viz.graph(np.sum(w**3 * np.ones((2, 3), np.float32)), {"w": w}).axes[0])
    assert "w\nshape (2, 3)\n‖∂‖ 29.4" in shown                              # 3 · 2² · √6
    assert any(text.startswith("np.power(·, 3)\n") for text in shown)
    assert any(text.startswith("np.multiply(·, array(2, 3))\n") for text in shown)


def test_graph_of_many_outputs_has_no_gradients_and_foreign_names_are_refused():
    from tinyllm import Tensor

    x = Tensor([1.0, 2.0], requires_grad=True)
    shown = texts(viz.graph(np.exp(x), {"x": x}).axes[0])
    assert shown == ["x\n[1 2]", "np.exp\n[2.72 7.39]"]
    with pytest.raises(ValueError, match="'other' is not in this graph"):
        viz.graph(np.exp(x), {"other": Tensor(1.0, requires_grad=True)})
    with pytest.raises(ValueError, match="carries no gradient"):
        viz.graph(Tensor(1.0))


def test_surface_path_starts_at_the_ring_and_ends_at_the_dot():
    path = np.array([[1.0, 1.0], [0.5, 0.25], [0.0, 0.0]])
    ax = viz.surface_path(lambda x, y: x**2 + y**2, {"descent": path}, (-2, 2), (-2, 2), "a bowl").axes[0]
    lines = {line.get_label(): line.get_xydata() for line in ax.lines}
    np.testing.assert_array_equal(lines["descent"], path)
    ends = [line.get_xydata().ravel().tolist() for line in ax.lines if len(line.get_xydata()) == 1]
    assert ends == [[1.0, 1.0], [0.0, 0.0]]


def long_graph():
    from tinyllm import Tensor

    x = Tensor(1.0, requires_grad=True)
    for _ in range(60):
        x = x + 1.0
    return x


@pytest.mark.parametrize("draw, words", [
    (lambda: viz.lines({}, "x", "y", "t"), "nothing to draw"),
    (lambda: viz.lines({"a": ([1, 2], [1])}, "x", "y", "t"), "both must have one length"),
    (lambda: viz.lines({"a": [(1, 0.0)]}, "x", "y", "t", logy=True), "no place for numbers <= 0"),
    (lambda: viz.heatmap(np.zeros(3), "x", "y", "t"), "needs two axes"),
    (lambda: viz.heatmap(np.full((1, 1), np.nan), "x", "y", "t"), "no value is finite"),
    (lambda: viz.heatmap(np.zeros((2, 1)), "x", "y", "t", rows=["a"]), "one name a row, so 2"),
    (lambda: viz.bars({}, "y", "t"), "at least one value"),
    (lambda: viz.histogram({"a": []}, "x", "t"), "at least one, and all finite"),
    (lambda: viz.token_strip([]), "nothing to draw"),
    (lambda: viz.token_strip(["a"], [1.0, 2.0]), "one value a token"),
    (lambda: viz.tagged_text(["a"], []), "one tag a token"),
    (lambda: viz.scatter([[1.0]], "x", "y", "t"), "takes"),
    (lambda: viz.scatter([[1.0, np.inf]], "x", "y", "t"), "all finite"),
    (lambda: viz.scatter([[1.0, 2.0]], "x", "y", "t", names=["a", "b"]), "2 names for 1 points"),
    (lambda: viz.graph(long_graph()), "more than 40 nodes"),
    (lambda: viz.surface_path(lambda x, y: x * 0, {}, (0, 1), (0, 1), "t"), "does not vary"),
    (lambda: viz.surface_path(lambda x, y: x, {"p": [1.0]}, (0, 1), (0, 1), "t"), "one point"),
])
def test_what_cannot_be_drawn_is_refused(draw, words):
    with pytest.raises(ValueError, match=words):
        draw()


def test_beam_tree_writes_every_text_weighed_and_the_answers_scores():
    from tinyllm.generation import BeamNode, BeamTree

    nodes = [
        BeamNode(None, 0, -0.1, -0.1, -0.1, kept=True, ended=False),
        BeamNode(None, 1, -2.0, -2.0, -2.0, kept=False, ended=False),
        BeamNode(0, 2, -0.5, -0.6, -0.5, kept=True, ended=True),
        BeamNode(0, 1, -0.7, -0.8, -0.7, kept=True, ended=True),
    ]
    fig = viz.beam_tree(BeamTree(nodes, [2]), [" a", "b", "<eos>"].__getitem__, "tree")
    ax = fig.axes[0]
    assert texts(ax) == ["start", "·a\n−0.10  −0.10", "b −2.00", "<eos>\n−0.50  −0.60\nno. 1: score −0.50",
                         "b\n−0.70  −0.80\nscore −0.70"]
    boxes, branches = ([patch for patch in ax.patches if (type(patch).__name__ == "Rectangle") is box] for box in (True, False))
    assert [box.get_linewidth() > 1 for box in boxes] == [True, True, False, True, False]
    assert [branch.get_linestyle() == "-" for branch in branches] == [True, False, True, True]
    fig._repr_png_()
    drawn = [box.get_window_extent() for box in boxes]
    assert not any(a.overlaps(b) for i, a in enumerate(drawn) for b in drawn[:i])
    with pytest.raises(ValueError, match="tree of 0 nodes"):
        viz.beam_tree(BeamTree(), str)
