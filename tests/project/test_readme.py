"""The documents tell the truth: their Python runs, their links lead somewhere, the targets they name exist."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.project.source import ROOT

# README.md is named, not searched for: without it this fails.
PAGES = [ROOT / "README.md", ROOT / "lessons/README.md", *sorted((ROOT / "datasets").glob("**/*.md"))]
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(
    r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)"                                   # [text](link "title"), ![text](link)
    r"|<(?:img|a|source)\b[^>]*?\b(?:src|href|srcset)=[\"']([^\"']+)[\"']"       # <img src="link">
)

all_pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


def python_of(text: str) -> str:
    """The ```python blocks of a page as one program; other lines are blank, so that line numbers are the page's own."""
    lines = [""] * (text.count("\n") + 1)
    for block in FENCE.finditer(text):
        if block[1] == "python":
            first = text.count("\n", 0, block.start(2))
            body = block[2].splitlines()
            lines[first : first + len(body)] = body
    return "\n".join(lines) + "\n"


def links_of(text: str) -> list[str]:
    """What a page links to or shows, code blocks left out."""
    return [plain or html for plain, html in LINK.findall(FENCE.sub("", text))]


def anchors_of(text: str) -> set[str]:
    """The names that code hosts give a page's headings: lower case, spaces to hyphens, punctuation dropped."""
    headings = re.findall(r"^#+\s+(.*?)\s*#*$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def make_targets_of(text: str) -> set[str]:
    """`make x` in code, on a line or in a block; "make sure" in prose is not a target."""
    code = [block[2] for block in FENCE.finditer(text)] + re.findall(r"`([^`\n]+)`", FENCE.sub("", text))
    return {target for snippet in code for target in re.findall(r"\bmake +([a-z][a-z-]*)\b(?!=)", snippet)}


@all_pages
def test_its_python_runs(page, tmp_path):
    program = python_of(page.read_text(encoding="utf-8"))
    if not program.strip():
        return
    script = tmp_path / page.name
    script.write_text(program, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"}
    command = [sys.executable, "-W", "error", str(script)]
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, f"the Python in {page.name} fails:\n{run.stderr}"


def test_the_readme_shows_code():
    assert python_of((ROOT / "README.md").read_text(encoding="utf-8")).strip(), "README.md has no ```python block"


@all_pages
def test_its_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    broken = []
    for link in links_of(text):
        if re.match(r"[a-z][a-z+.-]*:", link):      # another site: not reached from a test
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        found = target.exists()
        if found and anchor and target.suffix == ".md":
            found = anchor in anchors_of(target.read_text(encoding="utf-8"))
        if not found:
            broken.append(link)
    assert not broken, f"{page.name} links to what is not there: {broken}"


@all_pages
def test_its_make_targets_exist(page):
    rules = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    missing = make_targets_of(page.read_text(encoding="utf-8")) - rules
    assert not missing, f"{page.name} names {sorted(missing)}: the Makefile has {sorted(rules)}"


PAGE = """# A page: about `code`

See [the code](code.py#L3), ![a picture](picture.png "title") and
<img width="3" src="other.png">; make sure of `make tour`.

```python
x = 1
```
    prose
```sh
make test ARGS=-x  # not [a link](nowhere)
```
```python
assert x == 1, "blocks build on each other"
raise ValueError("line 15")
```
"""


def test_the_readers_of_pages():
    assert links_of(PAGE) == ["code.py#L3", "picture.png", "other.png"]
    assert anchors_of(PAGE) == {"a-page-about-code"}
    assert make_targets_of(PAGE) == {"tour", "test"}
    with pytest.raises(ValueError, match="line 15") as caught:
        exec(compile(python_of(PAGE), "page", "exec"), {})
    assert caught.traceback[-1].lineno == 15 - 1


def test_every_make_target_is_listed():
    """`make help` shows a line for each: a target without `## what it does` would be a secret."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = set(re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)[1].split())
    assert phony == set(re.findall(r"^([a-z][a-z-]*):.*## ", text, re.MULTILINE))


def test_make_help_prints_them():
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, timeout=60).stdout
    for target in ("tour", "lab", "lessons", "test", "test-all", "lint", "bench", "parity", "mutants", "clean"):
        assert re.search(rf"^  make {target} +\S", listed, re.MULTILINE)


def test_pins_cover_the_extras():
    """Each package that an extra names has one version in constraints.txt, and no line says where it comes from."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    named = [*project["dependencies"], *(name for extra in extras for name in extra)]
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[a-z0-9-]+==[0-9.]+", line)] == []
    pinned = {line.partition("==")[0] for line in lines}
    assert {re.match(r"[\w-]+", name)[0] for name in named} - {"tinyllm"} <= pinned
