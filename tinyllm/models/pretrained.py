"""Models as folders: config.json says what to build, model.safetensors holds the weights. The layout is Hugging Face's.

A folder may come from anywhere. Nothing in it is evaluated, both files are bounded, and names, shapes and dtypes are compared
before a weight is read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from ..nn import Module, init
from .config import ModelConfig

CONFIG, WEIGHTS = "config.json", "model.safetensors"
LARGEST_CONFIG = 1 << 20
DTYPES = ("F16", "F32", "F64")

_classes: dict[str, type[Pretrained]] = {}


class Pretrained(Module):
    """A model that can be saved to a folder and made again from it. A subclass names its `model_type` and `config_class`, and
    keeps its config, or speaks for what stands in the place of one.
    """

    model_type: ClassVar[str]
    config_class: ClassVar[type[ModelConfig]]
    config: ModelConfig

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "model_type" in vars(cls):
            _classes[cls.model_type] = cls

    def config_dict(self) -> dict[str, Any]:
        """What `from_config_dict` needs to build this model again, as JSON knows it."""
        return asdict(self.config)

    @classmethod
    def from_config_dict(cls, values: dict[str, Any]) -> Self:
        """A model of this config. Raises ValueError or TypeError for one that makes no sense."""
        make: Callable[..., Self] = cls
        return make(cls.config_class.from_dict(values))

    def save_pretrained(self, folder: str | os.PathLike) -> None:
        """Write config.json and model.safetensors. Each is written beside its place and renamed: a crash leaves the old file
        whole.

        Raises OSError where the folder can't be written, ImportError without safetensors.
        """
        save = _safetensors().numpy.save_file
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        arrays = {name: np.ascontiguousarray(array) for name, array in self.state_dict().items()}
        with _replacing(folder / WEIGHTS) as path:
            save(arrays, path, metadata={"format": "tinyllm"})
        with _replacing(folder / CONFIG) as path:
            text = json.dumps({"model_type": self.model_type, **self.config_dict()}, indent=2)
            path.write_text(text + "\n", encoding="utf-8")

    @classmethod
    def from_pretrained(cls, folder: str | os.PathLike) -> Self:
        """The model that a folder holds, in evaluation mode. `Pretrained.from_pretrained` takes a model of any type.

        Raises FileNotFoundError where a file is missing, ValueError for a config that makes no sense or is of another type of
        model, for weights that do not fit it, and for files that are damaged.
        """
        folder = Path(folder)
        values = read_config(folder)
        kind = class_of(values.pop("model_type", None))
        if not issubclass(kind, cls):
            raise ValueError(f"{folder} holds a {kind.__name__}, not a {cls.__name__}: use {kind.__name__}.from_pretrained")
        weights = folder / WEIGHTS
        if not weights.is_file():
            raise FileNotFoundError(f"{folder} has no {WEIGHTS}: give a folder that save_pretrained wrote")
        safetensors = _safetensors()
        try:
            with init.skipped(), safetensors.safe_open(weights, framework="numpy") as file:
                return _built(kind, values, file, folder).eval()
        except safetensors.SafetensorError as error:
            raise ValueError(f"{weights} is damaged or no safetensors file: {error}") from error


def class_of(model_type: Any) -> type[Pretrained]:
    """The class of a config's model_type. Raises ValueError for an unknown one."""
    if not isinstance(model_type, str) or model_type not in _classes:
        raise ValueError(f"no model_type {model_type!r}: this version knows {', '.join(sorted(_classes))}")
    return _classes[model_type]


def read_config(folder: Path) -> dict[str, Any]:
    """The object in config.json. Raises FileNotFoundError without the file, ValueError if it is too large or no JSON object."""
    path = folder / CONFIG
    if not path.is_file():
        raise FileNotFoundError(f"{folder} has no {CONFIG}: give a folder that save_pretrained wrote")
    if path.stat().st_size > LARGEST_CONFIG:
        raise ValueError(f"{path} has {path.stat().st_size:,} bytes: a config has at most {LARGEST_CONFIG:,}")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is no JSON: {error}") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path} holds a {type(values).__name__}, not an object with the model's fields")
    return values


def _built(kind: type[Pretrained], values: dict[str, Any], file: Any, folder: Path) -> Any:
    """The model of the config with the weights of the file, every name and shape compared before a weight is read."""
    found = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118  (safe_open is no dict)
    _check_depth(values, len(found), folder)
    try:
        model = kind.from_config_dict(values)
    except (TypeError, ValueError, MemoryError) as error:
        raise ValueError(f"{folder / CONFIG}: {error}") from error
    wanted = {name: parameter.shape for name, parameter in model.named_parameters()}
    problems = [f"{name} is missing" for name in wanted if name not in found]
    for name, piece in found.items():
        if name not in wanted:
            problems.append(f"{name} is unexpected")
        elif tuple(piece.get_shape()) != wanted[name]:
            problems.append(f"{name} has shape {tuple(piece.get_shape())}, the config says {wanted[name]}")
        elif piece.get_dtype() not in DTYPES:
            problems.append(f"{name} is {piece.get_dtype()}, none of {', '.join(DTYPES)}")
    if problems:
        more = f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise ValueError(f"{folder}: the weights do not fit the config: " + "; ".join(problems[:5]) + more)
    if any(piece.get_dtype() == "F64" for piece in found.values()):
        model.to(dtype=np.float64)
    model.load_state_dict({name: file.get_tensor(name) for name in found})
    return model


def _check_depth(values: dict[str, Any], n_arrays: int, folder: Path) -> None:
    """A layer has arrays of its own: more layers than arrays would take long to build and never fit."""
    inner = values.get("trunk")
    named = inner if isinstance(inner, dict) else values
    n_layers = max((n for n in (named.get("n_layers"), named.get("n_decoder_layers")) if isinstance(n, int)), default=0)
    if n_layers > n_arrays:
        raise ValueError(f"{folder}: {n_layers} layers by the config, {n_arrays} arrays of weights: they are not of one model")


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Inside, write to the path given: at the end it takes the place of `path` in one step, after an error it is removed."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        yield beside
        with open(beside, "rb+") as file:
            os.fsync(file.fileno())                   # the bytes before the name: else a power cut leaves an empty file
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def _safetensors() -> Any:
    try:
        import safetensors
        import safetensors.numpy
    except ImportError as error:
        raise ImportError("models are saved with safetensors: pip install tinyllm[train]") from error
    return safetensors
