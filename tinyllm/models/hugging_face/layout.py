"""What a layout is: their config's keys and ours, their arrays' names and ours, as tables."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np


class Field(NamedTuple):
    """A key of their config.json, the field of ours that says the same, and what a config without it, or with null, means.

    Where the values are names, `names` maps theirs to ours; of several that mean one of ours the first is written.
    """

    theirs: str
    ours: str
    default: Any
    names: Mapping[str, str] | None = None


class Only(NamedTuple):
    """A key of theirs for which our model computes the same with one value alone (which is also what its absence means)."""

    theirs: str
    value: Any
    why: str


class Row(NamedTuple):
    """One of their arrays, its name without the trunk's prefix, and ours: several lie one below the other, first axis first.

    {i} stands for the number of a layer. `transposed`: theirs maps x W, (d_in, d_out), where ours maps x Wᵀ, (d_out, d_in).
    Rows with the same `ours` are names of one array: all are written, the first that is found is read.
    """

    theirs: str
    ours: tuple[str, ...]
    transposed: bool = False

    def numbered(self, i: int) -> Row:
        return self._replace(theirs=self.theirs.replace("{i}", str(i)), ours=tuple(o.replace("{i}", str(i)) for o in self.ours))

    def shape(self, shapes: list[tuple[int, ...]]) -> tuple[int, ...]:
        """Theirs, where ours are these."""
        whole = (sum(shape[0] for shape in shapes), *shapes[0][1:])
        return whole[::-1] if self.transposed else whole

    def packed(self, ours: list[np.ndarray]) -> np.ndarray:
        """Their array from ours."""
        whole = ours[0] if len(ours) == 1 else np.concatenate(ours)
        return whole.T if self.transposed else whole

    def unpacked(self, theirs: np.ndarray, shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
        """Ours from their array."""
        whole = theirs.T if self.transposed else theirs
        return np.split(whole, list(itertools.accumulate(shape[0] for shape in shapes))[:-1])


COMMON = (
    Only("quantization_config", None, "its arrays are packed numbers: load a version in float32, float16 or bfloat16"),
    Only("add_cross_attention", False, "layers that look at a source belong to T5 and Seq2Seq here"),
    Only("is_decoder", False, "an encoder with causal layers is none of ours"),
    Only("tie_encoder_decoder", False, "encoder and decoder have layers of their own here"),
    Only("pruned_heads", {}, "all layers have the same number of heads here"),
)


@dataclass(frozen=True)
class Layout:
    """One architecture's. `fixed` are fields of ours that all its models share, `only` keys of theirs that must have one value.
    `aliases`: other names of keys, which Transformers reads in their place.

    `reads(values, names)` answers fields of ours that need more than a table, `writes(ours)` keys of theirs, "architectures"
    among them, or None for a model that is none of theirs. `tied`: names of copies, and what they are copies of. `unused`:
    patterns of arrays that are no weights. `renamed`: ends of names as old files spell them, and as they are spelt now.
    """

    model_type: str
    kind: str                                   # our model_type, of a model that is read
    kinds: tuple[str, ...]                      # and those of which a model may be one of theirs
    base: str                                   # the architecture without a head, whose names have no prefix
    prefix: str                                 # before the names of all arrays in others, but those of the head
    head: str                                   # whose names begin so
    fields: tuple[Field, ...]
    fixed: Mapping[str, Any]
    rows: Callable[[Mapping[str, Any]], tuple[Row, ...]]
    reads: Callable[[Mapping[str, Any], Iterable[str]], dict[str, Any]]
    writes: Callable[[Mapping[str, Any]], dict[str, Any] | None]
    only: tuple[Only, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    tied: Mapping[str, str] = field(default_factory=dict)
    unused: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)

    def names(self, names: Iterable[str]) -> dict[str, str]:
        """The rows' spelling of each name in a file → the file's. Raises ValueError for two that mean the same array."""
        found: dict[str, str] = {}
        for name in names:
            plain = name.removeprefix(self.prefix)
            for old, new in self.renamed.items():
                if plain.endswith(old):
                    plain = plain.removesuffix(old) + new
            if plain in found:
                raise ValueError(f"{found[plain]} and {name} are names of the same array: keep one of them")
            found[plain] = name
        return found

    def full_name(self, name: str, architecture: str) -> str:
        """The rows' spelling → the one in a file."""
        return name if architecture == self.base or name.startswith(self.head) else self.prefix + name

    def ignores(self, name: str) -> bool:
        """Whether this array, in the rows' spelling, is no weight but something the model computes for itself."""
        return any(re.fullmatch(pattern, name) for pattern in self.unused)

    def config(self, values: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
        """Our config from theirs. Raises ValueError naming a field, its value, and why no model of ours computes that."""
        values = {**values, **{key: values[alias] for alias, key in self.aliases.items() if values.get(alias) is not None}}
        for key, value, why in (*COMMON, *self.only):
            if values.get(key, value) not in (value, None):
                raise ValueError(f"{key} is {values[key]!r}, only {value!r} can be read: {why}")
        ours = dict(self.fixed)
        for theirs, name, default, known in self.fields:
            value = values.get(theirs)
            value = default if value is None else value
            if known is not None:
                if not isinstance(value, str) or value not in known:
                    raise ValueError(f"{theirs} is {value!r}, only {', '.join(known)} can be read: no layer here has others")
                value = known[value]
            ours[name] = value
        return ours | self.reads(values, names)

    def their_config(self, ours: Mapping[str, Any]) -> dict[str, Any] | None:
        """Theirs from ours, in which nothing is left open; None for a config that theirs cannot say."""
        if any(ours[name] != value for name, value in self.fixed.items()):
            return None
        more = self.writes(ours)
        if more is None:
            return None
        values: dict[str, Any] = {"architectures": more.pop("architectures"), "model_type": self.model_type}
        for theirs, name, _, known in self.fields:
            value = ours[name]
            if known is not None:
                of = {ours_: theirs_ for theirs_, ours_ in reversed(list(known.items()))}
                if value not in of:
                    return None
                value = of[value]
            values[theirs] = value
        return values | more


def plain_heads(ours: Mapping[str, Any]) -> bool:
    """Whether the heads split d_model among them, and each has keys and values of its own."""
    return ours["n_kv_heads"] == ours["n_heads"] and ours["head_dim"] * ours["n_heads"] == ours["d_model"]


def numbered(rows: Iterable[Row], ours: Mapping[str, Any]) -> list[Row]:
    """The rows for a model with these parameters: one for each layer in the place of {i}, none for what it does not have."""
    every: list[Row] = []
    for row in rows:
        one_a_layer = map(row.numbered, itertools.count()) if "{i}" in row.theirs else [row]
        every += itertools.takewhile(lambda one: one.ours[0] in ours, one_a_layer)
    return every
