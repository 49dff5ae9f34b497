"""What there is to check of the weights that a training begins with, before Keras is imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from compiler.errors import ConfigError, Diagnostics, Note, Place
from compiler.expand.globs import near, within
from compiler.ir import CheckedGraph, CheckedNode, Shape, shape_text
from compiler.runtime.data.paths import is_folder, user_path
from compiler.runtime.initial.pairing import Misfit, Pairing, paired, weighty
from compiler.runtime.initial.saved import SavedLayer, SavedWeights
from compiler.runtime.run import read_run
from compiler.runtime.training.initial import Initial
from compiler.spec.located import Map, at

FEW = 3
"""Misfits that are worth a fault each; with more of them the file is of another model."""


@dataclass(frozen=True, slots=True)
class InitialWeights:
    """Weights that fit the model.

    Attributes:
        path: the file.
        by: how layers were paired: by `names` or by `order`.
        pairs: layers of the file by the names of the model's.
        random: names of layers with weights that take none.
        place: where the configuration names the file.
    """

    path: Path
    by: str
    pairs: Mapping[str, SavedLayer]
    random: tuple[str, ...]
    place: Place

    def __str__(self) -> str:
        """One line for the user, who may think of another pairing, or of other layers that stay random."""
        random = f"; random: {_some([repr(name) for name in self.random])}" if self.random else ""
        return f"weights: {len(self.pairs)} layers from '{self.path}', by {self.by}{random}"


def check_initial(
    graph: CheckedGraph,
    unpatched: CheckedGraph | None,
    initial: Initial,
    section: Map,
    diagnostics: Diagnostics,
) -> InitialWeights | None:
    """Find the weights of every layer of `graph`; None where none are wanted, or with the faults in `diagnostics`.

    Args:
        unpatched: the same model before its `patch`, if it has one.
        section: the `train` section, for the places.
    """
    place = at(section, ("initial", "weights"))[0]
    if initial.weights is None:
        if initial.skip:
            message = "'skip' has no effect: there is no file of weights"
            diagnostics.report("W607", message, at(section, ("initial", "skip"))[0], hint="train.initial.weights=FILE")
        return None
    skipped = _skipped(initial, [node.name for node in graph if node.node.op != "Input"], section, diagnostics)
    file = _file(initial.weights, place, diagnostics)
    if file is None or skipped is None:
        return None
    found = paired(graph, file, skipped, initial.pair, unpatched)
    if found.misfits:
        _report(found, file, place, diagnostics)
        return None
    expected = {node.name for node in unpatched or ()}
    left = [layer for layer in found.left if layer.name not in expected]
    if left and not (found.by == "order" and unpatched is not None):
        message = f"'{file.path.name}' has layers that this model has not: {_some([_title(layer) for layer in left])}"
        diagnostics.report("W608", message, place)
    random = tuple(node.name for node in weighty(graph) if node.name not in found.pairs and node.weights)
    return InitialWeights(file.path, found.by, found.pairs, random, place)


def check_frozen(
    graph: CheckedGraph, initial: InitialWeights | None, place: Place | None, diagnostics: Diagnostics
) -> None:
    """W608: layers are frozen, and that cannot be meant so.

    Args:
        place: where `freeze` stands; the first frozen layer's by default.
    """
    frozen = graph.frozen
    if not frozen:
        return
    place = place or frozen[0].node.place
    last = [node for node in graph if node.weights][-1]
    unfreeze = f"'!{last.name}' at the end of 'freeze'"
    random = [node.name for node in frozen if initial is None or node.name not in initial.pairs]
    if graph.trainable_params == 0 and not graph.opaque:
        diagnostics.report("W608", "all weights are frozen: training changes nothing", place, hint=unfreeze)
    elif random:
        hint = "train.initial.weights=FILE" if initial is None else "leave them out of 'skip' or of 'freeze'"
        message = f"frozen with random weights: {_some([repr(name) for name in random])}"
        diagnostics.report("W608", message, place, hint=hint)
    elif last in frozen:
        diagnostics.report("W608", f"the last layer with weights is frozen: {last.name!r}", place, hint=unfreeze)


def _skipped(initial: Initial, names: list[str], section: Map, diagnostics: Diagnostics) -> frozenset[str] | None:
    skipped = set[str]()
    wrong = False
    for i, glob in enumerate(initial.skip):
        found = within(glob, names)
        skipped.update(found)
        if not found:
            place = at(section, ("initial", "skip", i))[0]
            diagnostics.report("E213", f"'skip' has {glob!r}, which matches no layer", place, hint=near(glob, names))
            wrong = True
    return None if wrong else frozenset(skipped)


def _file(text: str, place: Place, diagnostics: Diagnostics) -> SavedWeights | None:
    from compiler.runtime.initial.layout import read_layout  # with all that starts a process

    path = user_path(text)
    try:
        return read_layout(read_run(path, verify=False).file("model.keras") if is_folder(path) else path, place)
    except ConfigError as error:
        for fault in error.faults:
            diagnostics.report(fault.code, fault.message, fault.place or place, hint=fault.hint)
        return None


def _report(found: Pairing, file: SavedWeights, place: Place, diagnostics: Diagnostics) -> None:
    """E904: the file's weights are not this model's."""
    if len(found.misfits) > FEW or not found.pairs:
        first = found.misfits[0]
        message = f"'{file.path.name}' is of another model: by {found.by}, {_said(first, file)}"
        hint = None if found.by == "order" else "train.initial.pair=order goes by order"
        if not file.ordered and len({layer.model for layer in file.layers}) > 1:
            hint = "a .weights.h5 file does not tell the order of models inside a model: a .keras file does"
        diagnostics.report("E904", message, place, hint=hint, notes=_notes(first.node))
        return
    names = ", ".join(misfit.node.name for misfit in found.misfits)
    hint = f"'train.initial.skip=[{names}]' leaves {'it' if len(found.misfits) == 1 else 'them'} random"
    for misfit in found.misfits:
        node = misfit.node.node
        notes = (Note(f"paired by {found.by} with what is here", place),)
        diagnostics.report("E904", _said(misfit, file), node.place, hint=hint, trail=node.trail, notes=notes)


def _said(misfit: Misfit, file: SavedWeights) -> str:
    node = misfit.node
    has = f"{node.name!r} has {_shapes([weight.shape for weight in node.weights])}"
    if misfit.saved is None:
        return f"{has}, and '{file.path.name}' has nothing for it"
    return f"{has}, but {_title(misfit.saved)} in '{file.path.name}' has {_shapes(misfit.saved.shapes)}"


def _notes(node: CheckedNode) -> tuple[Note, ...]:
    return (Note(f"{node.name!r} stands here", node.node.place),) if node.node.place else ()


def _title(layer: SavedLayer) -> str:
    return repr(layer.name or layer.group)


def _shapes(shapes: list[tuple[int, ...]] | tuple[Shape, ...]) -> str:
    texts = [shape_text(shape) for shape in shapes]
    return f"weights of {', '.join(texts)}" if texts else "no weights"


def _some(names: list[str], most: int = 4) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
