"""Weights of a Keras model from elsewhere, written for the same model as we build it.

The file's arrays are checked against the graph before a model is built: what they fill may be allocated. Then Keras
saves our model, and the arrays take the place of its fresh weights in that file, layer by layer at the same places.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from compiler.errors import ConfigError, Diagnostics, Fault, Place
from compiler.importer.layout import saved_groups
from compiler.importer.sandbox import place_of
from compiler.importer.saved_weights import Held, Shape, arrays, inventory
from compiler.ir import CheckedGraph

SUFFIX = ".weights.h5"
_HINT = "load the model in Keras and save it again; older versions laid weights out in another way"


def transfer(
    source: Path,
    config: Mapping[str, object],
    pairs: Mapping[str, tuple[str, ...]],
    graph: CheckedGraph,
    output: Path,
    place: Place | None = None,
) -> int:
    """Write the weights in `source` to `output`, as the model of `graph` loads them; gives the number of arrays.

    Args:
        source: a `.keras` archive or a `.weights.h5` file.
        config: of the model whose weights these are (see `archive.read_config`).
        pairs: for each node with weights of its own, the names that lead to its layer in `config`.
        graph: the model that is to have them.
        output: a file whose name ends in `.weights.h5`; it is replaced whole, or not at all.
        place: where the user names `source`, for faults; the file itself by default.

    Raises:
        ConfigError: E904, the file lacks weights that the graph has, or has them in other shapes; E801, Keras refuses a
            layer; E006, `output` cannot be written; and as for `saved_weights.inventory`.
    """
    if not output.name.endswith(SUFFIX):
        raise ConfigError([Fault("E006", f"cannot write '{output}': its name must end in {SUFFIX!r}")])
    found = _Source(inventory(source, place), saved_groups(config), pairs, place or place_of(source))
    found.check(_shapes(graph), named=source.suffix == ".keras")
    from compiler.targets.keras_weights import Saved, weight_shapes  # imports Keras

    if graph.opaque:
        found.check(weight_shapes(graph), named=source.suffix == ".keras")
    with TemporaryDirectory() as folder:
        try:
            ours = Saved(graph, Path(folder))
        except RecursionError:  # Keras walks back from the outputs by recursion
            message = "Keras cannot build the model: too many layers stand one behind another"
            raise ConfigError([Fault("E801", message, place or place_of(source))]) from None
        wanted = found.paths(inventory(ours.path), saved_groups(ours.config))
        with arrays(source, {path: held.shape for path, held in wanted.values()}, place) as given:
            values = {path: given[theirs] for path, (theirs, _) in wanted.items()}
            _fill(ours.path, values)
            with arrays(ours.loaded(ours.path), {path: held.shape for path, (_, held) in wanted.items()}) as loaded:
                different = [path for path, value in values.items() if value.tobytes() != loaded[path].tobytes()]
        assert not different, f"Keras loads other weights than were written: {different}"
        _replace(ours.path, output)
    return len(wanted)


@dataclass(frozen=True, slots=True)
class _Source:
    """What the file has: its arrays, and where those of each node lie."""

    held: Mapping[str, Held]
    groups: Mapping[tuple[str, ...], str]
    pairs: Mapping[str, tuple[str, ...]]
    place: Place

    def check(self, shapes: Mapping[str, tuple[Shape, ...]], *, named: bool) -> None:
        """That every node's weights are there, by number and shape, and, where the file says it, by the layer's name.

        Raises:
            ConfigError: E904.
        """
        faults = Diagnostics()
        for node, wanted in shapes.items():
            if not wanted:
                continue
            group = self._group(node)
            has = {path: held for path, held in self.held.items() if path.startswith(f"{group}/")} if group else {}
            missing = Counter(wanted) - Counter(held.shape for held in has.values())
            if missing:
                sizes = ", ".join(str(list(held.shape)) for held in has.values()) or "nothing"
                message = f"the weights do not fit: layer {node!r} needs {_shapes_text(wanted)}, the file has {sizes}"
                faults.report("E904", message[:400], self.place, hint=_HINT)
                continue
            layers = {held.layer for path, held in has.items() if path.startswith(f"{group}/vars/")}
            if named and layers - {None, self.pairs[node][-1]}:
                message = f"the file has weights of {min(map(str, layers))!r} where those of layer {node!r} belong"
                faults.report("E904", message, self.place, hint=_HINT)
        faults.raise_errors()

    def paths(self, own: Mapping[str, Held], groups: Mapping[tuple[str, ...], str]) -> dict[str, tuple[str, Held]]:
        """For each array of our file the one of theirs: at the same place in the same layer.

        Raises:
            ConfigError: E904.
        """
        faults = Diagnostics()
        nodes = {group: name for (*_, name), group in groups.items()}
        result: dict[str, tuple[str, Held]] = {}
        for path, held in own.items():
            first, second, inner = path.split("/", 2)  # layers/dense_1/vars/0: our graphs have no models in them
            node = nodes[f"{first}/{second}"]
            theirs = f"{self._group(node)}/{inner}"
            found = self.held.get(theirs)
            if found is None or (found.shape, found.dtype) != (held.shape, held.dtype):
                has = f"{found.dtype} {list(found.shape)}" if found else "no such array"
                message = f"the weights do not fit: {inner!r} of layer {node!r} is {held.dtype} {list(held.shape)} here"
                faults.report("E904", f"{message}, and the file has {has}", self.place, hint=_HINT)
                continue
            result[path] = (theirs, found)
        faults.raise_errors()
        return result

    def _group(self, node: str) -> str | None:
        path = self.pairs.get(node)
        return self.groups.get(path) if path else None


def _shapes(graph: CheckedGraph) -> dict[str, tuple[Shape, ...]]:
    """The weights of the nodes that are known without Keras."""
    return {checked.name: tuple(weight.shape for weight in checked.weights) for checked in graph}


def _shapes_text(shapes: tuple[Shape, ...]) -> str:
    return ", ".join(str(list(shape)) for shape in shapes)


def _fill(path: Path, values: Mapping[str, Any]) -> None:
    """Put `values` in the place of the arrays of our own file."""
    import h5py  # pyright: ignore[reportMissingTypeStubs]  # it has none

    with cast(Any, h5py).File(path, "r+") as file:
        for name, value in values.items():
            data = file[name]
            data[...] = value.view(data.dtype) if value.dtype.kind == "V" else value


def _replace(path: Path, output: Path) -> None:
    """Move the finished file to `output` at one stroke."""
    temporary = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        with path.open("rb") as source, temporary.open("wb") as target:
            while piece := source.read(1 << 20):
                target.write(piece)
            target.flush()
            os.fsync(target.fileno())
        temporary.replace(output)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ConfigError([Fault("E006", f"cannot write '{output}': {error.strerror or error}")]) from None
