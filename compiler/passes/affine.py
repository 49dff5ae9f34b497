"""Folding y = x * scale + shift, one number for each channel, into the layer that makes x.

(conv(x, kernel) + bias) * scale + shift is conv(x, kernel * scale) + bias * scale + shift, whatever the padding, since
that stands before the kernel. Jacob et al. 2018, arXiv 1712.05877, section 3.2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from compiler.ir import CheckedGraph, CheckedNode
from compiler.passes.rewriting import Users, calls, rewritten

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from compiler.passes.rewriting import Arrays, Rewritten, Weights

    Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Affine:
    """How to read scale and shift off a layer.

    Attributes:
        axis: the axis along which they vary, the batch counted as 0.
        shifts: whether there is a shift; it needs a bias to go to.
        scale_and_shift: float64 scale and shift, each of shape (channels,), from the layer's arrays.
    """

    axis: Callable[[CheckedNode], int]
    shifts: bool
    scale_and_shift: Callable[[CheckedNode, Arrays], tuple[Array, Array]]


def _last(kernel: Array, scale: Array) -> Array:
    return kernel * scale


def _last_but_one(kernel: Array, scale: Array) -> Array:
    return kernel * scale[:, None]


def _last_two(kernel: Array, scale: Array) -> Array:
    return kernel * scale.reshape(kernel.shape[-2:])


_SCALED: Mapping[str, tuple[int, Callable[[Array, Array], Array]]] = {
    **dict.fromkeys(("Dense", "Conv1D", "Conv2D", "Conv3D"), (0, _last)),
    **dict.fromkeys(("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"), (0, _last_but_one)),
    **dict.fromkeys(("DepthwiseConv1D", "DepthwiseConv2D"), (0, _last_two)),
    **dict.fromkeys(("SeparableConv1D", "SeparableConv2D"), (1, _last)),
}
"""By layer, which of its arrays has the output's channels, and how it is multiplied by one number for each."""

LINEAR = frozenset(_SCALED)
"""Layers that are linear in their kernel and bias, apart from an activation of their own."""


def is_linear(checked: CheckedNode) -> bool:
    """Whether the layer's output is linear in its kernel and bias, in a precision that keeps what folding computes."""
    args = checked.node.args
    return (
        checked.node.op in LINEAR
        and args.get("activation") in (None, "linear")
        and args.get("lora_rank") is None
        and checked.type is not None
        and checked.type.dtype in ("float32", "float64")
    )


def folded(graph: CheckedGraph, weights: Weights | None, affine: Mapping[str, Affine]) -> Rewritten:
    """Fold every layer of `affine` (by op) into the linear layer before it, where that is exact.

    It is where all calls of the linear layer, shared ones too, are taken by nothing but calls of one affine layer, of
    the same type and over the channels.
    """
    users = Users(graph)
    roots = {checked.name: root for root, group in calls(graph).items() for checked in group}
    gone: dict[str, str] = {}
    args: dict[str, Mapping[str, object]] = {}
    arrays: dict[str, Arrays] = {}
    for root, group in calls(graph).items():
        if not is_linear(group[0]):
            continue
        ends = group
        while followers := _followers(ends, group[0], users, roots, affine):
            first = followers[0]
            rule = affine[first.node.op]
            gone |= {follower.name: end.name for follower, end in zip(followers, ends, strict=True)}
            before = args.get(root, group[0].node.args)
            biased = before.get("use_bias", True) is True
            after = {key: value for key, value in before.items() if key != "use_bias" or not rule.shifts}
            args |= {call.name: after for call in group}
            if weights is not None:
                scale, shift = rule.scale_and_shift(first, weights[roots[first.name]])
                own = arrays.get(root, weights[root])
                arrays[root] = _scaled(group[0].node.op, own, biased, scale, shift if rule.shifts else None)
            ends = followers
    return rewritten(graph, weights, gone, args, arrays)


def _followers(
    ends: list[CheckedNode],
    layer: CheckedNode,
    users: Users,
    roots: Mapping[str, str],
    affine: Mapping[str, Affine],
) -> list[CheckedNode] | None:
    """The calls of one affine layer that take all of `ends`; None where it is not so."""
    followers = [follower for end in ends if (follower := users.sole(end.name)) is not None]
    if len(followers) < len(ends) or len({roots[follower.name] for follower in followers}) > 1:
        return None
    first = followers[0]
    rule = affine.get(first.node.op)
    if rule is None or any(follower.type != end.type for follower, end in zip(followers, ends, strict=True)):
        return None
    rank = 1 + len(layer.type.shape) if layer.type is not None else 0
    channels = 1 if layer.node.args.get("data_format") == "channels_first" else rank - 1
    return followers if rule.axis(first) % rank == channels else None


def _scaled(op: str, own: Arrays, biased: bool, scale: Array, shift: Array | None) -> Arrays:
    """The layer's arrays with scale and shift in them, in the dtypes that they have."""
    index, by = _SCALED[op]
    kernels = list(own[:-1] if biased else own)
    kernels[index] = by(kernels[index].astype("float64"), scale).astype(kernels[index].dtype)
    bias = own[-1] * scale if biased else None
    if shift is not None:
        bias = shift if bias is None else bias + shift
    return (*kernels, *([] if bias is None else [bias.astype(own[0].dtype)]))
