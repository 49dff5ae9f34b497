"""What the passes leave computes the same. The oracle is Keras: the model as it was, with weights at random."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings

from compiler.ir import CheckedGraph
from compiler.ops import OPS
from compiler.passes import chosen, run_passes
from compiler.passes.affine import LINEAR
from compiler.passes.remove_dropout import AUGMENTATION, TRAINING_ONLY
from compiler.targets.keras import build, layer
from compiler.targets.keras_arrays import set_weights, weights_of
from tests.networks import NETWORKS, network_graph
from tests.passes.draw_graphs import IDLE, graphs
from tests.targets import checked, node

TOLERANCE = 1e-4


def unsettle(model: Any) -> None:
    """Weights at random, statistics and gammas included: of both signs, but for what is a spread."""
    random = np.random.default_rng(0)

    def drawn(weight: Any) -> np.ndarray:
        if weight.name in ("moving_variance", "moving_stddev", "renorm_stddev"):
            return random.uniform(0.1, 2.0, weight.shape)
        return random.normal(0.0, 1 / np.sqrt(max(1, np.prod(weight.shape[:-1]))), weight.shape)

    model.set_weights([drawn(weight) for weight in model.weights])


def inputs(graph: CheckedGraph, rows: int = 3) -> list[np.ndarray]:
    random = np.random.default_rng(1)
    shapes = [checked.type.shape for checked in graph.inputs if checked.type]
    return [random.normal(size=(rows, *(dim or 5 for dim in shape))).astype("float32") for shape in shapes]


def outputs(model: Any, x: list[np.ndarray]) -> list[np.ndarray]:
    found = model(x[0] if len(x) == 1 else x, training=False)
    return [np.asarray(output) for output in keras.tree.flatten(found)]


def settle(model: Any, x: list[np.ndarray]) -> None:
    """Give each BatchNormalization of a deep network the statistics of what enters it: signals live to its end."""
    for made in model.layers:
        if isinstance(made, keras.layers.BatchNormalization):
            made.momentum = 0.0
            gamma: Any = made.gamma
            gamma.assign(np.random.default_rng(2).uniform(0.5, 1.5, gamma.shape))
    model(x[0], training=True)


def folded(graph: CheckedGraph, *, deep: bool = False) -> CheckedGraph:
    """The graph that all passes leave, having seen that its model says the same as that of `graph`."""
    keras.utils.clear_session()
    before = build(graph)
    settle(before, inputs(graph)) if deep else unsettle(before)
    found, weights = run_passes(chosen("inference"), graph, weights_of(before, graph))
    assert weights is not None
    after = build(found)
    set_weights(after, weights)
    x = inputs(graph)
    assert shapes(before.output) == shapes(after.output)
    for wanted, got in zip(outputs(before, x), outputs(after, x), strict=True):
        assert np.isfinite(wanted).all()
        np.testing.assert_allclose(got, wanted, rtol=0, atol=TOLERANCE * max(1, np.abs(wanted).max()))
    return found


def shapes(tensors: Any) -> Any:
    return keras.tree.map_structure(lambda tensor: tensor.shape, tensors)


def ops(graph: CheckedGraph) -> list[str]:
    return [checked.node.op for checked in graph if checked.node.op != "Input"]


@settings(max_examples=20)
@given(graphs())
def test_drawn_graphs_compute_the_same(graph: CheckedGraph) -> None:
    found = folded(graph)
    nodes = {checked.name: checked.node for checked in found}
    uses = [operand.node for node in nodes.values() for operand in node.inputs] + [out.node for out in found.outputs]
    shared = {name for node in nodes.values() if node.shares for name in (node.name, node.shares)}
    ends = {output.node for output in found.outputs}
    for checked_node in found:
        node = checked_node.node
        if not node.inputs:
            continue
        source = nodes[node.inputs[0].node]
        if node.op in IDLE and node.args.get("activation", "linear") == "linear":
            assert source.op == "Input" and node.name in ends, "what does nothing is gone"
        alone = uses.count(source.name) == 1 and not {node.name, source.name} & shared
        linear = source.op in LINEAR and source.args.get("activation") is None
        over_channels = node.args.get("axis", -1) in (-1, len(checked_node.type.shape) if checked_node.type else 0)
        if node.op in ("BatchNormalization", "LayerScale") and alone and linear:
            assert not over_channels, "what can be folded is folded"


C = {"filters": 6}
LINEAR_LAYERS: list[tuple[str, dict[str, Any], list[int]]] = [
    ("Dense", {"units": 6}, [4]),
    ("Dense", {"units": 6}, [3, 5, 4]),
    ("Conv1D", {**C, "kernel_size": 3, "padding": "causal", "dilation_rate": 2}, [7, 4]),
    ("Conv2D", {**C, "kernel_size": [2, 3], "strides": 2, "groups": 2}, [7, 6, 4]),
    ("Conv3D", {**C, "kernel_size": 2, "padding": "same"}, [4, 3, 3, 4]),
    ("Conv1DTranspose", {**C, "kernel_size": 3, "strides": 2}, [5, 4]),
    ("Conv2DTranspose", {**C, "kernel_size": 3, "strides": 2, "padding": "same"}, [4, 5, 4]),
    ("Conv3DTranspose", {**C, "kernel_size": 2}, [3, 3, 2, 4]),
    ("DepthwiseConv1D", {"kernel_size": 3, "depth_multiplier": 3}, [7, 4]),
    ("DepthwiseConv2D", {"kernel_size": 3, "depth_multiplier": 2, "padding": "same"}, [6, 5, 4]),
    ("SeparableConv1D", {**C, "kernel_size": 3, "strides": 2}, [7, 4]),
    ("SeparableConv2D", {**C, "kernel_size": 3, "depth_multiplier": 3, "padding": "same"}, [6, 5, 4]),
]


def test_all_of_them_are_tried() -> None:
    assert {op for op, _, _ in LINEAR_LAYERS} == LINEAR


@pytest.mark.parametrize("channels", ["channels_last", "channels_first"])
@pytest.mark.parametrize(("op", "args", "shape"), LINEAR_LAYERS)
def test_each_linear_layer_takes_a_normalisation_in(
    op: str, args: dict[str, Any], shape: list[int], channels: str
) -> None:
    first = channels == "channels_first"
    if first and op == "Dense":
        return
    bias: dict[str, Any] = {"use_bias": first, "bias_initializer": "ones"}  # with one and without
    turned: dict[str, Any] = {"data_format": channels} if first else {}
    graph = checked(
        node("input", "Input", shape=[shape[-1], *shape[:-1]] if first else shape),
        node("layer", op, "input", **args, **bias, **turned),
        node("norm", "BatchNormalization", "layer", axis=1 if first else -1),
        node("act", "ReLU", "norm", max_value=6),
    )
    found = folded(graph)
    assert ops(found) == [op]
    assert found.nodes[1].node.args == {**args, "bias_initializer": "ones", **turned, "activation": "relu6"}


@pytest.mark.parametrize("args", [
    {"center": False}, {"scale": False}, {"center": False, "scale": False, "epsilon": 0.5},
    {"renorm": True}, {"axis": 3, "trainable": False}, {"dtype": "float32", "momentum": 0.5},
])  # fmt: skip
def test_every_form_of_batch_normalisation(args: dict[str, Any]) -> None:
    graph = checked(
        node("input", "Input", shape=[6, 6, 3]),
        node("conv", "Conv2D", "input", filters=4, kernel_size=3, use_bias=False),
        node("norm", "BatchNormalization", "conv", **args),
        node("again", "BatchRenormalization", "norm"),
        node("scale", "LayerScale", "again"),
        node("last", "BatchNormalization", "scale"),
    )
    assert ops(folded(graph)) == ["Conv2D"]


def test_a_layer_scale_needs_no_bias() -> None:
    graph = checked(
        node("input", "Input", shape=[6]),
        node("dense", "Dense", "input", units=4, use_bias=False),
        node("scale", "LayerScale", "dense", init_values=0.5),
    )
    (_, dense) = folded(graph).nodes
    assert [weight.name for weight in dense.weights] == ["kernel"]


def test_float64_stays_exact() -> None:
    graph = checked(
        node("input", "Input", shape=[6], dtype="float64"),
        node("dense", "Dense", "input", units=4),
        node("norm", "BatchNormalization", "dense"),
        precision="float64",
    )
    before = build(graph)
    unsettle(before)
    found, weights = run_passes(chosen("fold_batch_norm"), graph, weights_of(before, graph))
    after = build(found)
    set_weights(after, weights or {})
    assert {array.dtype.name for arrays in (weights or {}).values() for array in arrays} == {"float64"}
    x = np.random.default_rng(1).normal(size=(3, 6))
    np.testing.assert_allclose(after(x), before(x), rtol=1e-12)


def test_masks_go_on_as_before() -> None:
    graph = checked(
        node("input", "Input", shape=[7], dtype="int32"),
        node("words", "Embedding", "input", input_dim=9, output_dim=4, mask_zero=True),
        node("drop", "Dropout", "words", rate=0.5),
        node("dense", "Dense", "drop", units=4),
        node("norm", "BatchNormalization", "dense"),
        node("act", "Activation", "norm", activation="tanh"),
        node("pool", "GlobalAveragePooling1D", "act"),
    )
    before = build(graph)
    unsettle(before)
    found, weights = run_passes(chosen("inference"), graph, weights_of(before, graph))
    assert ops(found) == ["Embedding", "Dense", "GlobalAveragePooling1D"]
    after = build(found)
    set_weights(after, weights or {})
    x = np.array([[1, 2, 3, 0, 0, 0, 0], [4, 4, 0, 5, 6, 7, 8]])
    np.testing.assert_allclose(after(x), before(x), atol=1e-5)


@pytest.mark.parametrize("op", [*TRAINING_ONLY, *AUGMENTATION])
def test_what_is_removed_does_nothing_at_inference(op: str) -> None:
    fields = OPS[op].model_fields
    given = {"rate": 0.5, "stddev": 0.5, "factor": 4 if op == "RandomPosterization" else 0.5, "height_factor": 0.5}
    args = {name: value for name, value in {**given, "width_factor": 0.5, "max_number": 2}.items() if name in fields}
    made = layer(op, args, "made")
    shape = {"SpatialDropout1D": (5, 3), "SpatialDropout3D": (4, 4, 4, 3)}.get(op, (6, 6, 3))
    x = np.random.default_rng(0).normal(scale=300, size=(2, *shape)).astype("float32")
    np.testing.assert_array_equal(made(x, training=False), x)
    assert made.supports_masking == (op in TRAINING_ONLY)


# --- shipped networks ---------------------------------------------------------------------------


SMALL = ["convnet", "mlp", "sepconv_small", "wide_deep", "xception_lite"]


@pytest.mark.parametrize("name", [*SMALL, "mobilenet_v2"])
def test_a_shipped_network_says_the_same(name: str) -> None:
    size = NETWORKS[name].size if name in NETWORKS else 0
    graph = network_graph(name, [f"model.input=[{size},{size},3]"] if size else [])
    found = folded(graph, deep=True)
    assert "BatchNormalization" not in ops(found)
    assert "Dropout" not in ops(found)
