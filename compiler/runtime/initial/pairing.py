"""Which layer of a model takes the weights of which layer in a file. Pure; Keras is not imported."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TypeVar

from compiler.importer.layout import group_of
from compiler.ir import CheckedGraph, CheckedNode
from compiler.ops import OPS, MergeOp, NamedOp, UnaryOp
from compiler.runtime.initial.saved import SavedLayer, SavedWeights
from compiler.targets.keras_order import layer_order

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Misfit:
    """A layer that its counterpart in the file does not fit, or that has none there."""

    node: CheckedNode
    saved: SavedLayer | None


@dataclass(frozen=True, slots=True)
class Pairing:
    """Layers of a model, by name, with those of a file.

    Attributes:
        by: how they were found: by `names` or by `order`.
        misfits: layers for which that failed; the pairing may be used only where there are none.
        left: layers of the file that no layer of the model stands for.
    """

    by: str
    pairs: Mapping[str, SavedLayer]
    misfits: tuple[Misfit, ...]
    left: tuple[SavedLayer, ...]


def paired(
    graph: CheckedGraph, file: SavedWeights, skipped: frozenset[str], pair: str, unpatched: CheckedGraph | None = None
) -> Pairing:
    """The layers that are not skipped with those of the file that they take their weights from.

    `auto` goes by names where all of them are found and fit. Else it goes by order, where every shape agrees and no
    layer would take the weights that another one has its name from.

    Args:
        skipped: names of layers that take none.
        pair: `auto`, `names` or `order`.
        unpatched: the same model before its `patch`, whose order the file may have.
    """
    names = by_names(graph, file, skipped)
    if pair == "names" or (pair == "auto" and not names.misfits):
        return names
    files = [view for view in (file, file.opened) if view is not None]
    bases = [base for base in (unpatched, graph) if base is not None]
    orders = [by_order(graph, view, skipped, base) for view in files for base in bases]
    for order in orders:
        if not order.misfits and (pair == "order" or not _contradicts(order, file)):
            return order
    found = sum(misfit.saved is not None for misfit in names.misfits) + len(names.pairs)
    if pair == "auto" and (2 * found > len(weighty(graph)) or not any(order.misfits for order in orders)):
        return names  # whose faults are more to the point
    return min(orders, key=lambda order: len(order.misfits))


def weighty(graph: CheckedGraph) -> tuple[CheckedNode, ...]:
    """The layers that have weights, or may have some where only Keras knows, in Keras's order."""
    return tuple(node for node in layer_order(graph) if node.weights or (_unknown(node) and _may_have_weights(node)))


def by_names(graph: CheckedGraph, file: SavedWeights, skipped: frozenset[str]) -> Pairing:
    """Every layer with the one of its name."""
    known = _named(file)
    pairs: dict[str, SavedLayer] = {}
    misfits: list[Misfit] = []
    nodes = weighty(graph)
    for node in nodes:
        saved = known.get(node.name)
        if node.name in skipped or (saved is None and _unknown(node)):
            continue
        if saved is not None and fits(node, saved):
            pairs[node.name] = saved
        else:
            misfits.append(Misfit(node, saved))
    left = tuple(layer for layer in file.layers if layer.name not in {node.name for node in nodes})
    return Pairing("names", pairs, tuple(misfits), left)


def by_order(
    graph: CheckedGraph, file: SavedWeights, skipped: frozenset[str], base: CheckedGraph | None = None
) -> Pairing:
    """Layers in Keras's order with those of the file: all in one row, or type by type where that is all it tells.

    Layers that are skipped have counterparts of any shape, or none. What the file has more must stand at the end.

    Args:
        base: the model whose order counts; its layers that are not in `graph` count as skipped.
    """
    nodes = {node.name: node for node in weighty(graph)}
    loose = skipped | {node.name for node in base or () if node.name not in nodes}
    kinds = {layer.kind for layer in file.layers}
    known = (node for node in weighty(base or graph) if not _unknown(node) or "" in kinds or _kind(node) in kinds)
    ours = _rows(("" if file.ordered else _kind(node), node) for node in known)
    theirs = _rows(("" if file.ordered else layer.kind, layer) for layer in file.layers)
    pairs: dict[str, SavedLayer] = {}
    misfits: list[Misfit] = []
    left: list[SavedLayer] = []
    for kind in {**ours, **theirs}:
        row = theirs.get(kind, [])
        in_order = file.ordered or len({layer.model for layer in row}) < 2
        found = _row(ours.get(kind, []), row if in_order else [], loose)
        pairs.update(found.pairs)
        misfits += found.misfits
        left += found.left
    if not misfits:  # what the patch changed besides
        for node in nodes.values():
            saved = pairs.get(node.name)
            if node.name not in skipped and not (saved is None and _unknown(node)):
                misfits += [] if saved is not None and fits(node, saved) else [Misfit(node, saved)]
    return Pairing("order", pairs, tuple(misfits), tuple(left))


def fits(node: CheckedNode, saved: SavedLayer) -> bool:
    """Whether the shapes agree, in any order where that is for Keras to say."""
    if _unknown(node):
        return True
    ours, theirs = [weight.shape for weight in node.weights], list(saved.shapes)
    return ours == theirs or (saved.compound and sorted(ours) == sorted(theirs))


def _may_have_weights(node: CheckedNode) -> bool:
    """Whether the layer's type has weights for some input; asked where what enters is unknown."""
    cls = OPS.get(node.node.op)
    if cls is None:
        return True
    return not any(
        issubclass(cls, base) and cls.signature is base.signature and getattr(cls, "weights", None) is of_base
        for base, of_base in ((UnaryOp, UnaryOp.weights), (NamedOp, NamedOp.weights), (MergeOp, None))
    )


def _kind(node: CheckedNode) -> str:
    op = node.node.op
    return group_of(OPS[op].keras.rpartition(".")[2] if op in OPS else op)


def _unknown(node: CheckedNode) -> bool:
    return node.type is None and not node.weights


def _named(file: SavedWeights) -> dict[str, SavedLayer]:
    return {layer.name: layer for layer in file.layers if layer.name is not None}


def _contradicts(order: Pairing, file: SavedWeights) -> bool:
    known = _named(file)
    return any(known.get(name, saved) is not saved for name, saved in order.pairs.items())


def _rows(items: Iterable[tuple[str, T]]) -> dict[str, list[T]]:
    rows: dict[str, list[T]] = {}
    for kind, item in items:
        rows.setdefault(kind, []).append(item)
    return rows


def _row(ours: Sequence[CheckedNode], theirs: Sequence[SavedLayer], loose: frozenset[str]) -> Pairing:
    """One row with another, the loose layers with a counterpart each, or else all without."""
    firm = [node for node in ours if node.name not in loose]
    for nodes in (ours, firm):
        pairs = list(zip(nodes, theirs, strict=False))
        if len(theirs) >= len(nodes) and all(node.name in loose or fits(node, saved) for node, saved in pairs):
            taken = {node.name: saved for node, saved in pairs if node.name not in loose}
            return Pairing("order", taken, (), tuple(theirs[len(nodes) :]))
    beside = [(node, saved) for node, saved in zip_longest(ours, theirs) if node is not None]
    misfits = [
        Misfit(node, saved)
        for node, saved in beside
        if node.name not in loose and (saved is None or not fits(node, saved))
    ]
    fitting = {node.name: saved for node, saved in beside if saved is not None and fits(node, saved)}
    return Pairing("order", fitting, tuple(misfits), ())
