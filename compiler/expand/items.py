"""The expanded tree: layers with literal arguments and final names, in lists and parallel paths."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from compiler.errors import Place
from compiler.spec.located import Map


class TooManyLayers(Exception):
    """The cap on layers is exceeded; the fault is in the diagnostics."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One entry of `from`: a relative name, `prev` or `input`; `slot` where the layer names its inputs."""

    text: str
    place: Place
    slot: str | None = None


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer, its arguments computed.

    Attributes:
        op: an op's name; None where the op is not known (the fault is reported).
        source: what enters; None for the layer before.
        shares: the full name of the layer whose weights it calls again.
        frozen: whether training is to leave its weights alone.
    """

    name: str
    op: str | None
    args: Map
    source: tuple[Reference, ...] | None
    place: Place
    trail: tuple[str, ...]
    shares: str | None = None
    merge: bool = False  # the merge at the end of a residual or of branches
    residual: bool = False  # ... of a residual
    frozen: bool = False


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list of items one after another: a block, one copy of a repeat, a path, `sequence`.

    Attributes:
        inputs: the names of what enters a block with several inputs.
        closed: whether names outside are invisible inside, as they are in a block.
        output: what it gives; its last item where None.
    """

    name: str
    items: tuple[Item, ...]
    source: tuple[Reference, ...] | None
    place: Place
    trail: tuple[str, ...]
    inputs: tuple[str, ...] = ()
    closed: bool = False
    output: Reference | None = None


@dataclass(frozen=True, slots=True)
class Parallel:
    """Paths that all take the same input, and the merge of their outputs: `residual` and `branches`."""

    name: str
    paths: tuple[Sequence, ...]
    merge: Layer
    source: tuple[Reference, ...] | None
    place: Place
    trail: tuple[str, ...]


Item = Layer | Sequence | Parallel


@dataclass(frozen=True, slots=True)
class Expanded:
    """A whole model, expanded."""

    inputs: tuple[Layer, ...]
    body: Sequence
    outputs: tuple[tuple[str | None, Reference], ...]


def children(item: Item) -> tuple[Item, ...]:
    """The items directly inside."""
    if isinstance(item, Layer):
        return ()
    return item.items if isinstance(item, Sequence) else (*item.paths, item.merge)


def walk(item: Item) -> Iterator[Item]:
    """The item and all inside it, in order of definition."""
    yield item
    for child in children(item):
        yield from walk(child)
