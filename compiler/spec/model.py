"""A model file's form: sections, blocks and layer specs, typed but not yet expanded.

Parsing checks the form and every name that can be known before expansion: sections, ops, argument
names, block params. Values are checked when expressions are computed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from compiler.errors import Place
from compiler.spec.located import Leaf, Map, Seq, Tree

RESERVED = ("op", "name", "from", "when", "repeat", "each", "share")
SECTIONS = ("input", "inputs", "vars", "blocks", "layers", "outputs", "patch", "freeze", "models")
BLOCK_KEYS = ("params", "inputs", "blocks", "layers", "output")
PARAM_TYPES = ("int", "float", "number", "str", "bool", "list", "any")
NESTED = "model/"
"""The prefix of an op that names another model file."""


@dataclass(frozen=True, slots=True)
class LayerSpec:
    """One entry of a `layers` list.

    Attributes:
        op: what it names, or None where it says `share` or where the op is an expression (`op_tree` has it).
        keys: reserved keys that were given, by name.
        args: all other keys; a structural op's lists are in `bodies` instead.
        bodies: the layer lists of a structural op, by key; `paths` of `branches` by path name.
        label: how breadcrumbs name it: "layers[4] 'middle'".
    """

    op: str | None
    op_tree: Tree | None
    keys: Mapping[str, Tree]
    args: Map
    bodies: Mapping[str, tuple[LayerSpec, ...]]
    place: Place
    label: str
    op_place: Place

    @property
    def share(self) -> Tree | None:
        return self.keys.get("share")


@dataclass(frozen=True, slots=True)
class Param:
    """A block's parameter: required where `default` is None."""

    name: str
    type: str
    default: Tree | None
    place: Place


@dataclass(frozen=True, slots=True, eq=False)
class BlockSpec:
    """A named list of layers with parameters; a nested model is one too.

    Attributes:
        inputs: names of what enters; empty for the one anonymous input.
        blocks: the blocks that its layers can name: its own, and those around it.
        output: a reference to what it gives; its last layer where None.
        isolated: whether the model's variables stay out of it, as they do for a nested model.
        patch, freeze: a nested model's own.
    """

    name: str
    params: Mapping[str, Param]
    inputs: tuple[str, ...]
    blocks: Mapping[str, BlockSpec]
    layers: tuple[LayerSpec, ...]
    place: Place
    output: Tree | None = None
    isolated: bool = False
    patch: tuple[PatchSpec, ...] = ()
    freeze: Tree | None = None


@dataclass(frozen=True, slots=True)
class InputSpec:
    """One input of the model: its arguments are those of the op `Input`."""

    name: str
    args: Map
    place: Place


@dataclass(frozen=True, slots=True)
class PatchSpec:
    """One entry of `patch`: what to do with the layers that a glob matches.

    Attributes:
        args: arguments to set.
        before, after, replace: layers to put there; None where not asked for.
    """

    glob: str
    args: Map
    before: tuple[LayerSpec, ...]
    after: tuple[LayerSpec, ...]
    replace: tuple[LayerSpec, ...] | None
    place: Place

    @property
    def restructures(self) -> bool:
        return bool(self.before or self.after or self.replace is not None)


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A whole model file.

    Attributes:
        freeze: globs over the names of layers whose weights training leaves alone; None where not said.
        models: the nested models that it names, as blocks, by their op (`model/<name>`).
    """

    inputs: tuple[InputSpec, ...]
    variables: Map
    blocks: Mapping[str, BlockSpec]
    layers: tuple[LayerSpec, ...]
    outputs: Tree | None
    patch: tuple[PatchSpec, ...]
    freeze: Tree | None
    models: Mapping[str, BlockSpec | None]
    place: Place


def empty_map(place: Place) -> Map:
    return Map({}, place)


def describe(tree: Tree) -> str:
    """What a tree is, for messages."""
    if isinstance(tree, Map):
        return "a mapping"
    if isinstance(tree, Seq):
        return "a list"
    return "nothing" if tree.value is None else repr(tree.value)


def string(tree: Tree) -> str | None:
    """The string that a leaf holds, or None."""
    return tree.value if isinstance(tree, Leaf) and isinstance(tree.value, str) else None
