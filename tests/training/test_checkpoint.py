"""Checkpoints: whole or not at all, and never believed without looking."""

from __future__ import annotations

import errno
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.training.support import config_of, model_of, objective_of, sources_of
from tinyllm.training import Checkpoint, load_checkpoint, read_state, save_checkpoint, train
from tinyllm.training import files as files_module
from tinyllm.training.checkpoint import _json, _sha256
from tinyllm.training.files import settle, write_file


def checkpoint_of(step: int) -> Checkpoint:
    rng = np.random.default_rng(step)
    arrays = {"w": rng.standard_normal((3, 4)).astype(np.float32), "b": np.full(4, step, np.float32)}
    return Checkpoint({"step": step, "best": {"loss": 0.1 + step}}, arrays, {"0.m": arrays["w"] * 2}, {"model_type": "gpt"})


def same(one: Checkpoint, other: Checkpoint) -> bool:
    return (
        one.state["step"] == other.state["step"]
        and one.config == other.config
        and all(np.array_equal(one.model[name], other.model[name]) for name in one.model)
        and all(np.array_equal(one.optimizer[name], other.optimizer[name]) for name in one.optimizer)
    )


def test_what_is_saved_is_what_is_loaded(tmp_path):
    for step in (1, 2):
        save_checkpoint(tmp_path / "last", checkpoint_of(step))
        loaded = load_checkpoint(tmp_path / "last")
        assert same(loaded, checkpoint_of(step))
        assert loaded.state["best"] == {"loss": 0.1 + step}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last"]


def test_an_array_that_is_a_view_is_saved_as_it_looks(tmp_path):
    w = np.arange(12, dtype=np.float32).reshape(3, 4)
    save_checkpoint(tmp_path / "last", Checkpoint({"step": 0}, {"w": w.T[::-1]}))
    assert np.array_equal(load_checkpoint(tmp_path / "last").model["w"], w.T[::-1])
    assert load_checkpoint(tmp_path / "last").optimizer is None


# ---------------------------------------------------------------- killed while saving

EVENTS = ("open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree", "os.scandir", "os.listdir")


