"""A Keras model's config -> the text of a model file, which is compiled again before it is given out.

What compiles to another graph than the one that was read is never written: should folding go wrong, the file
lists the layers one by one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from compiler.check import Limits
from compiler.errors import ConfigError, Diagnostics, Fault, Place, Source
from compiler.importer.document import document
from compiler.importer.fold import folded
from compiler.importer.keras_config import KerasModel, read_model
from compiler.importer.regions import items_of
from compiler.importer.tree import Folded
from compiler.importer.yaml_text import yaml_text
from compiler.ir import CheckedGraph, canonical, canonical_text
from compiler.pipeline import ModelSource, compile_model
from compiler.spec.located import Map
from compiler.spec.reader import read_tree


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model that was brought over.

    Attributes:
        text: the model file.
        graph: what it compiles to.
        pairs: for each of its nodes, the names that lead to the layer in the Keras config.
        folded: whether what repeats is written once.

    The graph's precision is that of the Keras model; the file cannot say it, and its head tells so.
    """

    name: str
    text: str
    graph: CheckedGraph
    pairs: Mapping[str, tuple[str, ...]]
    folded: bool


def model_file(config: Mapping[str, Any], place: Place, comment: str = "", limits: Limits | None = None) -> ModelFile:
    """The model file for a Keras JSON config.

    Args:
        place: where faults point.
        comment: the head of the file.
        limits: what the model may cost.

    Raises:
        ConfigError: the model cannot be brought over, or is over the limits.
    """
    model = read_model(config, place)
    items = items_of(model.graph, model.titles)
    outputs = tuple(output.node for output in model.graph.outputs)
    if model.precision != "float32":
        comment = f"{comment}\nIts precision is {model.precision}: train.precision={model.precision}".strip()
    for tree in (folded(items, outputs), Folded(items)):
        text = yaml_text(document(model.graph, tree), comment)
        diagnostics = Diagnostics()
        graph = compiled_text(text, place, diagnostics, limits or Limits(), model.precision)
        if graph is not None and canonical_text(graph.graph) == canonical_text(model.graph):
            return ModelFile(model.name, text, graph, _pairs(model, graph), bool(tree.blocks) or tree.items != items)
    diagnostics.raise_errors()
    message = "the model could not be written so that it compiles to what was read, which is a mistake of the importer"
    raise ConfigError([Fault("E905", message, place)])


def compiled_text(
    text: str, place: Place, diagnostics: Diagnostics, limits: Limits, precision: str = "float32"
) -> CheckedGraph | None:
    """What a model file's text compiles to; None where it has a fault."""
    tree = read_tree(Source(place.source.name, text), diagnostics)
    if not isinstance(tree, Map):
        return None
    try:
        graph = compile_model(ModelSource(tree, limits=limits, precision=precision), diagnostics)
    except ConfigError:
        return None
    return None if diagnostics.has_errors else graph


def _pairs(model: KerasModel, graph: CheckedGraph) -> dict[str, tuple[str, ...]]:
    """The layers that are one in both, since both graphs have them in one canonical order."""
    both = zip(canonical(graph.graph), canonical(model.graph), strict=True)
    return {ours.name: model.origins[theirs.name] for ours, theirs in both if ours.op != "Input" and not ours.shares}
