"""Small graphs at random: layers over tensors of one shape, each on any tensor before it, some called again."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from compiler.ir import CheckedGraph, Node
from tests.targets import checked, node

IDLE: dict[str, dict[str, Any]] = {
    "ActivityRegularization": {"l2": 0.1},
    "Activation": {"activation": "linear"},
    "AlphaDropout": {"rate": 0.5},
    "Dropout": {"rate": 0.5},
    "GaussianNoise": {"stddev": 0.5},
    "Identity": {},
}
"""Layers that do nothing at inference."""

Args = dict[str, Any]
Choice = tuple[str, Args]


def linear(rank: int, channels: int) -> st.SearchStrategy[Choice]:
    """A layer that keeps the shape (*space, channels), and its arguments. No groups: XLA compiles each of them."""
    bias = st.fixed_dictionaries({"use_bias": st.booleans()}, optional={"activation": st.sampled_from(["tanh", None])})
    dense = bias.map(lambda args: ("Dense", {"units": channels, **args}))
    if rank == 0:
        return dense
    size = st.fixed_dictionaries({"kernel_size": st.integers(1, 3), "padding": st.just("same")})

    def of(op: str, **more: st.SearchStrategy[object]) -> st.SearchStrategy[Choice]:
        return st.tuples(size, bias, st.fixed_dictionaries(more)).map(
            lambda parts: (op, {**parts[0], **parts[1], **parts[2]})
        )

    filters = st.just(channels)
    return st.one_of(
        dense,
        of(f"Conv{rank}D", filters=filters),
        of(f"Conv{rank}DTranspose", filters=filters),
        of(f"DepthwiseConv{rank}D"),
        of(f"SeparableConv{rank}D", filters=filters, depth_multiplier=st.integers(1, 2)),
    )


def norm(rank: int) -> st.SearchStrategy[Choice]:
    """A normalisation; now and then along another axis than the channels, where that has as many entries."""
    return st.fixed_dictionaries(
        {"epsilon": st.sampled_from([1e-3, 1e-5]), "axis": st.sampled_from([-1, -1, rank + 1, 1])},
        optional={"center": st.booleans(), "scale": st.booleans(), "renorm": st.booleans()},
    ).map(lambda args: ("BatchNormalization", args))


@st.composite
def graphs(draw: st.DrawFn) -> CheckedGraph:
    """Up to 12 layers; what nothing takes is an output."""
    rank, channels = draw(st.integers(0, 2)), draw(st.sampled_from([2, 4]))
    nodes: list[Node] = [node("input", "Input", shape=[*[4, 5][:rank], channels])]
    step = st.one_of(
        linear(rank, channels),
        norm(rank),
        st.sampled_from([*IDLE.items()]),
        st.sampled_from(["relu", "tanh", "softplus"]).map(lambda name: ("Activation", {"activation": name})),
        st.sampled_from([{}, {"max_value": 6.0}, {"negative_slope": 0.1}]).map(lambda args: ("ReLU", args)),
        st.just(("LayerScale", {"init_values": 0.5})),
    )

    def add(op: str, inputs: str | list[str], args: Args, shares: str | None = None) -> str:
        nodes.append(node(f"n{len(nodes)}", op, inputs, shares=shares, **args))
        return nodes[-1].name

    def taken() -> str:
        """The last tensor, mostly."""
        names = [found.name for found in nodes]
        return draw(st.one_of(st.just(names[-1]), st.just(names[-1]), st.sampled_from(names)))

    for _ in range(draw(st.integers(2, 12))):
        kind = draw(st.sampled_from(["layer"] * 7 + ["merge", "again", "tower"]))
        if kind == "layer":
            op, args = draw(step)
            add(op, taken(), args)
        elif kind == "merge":
            add(draw(st.sampled_from(["Add", "Maximum"])), [taken(), taken()], {})
        elif kind == "again":
            layers = [found for found in nodes if found.inputs and len(found.inputs) == 1]
            if layers:
                found = draw(st.sampled_from(layers))
                add(found.op, taken(), dict(found.args), shares=found.name)
        else:  # one linear layer and one normalisation, twice
            (op, args), (normalise, its), x, y = draw(linear(rank, channels)), draw(norm(rank)), taken(), taken()
            first, second = add(op, x, args), add(op, y, args, shares=nodes[-1].name)
            before = add(normalise, first, its)
            add("Add", [before, add(normalise, second, its, shares=before)], {})
    used = {operand.node for found in nodes for operand in found.inputs}
    ends = [found.name for found in nodes if found.name not in used]
    keyed = draw(st.booleans())
    return checked(*nodes, outputs={f"key{i}": name for i, name in enumerate(ends)} if keyed else ends)