def killed_at(event: int, work) -> bool:
    """Run `work` in a child process that dies, without any cleaning up, at its n-th look at the file system."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    count = 0

    def watch(name: str, arguments: object) -> None:
        nonlocal count
        if name in EVENTS:
            count += 1
            if count == event:
                os._exit(9)

    try:
        sys.addaudithook(watch)
        work()
        os._exit(0)
    finally:
        os._exit(1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_killed_at_any_moment_of_saving_there_is_the_old_checkpoint_or_the_new(tmp_path):
    save_checkpoint(tmp_path / "warm", checkpoint_of(0))            # so that the child imports nothing
    folder, killed, found = tmp_path / "last", 0, []
    save_checkpoint(folder, checkpoint_of(1))
    event = 1
    while killed_at(event, lambda: save_checkpoint(folder, checkpoint_of(2))):
        killed += 1
        settle(folder)
        left = load_checkpoint(folder)                              # whole, whatever the moment
        found.append(left.state["step"])
        assert same(left, checkpoint_of(left.state["step"]))
        assert sorted(path.name for path in tmp_path.iterdir()) == ["last", "warm"]
        save_checkpoint(folder, checkpoint_of(1))
        event += 1
    assert load_checkpoint(folder).state["step"] == 2               # the last child was left alone
    assert killed > 15
    assert set(found) == {1, 2}
    assert found == sorted(found)                                   # the new one from one moment on


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_killed_while_writing_a_file_there_is_the_old_one_or_the_new(tmp_path):
    file, event = tmp_path / "metrics.jsonl", 1
    write_file(file, b"old")
    while killed_at(event, lambda: write_file(file, b"new")):
        assert file.read_bytes() in (b"old", b"new")
        event += 1
    assert event > 2
    assert file.read_bytes() == b"new"


# ---------------------------------------------------------------- a disk that fails

@pytest.mark.parametrize("failing", ["fsync", "rename"])
@pytest.mark.parametrize("nth", [1, 2, 3, 4, 5])
def test_a_full_disk_leaves_the_checkpoint_before(tmp_path, monkeypatch, failing, nth):
    folder = tmp_path / "last"
    save_checkpoint(folder, checkpoint_of(1))
    real, calls = getattr(os, failing), 0

    def fails(*arguments: object) -> None:
        nonlocal calls
        calls += 1
        if calls == nth:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*arguments)

    monkeypatch.setattr(files_module.os, failing, fails)
    try:
        save_checkpoint(folder, checkpoint_of(2))
    except OSError as error:
        assert error.errno == errno.ENOSPC
        for part in ("step 2", str(folder), "No space left on device", "is intact"):
            assert part in str(error)
    else:
        assert calls < nth
    monkeypatch.undo()
    left = load_checkpoint(folder)
    assert same(left, checkpoint_of(left.state["step"]))
    assert [path.name for path in tmp_path.iterdir()] == ["last"]


def test_a_full_disk_before_the_first_checkpoint(tmp_path, monkeypatch):
    def fails(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files_module.os, "fsync", fails)
    with pytest.raises(OSError, match="there was none before it"):
        save_checkpoint(tmp_path / "last", checkpoint_of(1))
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_in_a_run_says_so(tmp_path, monkeypatch):
    """/dev/full is a device that is always full: metrics.jsonl there, checkpoints on a real disk."""
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full on this system")
    source, held_out = sources_of("causal")
    real_open = open

    def full(path: object, mode: str = "r", **options: object):
        return real_open("/dev/full" if str(path).endswith("metrics.jsonl") else path, mode, **options)

    monkeypatch.setattr("tinyllm.training.records.open", full, raising=False)
    with pytest.raises(OSError, match=r"step 3: could not write .*metrics.jsonl \(No space left on device\)"):
        train(model_of("causal"), objective_of("causal"), source, held_out, config_of(), tmp_path, progress=False)


@pytest.mark.parametrize("make", [lambda path: path.write_text("a file"), lambda path: (path.parent / "no").symlink_to(path)])
def test_a_folder_that_cannot_be_written_is_an_error_before_any_training(tmp_path, make):
    make(tmp_path / "taken")
    source, held_out = sources_of("causal")
    with pytest.raises(OSError, match=r"cannot be written to .*: choose another"):
        train(
            model_of("causal"), objective_of("causal"), source, held_out, config_of(),
            tmp_path / "taken" / "run" if (tmp_path / "taken").exists() else tmp_path / "no", progress=False,
        )


# ---------------------------------------------------------------- damaged, or of somebody else

def damage(path: Path, how: str) -> None:
    content = bytearray(path.read_bytes())
    if how == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif how == "changed":
        content[-3] ^= 1
        path.write_bytes(content)
    else:
        path.unlink()


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "config.json", "state.json"])
@pytest.mark.parametrize("how", ["truncated", "changed", "missing"])
def test_a_damaged_checkpoint_is_refused_by_the_name_of_the_file(tmp_path, name, how):
    save_checkpoint(tmp_path / "last", checkpoint_of(1))
    damage(tmp_path / "last" / name, how)
    kind = FileNotFoundError if (name, how) == ("state.json", "missing") else ValueError
    with pytest.raises(kind, match=name):
        load_checkpoint(tmp_path / "last")


def test_a_changed_state_is_refused_even_if_it_is_good_json(tmp_path):
    save_checkpoint(tmp_path / "last", checkpoint_of(1))
    file = tmp_path / "last" / "state.json"
    state = json.loads(file.read_text())
    for change in ({"step": 2}, {"files": {}}, {"format": 2}):
        file.write_text(json.dumps({**state, **change}))
        with pytest.raises(ValueError, match="does not fit its checksum"):
            read_state(tmp_path / "last")
    for text in ("[]", "{}", "null", "[" * 100_000, "\xff"):
        file.write_text(text, encoding="latin-1")
        with pytest.raises(ValueError, match=r"state.json is truncated or is none of ours"):
            read_state(tmp_path / "last")


def test_a_damaged_checkpoint_stops_a_run_that_wants_to_go_on(tmp_path):
    source, held_out = sources_of("causal")

    def run() -> None:
        train(model_of("causal"), objective_of("causal"), source, held_out, config_of(), tmp_path, progress=False)

    run()
    damage(tmp_path / "last" / "optimizer.safetensors", "changed")
    with pytest.raises(ValueError, match=r"optimizer.safetensors does not fit its checksum"):
        run()


@pytest.mark.parametrize(
    "files", [{"../secret": {"bytes": 1, "sha256": ""}}, {}, None, ["model.safetensors"], {"model.safetensors": 1}]
)
def test_a_state_may_only_name_the_files_of_a_checkpoint(tmp_path, files):
    """Anybody can compute a checksum: what it covers is still not trusted."""
    save_checkpoint(tmp_path / "last", checkpoint_of(1))
    (tmp_path / "secret").write_text("s")
    file = tmp_path / "last" / "state.json"
    state = {**json.loads(file.read_text()), "files": files}
    del state["sha256"]
    file.write_bytes(_json({**state, "sha256": _sha256(_json(state))}))
    with pytest.raises(ValueError, match="does not list its files"):
        load_checkpoint(tmp_path / "last")


def test_a_folder_without_a_checkpoint(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no checkpoint in .*nothing"):
        load_checkpoint(tmp_path / "nothing")
