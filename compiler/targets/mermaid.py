"""CheckedGraph to a Mermaid flowchart, which GitHub and many editors draw from Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from compiler.ir import CheckedGraph, CheckedNode
from compiler.targets.diagram import Group, family, gist, grouped, label_of, output_text, short_name

_STYLES = {
    # family: fill, line; text is dark on all of them, in light and dark pages
    "input": ("#eef0f3", "#8b95a5"),
    "conv": ("#dbe7fb", "#4f86d9"),
    "dense": ("#e6dffa", "#8468cf"),
    "norm": ("#d8efe8", "#3a9e85"),
    "activation": ("#fbecc8", "#cf9a2b"),
    "pooling": ("#fbddd7", "#d5705c"),
    "merge": ("#dcf0d1", "#67a244"),
    "attention": ("#f9d9eb", "#c75b98"),
    "recurrent": ("#d3ecf5", "#3c97b8"),
    "other": ("#efebe4", "#a0937e"),
}
_CHAIN = 6  # nodes on one line of edges


def to_mermaid(graph: CheckedGraph) -> str:
    """The flowchart's text, to be put between "```mermaid" and "```".

    Dotted names become nested subgraphs. Ids are made of names, so that an edit to a model is a small change here.
    GitHub draws up to 500 edges and 50,000 characters; larger models are for `to_svg`.
    """
    ids = _ids(node.name for node in graph)
    nodes = {node.name: node for node in graph}
    root = grouped(graph)
    groups = _ids(_names(root), prefix="g_")
    lines = ["flowchart TD", *_nodes(root, nodes, ids, groups)]
    lines += [f"  {line}" for line in _edges(graph, ids)]
    used = {family(node) for node in graph}
    if groups:
        lines += ["  classDef group fill:#64748b14,stroke:#64748b80", f"  class {','.join(groups.values())} group"]
    styles = [(name, *colours) for name, colours in _STYLES.items() if name in used]
    lines += [f"  classDef {name} fill:{fill},stroke:{line},color:#1c2430" for name, fill, line in styles]
    return "\n".join(lines) + "\n"


def _ids(names: Iterable[str], prefix: str = "n_") -> dict[str, str]:
    """An id for each name: letters, digits and underscores, never one of Mermaid's words, no two alike."""
    ids: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        plain = made = prefix + re.sub(r"\W", "_", name, flags=re.ASCII)
        count = 1
        while made in taken:
            count += 1
            made = f"{plain}__{count}"
        taken.add(made)
        ids[name] = made
    return ids


def _nodes(root: Group, nodes: dict[str, CheckedNode], ids: dict[str, str], groups: dict[str, str]) -> Iterator[str]:
    stack: list[tuple[Group, Iterator[str | Group]]] = [(root, iter(root.members))]
    while stack:
        group, members = stack[-1]
        indent = "  " * len(stack)
        member = next(members, None)
        if isinstance(member, Group):
            yield f'{indent}subgraph {groups[member.name]}["{label_of(member, group)}"]'
            stack.append((member, iter(member.members)))
        elif member is not None:
            yield f"{indent}{ids[member]}{_shape(nodes[member], group)}"
        else:
            stack.pop()
            if stack:
                yield indent[2:] + "end"


def _names(root: Group) -> Iterator[str]:
    """The names of all groups inside."""
    stack = [root]
    while stack:
        inner = [member for member in stack.pop().members if isinstance(member, Group)]
        yield from (group.name for group in inner)
        stack += inner


def _shape(node: CheckedNode, group: Group) -> str:
    """The node's outline, words and colour; inputs have round ends."""
    name = short_name(node, group)
    words = [f"<b>{node.node.op}</b> {gist(node)}".rstrip(), *([name] if name else []), output_text(node)]
    label = "<br>".join(words)
    outline = f'(["{label}"])' if node.node.op == "Input" else f'["{label}"]'
    return f"{outline}:::{family(node)}"


def _edges(graph: CheckedGraph, ids: dict[str, str]) -> Iterator[str]:
    """Chains in one line as far as they go; dotted from a node that lends its weights to the one that shares them."""
    below: dict[str, list[str]] = {node.name: [] for node in graph}
    inputs = {node.name: dict.fromkeys(operand.node for operand in node.node.inputs) for node in graph}
    for name, sources in inputs.items():
        for source in sources:
            below[source].append(name)
    written: set[str] = set()  # nodes whose one edge down stands in a chain
    for name, targets in below.items():
        for target in targets if name not in written else ():
            chain = [name, target]
            while len(inputs[chain[-1]]) == 1 == len(below[chain[-1]]):
                written.add(chain[-1])
                chain.append(below[chain[-1]][0])
            for at in range(0, len(chain) - 1, _CHAIN - 1):
                yield " --> ".join(ids[name] for name in chain[at : at + _CHAIN])
    for node in graph:
        if node.node.shares is not None:
            yield f"{ids[node.node.shares]} -.-|weights| {ids[node.name]}"
