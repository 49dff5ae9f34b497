"""The pass `fuse_activations`: an activation goes into the layer before it, as its argument `activation`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from compiler.ir import CheckedGraph, CheckedNode
from compiler.passes.affine import LINEAR
from compiler.passes.rewriting import Users, calls, rewritten

if TYPE_CHECKING:
    from compiler.passes.rewriting import Rewritten, Weights


def fuse_activations(graph: CheckedGraph, weights: Weights | None) -> Rewritten:
    """Give convolutions and dense layers the activation that follows them, where nothing else takes their output."""
    users = Users(graph)
    gone: dict[str, str] = {}
    args: dict[str, Mapping[str, object]] = {}
    for group in calls(graph).values():
        first = group[0].node
        if first.op not in LINEAR or first.args.get("activation") not in (None, "linear"):
            continue
        followers = [users.sole(call.name) for call in group]
        names = {_activation(call, follower) for call, follower in zip(group, followers, strict=True)}
        name = names.pop()
        if names or name is None:
            continue
        gone |= {follower.name: call.name for call, follower in zip(group, followers, strict=True) if follower}
        args |= {call.name: {**first.args, "activation": name} for call in group}
    return rewritten(graph, weights, gone, args)


def _activation(call: CheckedNode, follower: CheckedNode | None) -> str | None:
    """The name of the activation that `follower` is of what `call` gives; None where it has none, or casts."""
    if follower is None or call.type is None or follower.type != call.type:
        return None
    node = follower.node
    if node.op == "Activation":
        name = node.args["activation"]
        return name if isinstance(name, str) else None
    if node.op == "ReLU":
        shape = {key: value for key, value in node.args.items() if key not in ("trainable", "dtype")}
        return "relu" if not shape else "relu6" if shape == {"max_value": 6} else None
    return None
