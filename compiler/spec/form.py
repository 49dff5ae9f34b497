"""Small questions about a located tree's form, as parsing asks them, and the faults of sections and keys."""

from __future__ import annotations

from compiler.errors import Diagnostics, closest, did_you_mean
from compiler.spec.expression import is_expression
from compiler.spec.located import Leaf, Map, Seq, Tree
from compiler.spec.model import describe


def as_list(tree: Tree) -> Tree:
    """One layer spec is as good as a list of one."""
    return tree if isinstance(tree, Seq) else Seq((tree,), tree.place)


def implied(default: object) -> str:
    """The type that a default implies: `3` -> int; null and mappings -> any."""
    kinds: dict[type, str] = {int: "int", float: "float", str: "str", bool: "bool", list: "list"}
    if isinstance(default, str) and is_expression(default):
        return "any"
    return kinds.get(type(default), "any")


def has(tree: Map, key: str, known: tuple[str, ...]) -> bool:
    """Whether `key` is there, or an unknown key for which it is the hint."""
    return key in tree.entries or meant(tree, key, known)


def meant(tree: Map, key: str, known: tuple[str, ...]) -> bool:
    """Whether `key` is the hint for an unknown key."""
    return any(name not in known and closest(name, known) == key for name in tree.entries)


def said(tree: Tree | None) -> Tree | None:
    """A section; None where it is null."""
    return None if isinstance(tree, Leaf) and tree.value is None else tree


def mapping(tree: Tree | None, where: str, diagnostics: Diagnostics) -> Map | None:
    """The section `where`; None where it is null or, with the fault reported, something else."""
    tree = said(tree)
    if tree is not None and not isinstance(tree, Map):
        diagnostics.report("E114", f"{where!r} must be a mapping (got {describe(tree)})", tree.place)
        return None
    return tree


def known_keys(tree: Map, known: tuple[str, ...], what: str, diagnostics: Diagnostics, *, noun: str = "key") -> None:
    """Report every key that is not among `known`."""
    code = "E101" if noun == "key" else "E104"
    for key in tree.entries:
        if key not in known:
            hint = did_you_mean(key, known) or f"it has {', '.join(known)}"
            diagnostics.report(code, f"{what} has no {noun} {key!r}", tree.key_place(key), hint=hint)
