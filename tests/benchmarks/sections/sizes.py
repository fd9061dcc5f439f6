"""A training step's time against the model's size: S, narrower and wider, on all cores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tests.benchmarks import pictures
from tests.benchmarks.configs import SIZES
from tests.benchmarks.peers import tinyllm
from tests.benchmarks.report import Options, Result, ratio, table
from tests.benchmarks.rounds import Contender
from tests.benchmarks.sections.training import BASE, measure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def run(options: Options) -> Result | None:
    names = [name for name in options.configs or SIZES if name in SIZES]
    if not names:
        print(f"  sizes has its own configs: {', '.join(SIZES)}")
        return None
    if options.quick:
        names = names[:3]
    found: dict[str, dict[str, dict[str, Any]]] = {}
    parameters = {name: tinyllm.model(SIZES[name]).n_parameters() for name in names}
    for name in names:
        print(f"{name}: {SIZES[name]}", flush=True)
        found[name] = {
            _bare(way): of
            for way, of in measure(name, options, options.rounds or SIZES[name].rounds, lambda c: _chosen(c, options)).items()
        }
    ways = list(dict.fromkeys(way for of in found.values() for way in of))

    def rows(cell: Any) -> list[list[Any]]:
        return [[way, *(cell(of[way], of) if "ms" in of[way] else None for of in found.values())] for way in ways]

    head = ["contender", *(f"{name}, {parameters[name]:,} parameters" for name in names)]
    like = SIZES[names[0]]
    lines = [
        f"{like.layers} layers, context {like.context}, batch {like.batch}, as S but for the width, which is 32 a head; "
        f"{options.cores} workers or threads. Contenders and rounds as in `training_step.md`.\n",
        "## Time, ms a step\n", *table(head, rows(lambda one, of: f"{one['ms']:.1f}")),
        f"## Time / {BASE}\n", *table(head, rows(lambda one, of: ratio(one["ms"], of.get(BASE, {}).get("ms")))),
    ]
    print("\n".join(lines), flush=True)
    return Result(
        "sizes", "A training step against the model's size", lines, {"found": found},
        {"sizes": picture(found, parameters, options.cores)},
    )


def picture(found: Mapping[str, Mapping[str, Any]], parameters: Mapping[str, int], cores: int) -> Figure:
    """Contender → curve, over millions of parameters."""
    millions = {name: parameters[name] / 1e6 for name in found}
    points: dict[str, list[tuple[float, float]]] = {}
    for name, of in found.items():
        for way, one in of.items():
            if "ms" in one:
                points.setdefault(way, []).append((millions[name], one["ms"]))
    title = f"A training step against the model's size, {cores} cores"
    return pictures.curves([("ms a step", points)], "parameters, millions", list(millions.values()), title)


def _chosen(contender: Contender, options: Options) -> bool:
    """All cores, and neither what is compiled nor our formulas: a curve each would hide the others."""
    return contender.threads == options.cores and "compile" not in contender.name and "formulas" not in contender.name


def _bare(name: str) -> str:
    """Without the number of threads: they all have as many."""
    return name.rpartition(", ")[0]
