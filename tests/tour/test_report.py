"""The page says what the numbers say, is one file, and shows everything it was given."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from tinyllm.tour.page import Page
from tinyllm.tour.report import report


def results(**accuracy):
    weights = np.tril(np.ones((2, 3, 3))) / np.arange(1, 4)[:, None]
    return {
        "versions": "tinyllm 0", "seed": 0, "quick": True, "commands": ["tinyllm generate x"],
        "seconds": {"pretrain a causal model": 30.0, "pretrain a masked model": 60.0},
        "corpus": {"characters": 2000, "documents": 10, "python": "3.11", "sha256": "ab" * 32, "missing": ["tkinter"]},
        "tokenizer": {"merges": 100, "seconds": 1.0, "characters_per_token": 3.5, "sample": ["a", " <b>"]},
        "language": {
            "curve": [(10, 3.0), (20, 2.5)], "bits": 2.5, "tokens": 1000, "tokens_per_second": 100.0, "parameters": 12345,
            "baselines": {"unigram": 3.03, "3-gram": 1.91},
            "samples": [{"prompt": "<p>", "temperature": 0.7, "text": "& so on"}],
        },
        "attention": {"layer": 2, "weights": weights.tolist(), "tokens": ["a", "b", "c"]},
        "masked": {
            "curve": [(10, 6.0)], "loss": 5.9, "accuracy": 0.1, "unigram_loss": 6.4, "unigram_accuracy": 0.05,
            "hidden_share": 0.25, "parameters": 12345,
            "examples": [{"text": "a ▁▁▁ c", "hidden": "b", "guesses": [["b", 0.5], ["d", 0.25]]}],
        },
        "classification": {
            "settings": ["8 labels a class", "all labels"], "names": ["http", "xml"], "rows": {"train": 80, "test": 20},
            "accuracy": {"bag of words": [0.5, 0.9], "from scratch": [0.3, 0.8], "pretrained": [0.5, 0.7], **accuracy},
            "confusion": [[5, 1], [2, 7]], "majority": 0.27,
        },
    }


def test_says_who_wins_and_by_how_much():
    html = report(results()).html()
    few = "With 8 labels a class, pretraining adds 20 points to the same network; it ends level with the bag of words."
    many = "With all labels, pretraining costs 10 points of the same network; it ends 20 points behind the bag of words."
    assert few in html and many in html
    assert "it ends 5 points ahead of the bag" in report(results(pretrained=[0.55, 0.9])).html()


def test_says_when_counting_is_ahead_of_the_network():
    assert "counting is still ahead: 3-gram came out better" in report(results()).html()
    won = results()
    won["language"]["bits"] = 1.5
    assert "already guesses better than all of them" in report(won).html()


def test_names_what_is_missing_and_escapes_what_models_write():
    html = report(results()).html()
    assert "installed without <code>tkinter</code>" in html
    assert "&lt;p&gt;" in html and "&amp; so on" in html and "<p>&" not in html


def test_is_one_file_with_its_pictures_inside(tmp_path):
    html = report(results()).write(tmp_path / "report.html").read_text(encoding="utf-8")
    assert html.count("data:image/png;base64,") == 5
    assert "http://" not in html and "https://" not in html and "src=\"data" in html
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_tables_hold_every_number():
    page = Page("t")
    page.table(["a", "b"], [["`x`", 1], ["y<", "2"]])
    cells = ("<code>x</code>", "<td class=number>1</td>", "y&lt;", "<td class=number>2</td>")
    assert all(cell in page.html() for cell in cells)
