"""Rows to ask a model about: those of a run's own data where they can be had, else at random."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from compiler.errors import ConfigError, Diagnostics, Place, Source
from compiler.ir import CheckedGraph, CheckedNode
from compiler.runtime.data.load import load
from compiler.runtime.data.source import DataSettings, read_data
from compiler.runtime.run import Run
from compiler.spec.located import Map, located

ROWS = 256
"""How many rows a sample has where nothing else is asked for."""

BATCH = 32
"""How many rows a model takes at a time, unless it fixes that."""

_UNKNOWN = 32  # the size of a dimension that the model leaves open


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows of inputs.

    Attributes:
        inputs: of each input, in the graph's order, an array (N, ...).
        origin: in words, how many they are and where they come from.
        batch_size: how many the model takes at a time.
        fixed: whether it takes no other number.
    """

    inputs: tuple[NDArray[Any], ...]
    origin: str
    batch_size: int
    fixed: bool


def sample(run: Run, graph: CheckedGraph, wanted: int | None = None) -> Sample:
    """Rows for the model `graph` of `run`.

    They are those of its test split, then of the others where that has fewer than `wanted`; random ones where the data
    are gone or do not fit.

    Args:
        wanted: how many; `ROWS` by default, or a batch of random ones.
    """
    most = wanted or ROWS
    fixed = [node.node.args["batch_size"] for node in graph.inputs if node.node.args.get("batch_size")]
    batch_size = cast(int, fixed[0]) if fixed else BATCH
    names = [node.name for node in graph.inputs]
    most = max(most - most % batch_size, batch_size) if fixed else most
    found = _of_data(run, most)
    if found is not None:
        count = len(next(iter(found.values())))
        count -= count % batch_size if fixed else 0
        if count and (set(found) == {""} or set(found) == set(names)):
            inputs = tuple(found.get(name, found.get(""))[:count] for name in names)  # pyright: ignore[reportOptionalSubscript]  # the sets say so
            return Sample(inputs, f"{count:,} rows of the run's data", batch_size, bool(fixed))
    count = max(batch_size, (wanted or BATCH) // batch_size * batch_size) if fixed else wanted or BATCH
    random = np.random.default_rng(0)
    drawn = tuple(_random(node, graph, count, random) for node in graph.inputs)
    return Sample(drawn, f"{count:,} random rows", batch_size, bool(fixed))


def _of_data(run: Run, most: int) -> dict[str, NDArray[Any]] | None:
    """`rows_of_data` of the run's data."""
    section = cast(Map, located(run.section("data"), Place(Source("run.json", ""), 1, 1)))
    diagnostics = Diagnostics()
    settings = read_data(section, diagnostics)
    return None if settings is None or diagnostics.has_errors else rows_of_data(settings, section, most)


def rows_of_data(settings: DataSettings, section: Map, most: int) -> dict[str, NDArray[Any]] | None:
    """At most so many rows of the inputs by name, "" where there is one; None where the data are not what they were.

    They are those of the test split, then of the others where that has fewer.
    """
    try:
        data = load(settings, section)
    except ConfigError:
        return None
    taken, left = list[dict[str, NDArray[Any]]](), most
    for split in (data.test, data.val, data.train):
        inputs = split.x if isinstance(split.x, Mapping) else {"": split.x}
        taken.append({name: x[:left] for name, x in inputs.items()})
        left -= min(left, len(split))
    return {name: np.concatenate([part[name] for part in taken]) for name in taken[0]}


def _random(given: CheckedNode, graph: CheckedGraph, count: int, random: np.random.Generator) -> NDArray[Any]:
    """Rows of one input: normal numbers; whole ones where the dtype says so, below every Embedding's size."""
    assert given.type is not None, "inputs have types"
    shape = (count, *(dim or _UNKNOWN for dim in given.type.shape))
    dtype = "float32" if given.type.dtype == "bfloat16" else given.type.dtype
    if dtype.startswith("float"):
        return random.normal(size=shape).astype(dtype)
    sizes = [cast(int, node.node.args["input_dim"]) for node in graph if node.node.op == "Embedding"]
    return random.integers(0, min(sizes or [2]), shape).astype(dtype)
