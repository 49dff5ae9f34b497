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
from compiler.runtime.data.source import read_data
from compiler.runtime.run import Run
from compiler.spec.located import Map, located

ROWS = 256
"""How many rows a sample has at most."""

_BATCH = 32
_UNKNOWN = 32  # the size of a dimension that the model leaves open


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows of inputs.

    Attributes:
        inputs: one array, (N, ...), or one for each input by its name.
        origin: in words, how many they are and where they come from.
        batch_size: how many the model takes at a time.
    """

    inputs: NDArray[Any] | Mapping[str, NDArray[Any]]
    origin: str
    batch_size: int


def sample(run: Run, graph: CheckedGraph) -> Sample:
    """Rows for the model `graph` of `run`: of its test split, or random ones where its data are gone or do not fit."""
    fixed = [node.node.args["batch_size"] for node in graph.inputs if node.node.args.get("batch_size")]
    batch_size = cast(int, fixed[0]) if fixed else _BATCH
    found = _of_data(run)
    if found is not None:
        count = min(ROWS, *(len(rows) for rows in found.values()))
        count -= count % batch_size if fixed else 0
        found = {name: rows[:count] for name, rows in found.items()}
        if count and (set(found) == {""} or set(found) == {node.name for node in graph.inputs}):
            only = found.get("")
            return Sample(found if only is None else only, f"{count} rows of the run's data", batch_size)
    count = batch_size * max(1, _BATCH // batch_size)
    random = np.random.default_rng(0)
    drawn = {node.name: _random(node, graph, count, random) for node in graph.inputs}
    inputs = drawn if len(drawn) > 1 else next(iter(drawn.values()))
    return Sample(inputs, f"{count} random rows", batch_size)


def _of_data(run: Run) -> dict[str, NDArray[Any]] | None:
    """The inputs of the test split by name, "" where there is one; None where the data are not what they were."""
    section = located(run.section("data"), Place(Source("run.json", ""), 1, 1))
    diagnostics = Diagnostics()
    settings = read_data(cast(Map, section), diagnostics)
    if settings is None or diagnostics.has_errors:
        return None
    try:
        x = load(settings, cast(Map, section)).test.x
    except ConfigError:
        return None
    inputs = x if isinstance(x, Mapping) else {"": x}
    return {name: rows[:ROWS] for name, rows in inputs.items()}


def _random(given: CheckedNode, graph: CheckedGraph, count: int, random: np.random.Generator) -> NDArray[Any]:
    """Rows of one input: normal numbers; whole ones where the dtype says so, below every Embedding's size."""
    assert given.type is not None, "inputs have types"
    shape = (count, *(dim or _UNKNOWN for dim in given.type.shape))
    dtype = "float32" if given.type.dtype == "bfloat16" else given.type.dtype
    if dtype.startswith("float"):
        return random.normal(size=shape).astype(dtype)
    sizes = [cast(int, node.node.args["input_dim"]) for node in graph if node.node.op == "Embedding"]
    return random.integers(0, min(sizes or [2]), shape).astype(dtype)
