"""The notebooks: built from their sources, compared with a fresh run, never written over somebody's answers."""

from __future__ import annotations

import importlib.util

import nbformat
import pytest

from tests.project.source import ROOT

spec = importlib.util.spec_from_file_location("lessons_build", ROOT / "lessons" / "build.py")
assert spec is not None and spec.loader is not None
builder = importlib.util.module_from_spec(spec)
spec.loader.exec_module(builder)

LESSON = '''# %% [markdown]
# # 1 · Numbers
#
# *Reading 10 min · running 1 s*
#
# **Afterwards you can** count to
# seven.

# %%
print("seven is", 7.0)

# %% tags=["varies"]
import time
print(time.time())
'''


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(builder, "HERE", tmp_path)
    (tmp_path / "01_numbers.py").write_text(LESSON, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("old, new", [
    ("", ""), ("loss 1.234", "loss 1.240"), ("1,000 steps", "1,000 steps"), ("a  b\n", "a b"), ("error 1e-9", "error 3e-16"),
    ("nan", "nan"), ("−3.00", "−3.01"), ("layer2 x1", "layer2 x1"), ("[1. 2.]", "[1. 2.]"),
])
def test_small_changes_pass(old, new):
    assert builder.text_change(old, new) == ""


@pytest.mark.parametrize("old, new", [
    ("loss 1.23", "loss 1.40"), ("right", "wrong"), ("1 2", "1 2 3"), ("-0.5", "0.5"), ("−0.5", "0.5"), ("1.0", "nan"),
    ("1,000 steps", "1,200 steps"), ("layer2", "layer3"), ("", "a warning"), ("12.0", "1.20"),
])
def test_other_words_or_numbers_do_not(old, new):
    assert builder.text_change(old, new)


def test_a_lesson_is_built_and_compared(folder):
    assert builder.build("01_numbers")[2:] == ([], "")
    notebook = nbformat.read(folder / "01_numbers.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert notebook.cells[1].outputs[0].text == "seven is 7.0\n"
    assert builder.check("01_numbers").problems == []

    notebook.cells[1].outputs[0].text = "seven is 8.0\n"
    nbformat.write(notebook, folder / "01_numbers.ipynb")
    assert "printed 8.0, now 7.0" in builder.check("01_numbers").problems[0]

    source = folder / "01_numbers.py"
    source.write_text(LESSON.replace("7.0", "7.1"), encoding="utf-8")
    assert "is not what 01_numbers.py says any more" in builder.check("01_numbers").problems[0]


def test_a_lesson_that_fails_leaves_its_notebook(folder):
    (folder / "01_numbers.ipynb").write_text("as it was", encoding="utf-8")
    (folder / "01_numbers.py").write_text(LESSON.replace('print("seven is", 7.0)', "assert 7 == 8"), encoding="utf-8")
    assert "AssertionError" in builder.build("01_numbers").problems[0]
    assert (folder / "01_numbers.ipynb").read_text(encoding="utf-8") == "as it was"


def test_a_notebook_not_there_is_named(folder):
    assert "01_numbers.ipynb is not there" in builder.check("01_numbers").problems[0]


def test_answers_in_a_notebook_are_kept(folder):
    """Rebuilding a notebook that the reader wrote into puts it aside under a name of its own, each time."""
    path = folder / "01_numbers.ipynb"
    notebook = builder.source_of("01_numbers")
    notebook.metadata["tinyllm"] = {"source": builder.digest(notebook)}
    nbformat.write(notebook, path)
    assert builder.put_aside(path) is None
    for n in (1, 2):
        notebook.cells[1].source = f"my answer {n}"
        nbformat.write(notebook, path)
        kept = builder.put_aside(path)
        assert kept == folder / f"01_numbers.yours{n}.ipynb" and "my answer" in kept.read_text(encoding="utf-8")
        assert not path.exists()


def test_pictures_are_counted(folder):
    def cell(pictures):
        outputs = [nbformat.v4.new_output("display_data", {"image/png": "aGk="}) for _ in range(pictures)]
        return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("draw()", outputs=outputs)])

    assert list(builder.changes(cell(1), cell(1))) == []
    assert list(builder.changes(cell(1), cell(0))) == ["cell 0 (draw()): 1 pictures in the notebook, 0 in a fresh run"]


def test_an_error_in_a_notebook_is_seen(folder):
    error = nbformat.v4.new_output("error", ename="NameError", evalue="", traceback=[])
    failed, fine = (
        nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("f()", outputs=outputs)]) for outputs in ([error], [])
    )
    assert "NameError" in next(builder.changes(failed, fine))


def test_the_table_of_contents(folder):
    text = f"before\n{builder.BEGIN}\nold\n{builder.END}\nafter"
    new = builder.readme(text)
    assert "| [1 · Numbers](01_numbers.ipynb) | count to seven | 10 min | 1 s |" in new
    assert new.startswith("before\n") and new.endswith("\nafter") and "old" not in new and builder.readme(new) == new
    with pytest.raises(ValueError, match="needs the lines"):
        builder.readme("no marks")
    (folder / "01_numbers.py").write_text("# %% [markdown]\n# # Numbers", encoding="utf-8")
    with pytest.raises(ValueError, match=r"01_numbers\.py has no title, times, Afterwards you can"):
        builder.readme(text)
