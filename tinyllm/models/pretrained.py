"""Models as folders: config.json says what to build, model.safetensors holds the weights.

A model that is exactly one of Hugging Face's (GPT-2, Llama, BERT, T5) is written as theirs, names and all, so that Transformers
loads it; others have the same two files with names of our own. Both are read.

A folder may come from anywhere. Nothing in it is evaluated, all files are bounded, and names, shapes and dtypes are compared
before a weight is read.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Self

from ..nn import Module, init
from . import weights
from .config import ModelConfig
from .hugging_face import LAYOUTS, layout_for, layout_of
from .loading import arrays_of, load

CONFIG = "config.json"
LARGEST_CONFIG, LARGEST_TABLE = 1 << 20, 1 << 25       # bytes; numbers, of a computed table

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

    def save_pretrained(self, folder: str | os.PathLike, max_shard_size: int = 5_000_000_000) -> None:
        """Write config.json and model.safetensors, in Hugging Face's layout where the model is exactly one of theirs; above
        max_shard_size bytes of weights, several files of at most that size and model.safetensors.index.json.

        Each file is written beside its place and renamed: a crash leaves the old one whole. Their configs have several rates of
        dropout, here all the same, and the ids of special tokens, here the tokenizer's.

        Raises OSError where the folder can't be written, ImportError without safetensors.
        """
        weights.library()
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        theirs = layout_for(self)
        if theirs is None:
            values, metadata = {"model_type": self.model_type, **self.config_dict()}, "tinyllm"
            arrays = arrays_of(self, None, {})
        else:
            layout, values = theirs
            metadata = "pt"                     # Transformers asks for the name of a framework that it knows
            (architecture,) = values["architectures"]
            arrays = {
                layout.full_name(name, architecture): array
                for name, array in arrays_of(self, layout, asdict(self.config)).items()
            }
        weights.write(folder, arrays, {"format": metadata}, max_shard_size)
        with weights.replacing(folder / CONFIG) as path:
            path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def from_pretrained(cls, folder: str | os.PathLike) -> Self:
        """The model that a folder holds, in evaluation mode. `Pretrained.from_pretrained` takes a model of any type.

        bfloat16 and float16 become float32. Of Hugging Face's models it takes GPT-2, Llama and those built like it, BERT with
        any of its heads, and T5.

        Raises FileNotFoundError where a file is missing, ValueError for a config that makes no sense, is of another type of
        model or asks for what no model here computes, for weights that do not fit it, and for files that are damaged.
        """
        folder = Path(folder)
        values = read_config(folder)
        layout = layout_of(values)
        kind = class_of(layout.kind if layout else values.pop("model_type", None))
        if not issubclass(kind, cls):
            raise ValueError(f"{folder} holds a {kind.__name__}, not a {cls.__name__}: use {kind.__name__}.from_pretrained")
        with init.skipped(), weights.opened(folder) as found:
            try:
                config = layout.config(values, layout.names(found)) if layout else values
                _check_sizes(config, found)
                model: Any = kind.from_config_dict(config)
            except (TypeError, ValueError, MemoryError) as error:
                raise ValueError(f"{folder / CONFIG}: {error}") from error
            try:
                load(model, found, layout, config)
            except ValueError as error:
                raise ValueError(f"{folder}: {error}") from error
        return model.eval()


def class_of(model_type: Any) -> type[Pretrained]:
    """The class of a config's model_type. Raises ValueError for an unknown one."""
    if not isinstance(model_type, str) or model_type not in _classes:
        known = sorted({*_classes, *(layout.model_type for layout in LAYOUTS)})
        raise ValueError(f"no model_type {model_type!r}: this version knows {', '.join(known)}")
    return _classes[model_type]


def read_config(folder: Path) -> dict[str, Any]:
    """The object in config.json. Raises FileNotFoundError without the file, ValueError if it is too large or no JSON object."""
    path = folder / CONFIG
    if not path.is_file():
        raise FileNotFoundError(f"{folder} has no {CONFIG}: give a folder that save_pretrained wrote")
    return weights.read_json(path, LARGEST_CONFIG)


def _check_sizes(values: Mapping[str, Any], found: weights.Weights) -> None:
    """What a config asks for is bounded by what is there, before anything of its size is made: every layer has arrays of its
    own, every vector of the embedding and of the feed-forward network its numbers. What no file holds, tables of waves and
    angles, has a bound of its own.
    """
    inner = values.get("trunk")
    named = inner if isinstance(inner, dict) else values
    sizes = {name: value for name, value in named.items() if isinstance(value, int)}
    n_layers = max(sizes.get("n_layers", 0), sizes.get("n_decoder_layers", 0))
    if n_layers > len(found):
        raise ValueError(f"{n_layers} layers by the config, {len(found)} arrays of weights: they are not of one model")
    numbers = sum(math.prod(entry.shape) for entry in found.values())
    for name in ("vocab_size", "d_hidden"):
        if (asked := sizes.get(name, 0) * sizes.get("d_model", 1)) > numbers:
            raise ValueError(f"{name} × d_model are {asked:,} numbers, the files hold {numbers:,}: they are not of one model")
    if named.get("positions") not in ("learned", "relative", "alibi"):
        d_model = sizes.get("d_model", 1)
        d_head = sizes.get("head_dim", d_model // max(sizes.get("n_heads", 1), 1))
        asked = sizes.get("context", 1) * (d_head if named.get("positions") == "rotary" else max(d_model, d_head))
        if asked > LARGEST_TABLE:
            raise ValueError(f"the table of positions would have {asked:,} numbers: a file may ask for {LARGEST_TABLE:,}")
