"""What all diagrams share: groups from dotted names, families of layers, and the words on a box."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import cast

from compiler.ir import CheckedGraph, CheckedNode, shape_text

_FAMILIES = {
    "input": r"Input",
    "recurrent": r".*(LSTM|GRU|RNN).*|Bidirectional",
    "conv": r".*Conv.*",
    "norm": r".*Normalization",
    "attention": r".*Attention",
    "pooling": r".*Pool(ing)?\dD",
    "activation": r"ops\..*(elu|softmax|sigmoid|tanh|silu)|Activation|.*R?e?LU|Softmax",
    "merge": (
        r"(Scaled)?Add|Average|Concatenate|Dot|Maximum|Minimum|Multiply|Subtract"
        r"|ops\.(add|concatenate|multiply|stack|subtract)"
    ),
    "dense": r".*Dense|(Reversible)?Embedding",
    "other": r".*",
}
FAMILIES = tuple(_FAMILIES)
"""The families that diagrams colour, in the order of a legend."""


@dataclass(frozen=True, slots=True)
class Group:
    """Nodes whose names begin with the same dotted path, in order of appearance.

    Attributes:
        name: the path; empty for the whole model.
        members: names of nodes, and groups inside.
    """

    name: str
    members: tuple[str | Group, ...] = field(default=())


def grouped(graph: CheckedGraph) -> Group:
    """The groups of a graph, as a tree.

    A path with one thing below it, or with the copies of a repeat alone, is no group of its own.
    """
    children: dict[str, dict[str, None]] = {"": {}}
    for node in graph:
        path, _, _ = node.name.rpartition(".")
        child = node.name
        while path not in children:
            children[path] = {child: None}
            child, path = path, path.rpartition(".")[0]
        children[path].setdefault(child)
    names = {node.name for node in graph}
    made: dict[str, str | Group] = {}
    for path in sorted(children, key=lambda path: path.count(".") + bool(path), reverse=True):
        # A name can be a path too (a layer `x` beside `x.relu`): then both stand in the parent.
        members: list[str | Group] = []
        for child in children[path]:
            members += [child] if child in names else []
            members += [made[child]] if child in made else []
        members = [inner for member in members for inner in (_copies(member) or (member,))]
        made[path] = members[0] if len(members) == 1 and path else Group(path, tuple(members))
    return cast("Group", made[""])


def _copies(member: str | Group) -> tuple[str | Group, ...]:
    """The members of a group that has nothing but a repeat's copies: their labels say its name already."""
    if isinstance(member, str):
        return ()
    copies = all(isinstance(inner, Group) and inner.name.rpartition(".")[2].isdigit() for inner in member.members)
    return member.members if copies else ()


def owners(root: Group) -> dict[str, Group]:
    """The innermost group of each node, by name."""
    owner: dict[str, Group] = {}
    stack = [root]
    while stack:
        group = stack.pop()
        for member in group.members:
            if isinstance(member, Group):
                stack.append(member)
            else:
                owner[member] = group
    return owner


def label_of(group: Group, parent: Group) -> str:
    """A group's name inside its parent's box; a copy of a repeat keeps the repeat's name: `middle.0`.

    >>> label_of(Group("net.middle.0"), Group("net.middle"))
    'middle.0'
    """
    inner = group.name[len(parent.name) + 1 :] if parent.name else group.name
    return f"{parent.name.rpartition('.')[2]}.{inner}" if parent.name and inner[0].isdigit() else inner


def short_name(node: CheckedNode, group: Group) -> str | None:
    """A node's name inside its group's box, or None where it only repeats what the box says."""
    inner = node.name[len(group.name) + 1 :] if group.name else node.name
    repeats_op = re.sub(r"_\d+$", "", inner).lower() == node.node.op.lower()
    return None if repeats_op or inner in (family(node), *gist(node).split()) else inner


def family(node: CheckedNode) -> str:
    """One of `FAMILIES`; that of the layer inside for a wrapper."""
    op, inner = node.node.op, node.node.args.get("layer")
    if op == "TimeDistributed" and isinstance(inner, Mapping):
        op = str(cast("Mapping[str, object]", inner).get("op", op))
    return _family_of(op)


@cache
def _family_of(op: str) -> str:
    return next(name for name, pattern in _FAMILIES.items() if re.fullmatch(pattern, op))


def gist(node: CheckedNode) -> str:
    """The arguments that a reader looks for first: window, strides, rate, activation, heads, the layer inside."""
    args = node.node.args
    words: list[str] = []
    for name in ("kernel_size", "pool_size", "size"):
        if name in args:
            words.append(_window(args[name], node))
    if args.get("strides") not in (None, 1):
        words.append("/" + _window(args["strides"], node, square=True))
    words += [f"{args['num_heads']} heads"] if "num_heads" in args else []
    words += [_word(args[name]) for name in ("rate", "activation", "layer", "cell") if args.get(name) is not None]
    return " ".join(words)


def _word(value: object) -> str:
    """A value as one word: an object by its op."""
    return str(cast("Mapping[str, object]", value).get("op", "") if isinstance(value, Mapping) else value)


def _window(value: object, node: CheckedNode, square: bool = False) -> str:
    sizes = [str(size) for size in cast("list[object]", value)] if isinstance(value, (list, tuple)) else [str(value)]
    if square and len(set(sizes)) == 1:
        return sizes[0]
    rank = re.search(r"(\d)D", node.node.op)
    return "x".join(sizes * int(rank[1]) if rank and len(sizes) == 1 else sizes)


def output_text(node: CheckedNode) -> str:
    """A node's output shape; ? where only Keras knows."""
    return shape_text(node.type.shape) if node.type else "?"
