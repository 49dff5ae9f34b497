"""What the passes do to graphs, and what the runner says of a pass that breaks one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from compiler.check import check_again
from compiler.errors import Diagnostics
from compiler.ir import CheckedGraph, Graph, Node, Operand, Output, graph_text
from compiler.ops.registry import FAMILIES
from compiler.passes import PASSES, BrokenPass, chosen, run_passes
from compiler.passes.remove_dropout import AUGMENTATION, TRAINING_ONLY
from tests.networks import SHIPPED, network_graph
from tests.targets import checked, node
from tests.undeclared import known_by_name

IMAGE = node("input", "Input", shape=[8, 8, 3])
CONV = node("conv", "Conv2D", "input", filters=4, kernel_size=3)
NORM = node("norm", "BatchNormalization", "conv")
RELU = node("act", "Activation", "norm", activation="relu")


def after(graph: CheckedGraph, passes: str = "inference") -> CheckedGraph:
    return run_passes(chosen(passes), graph)[0]


def names(graph: CheckedGraph) -> list[str]:
    return [found.name for found in graph if found.node.op != "Input"]


def args(graph: CheckedGraph, name: str) -> dict[str, object]:
    return dict(next(found.node.args for found in graph if found.name == name))


# --- structure ---------------------------------------------------------------------------------


def test_a_network_as_it_is_deployed(golden: Callable[[str, str], None]) -> None:
    golden("passes/xception_lite.ir", graph_text(after(network_graph("xception_lite"))))


LEFT = {
    "convnet": (8, 0), "convnext_tiny": (102, 0), "densenet121": (310, 62), "efficientnet_b0": (126, 0),
    "inception_v3": (124, 0), "mlp": (4, 0), "mobilenet_v2": (64, 0), "resnet50": (90, 0), "resnet50v2": (127, 17),
    "sepconv_small": (11, 0), "vgg16": (22, 0), "wide_deep": (7, 0), "xception": (69, 0), "xception_lite": (24, 0),
}  # fmt: skip
"""By network, the layers that are left, and the normalisations among them: DenseNet and ResNetV2 normalise sums and
concatenations, and there is no layer to fold those into."""


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_network_folds(name: str) -> None:
    graph = network_graph(name)
    found = after(graph)
    ops = [checked_node.node.op for checked_node in found]
    if name in LEFT:
        assert (found.layers, ops.count("BatchNormalization")) == LEFT[name]
    assert not {"Dropout", "LayerScale"} & {*ops}
    assert found.layers <= graph.layers and found.params <= graph.params
    assert found.nodes[-1].type == graph.nodes[-1].type


def test_names_places_and_other_arguments_stay() -> None:
    conv = node("a.conv", "Conv2D", "input", filters=4, kernel_size=3, use_bias=False, kernel_regularizer="L2",
                trail=("layers[0] 'a'",))  # fmt: skip
    found = after(checked(IMAGE, conv, node("a.norm", "BatchNormalization", "a.conv")))
    (_, only) = found.nodes
    assert (only.name, only.node.trail) == ("a.conv", conv.trail)
    assert only.node.args == {"filters": 4, "kernel_size": 3, "kernel_regularizer": {"op": "L2"}}
    assert [weight.shape for weight in only.weights] == [(3, 3, 3, 4), (4,)]


def test_passes_run_in_the_order_of_the_list() -> None:
    graph = checked(IMAGE, CONV, node("drop", "Dropout", "conv", rate=0.1), node("norm", "BatchNormalization", "drop"))
    assert names(after(graph, "fold_batch_norm")) == ["conv", "drop", "norm"]
    assert names(after(graph, "fold_batch_norm,remove_dropout")) == ["conv", "norm"]
    assert names(after(graph, "remove_dropout, fold_batch_norm")) == ["conv"]
    assert after(graph, "none") == graph


def test_a_name_that_no_pass_has() -> None:
    with pytest.raises(ValueError, match="no pass 'fold': one of remove_dropout, remove_identities, "):
        chosen("remove_dropout,fold")


def test_there_is_a_decision_on_each_layer_that_trains_only() -> None:
    families = " ".join(
        FAMILIES[name] for name in ("regularization", "stochastic_depth", "augmentation", "images")
    ).split()
    always = {"RandomCrop", "AutoContrast", "ContrastLimitedAdaptiveHistogramEqualization"}
    assert {*families} - {*TRAINING_ONLY, *AUGMENTATION} == always, "which do something at inference"


# --- what must not be folded ----------------------------------------------------------------------


@pytest.mark.parametrize("graph", [
    pytest.param(checked(IMAGE, replace(CONV, args={**CONV.args, "activation": "relu"}), NORM), id="own activation"),
    pytest.param(checked(IMAGE, CONV, NORM, node("add", "Add", ["norm", "conv"])), id="taken twice"),
    pytest.param(checked(IMAGE, CONV, NORM, outputs=["norm", "conv"]), id="an output too"),
    pytest.param(checked(IMAGE, CONV, replace(NORM, args={"axis": 1})), id="another axis"),
    pytest.param(checked(IMAGE, CONV, replace(NORM, args={"dtype": "float64"})), id="another type"),
    pytest.param(checked(IMAGE, CONV, NORM, precision="mixed_float16"), id="half precision"),
    pytest.param(checked(IMAGE, replace(CONV, args={**CONV.args, "lora_rank": 2}), NORM), id="LoRA"),
    pytest.param(
        checked(IMAGE, CONV, node("pad", "ZeroPadding2D", "conv"), node("norm", "BatchNormalization", "pad")),
        id="padded between",
    ),
    pytest.param(
        checked(node("input", "Input", shape=[3, 8, 8]),
                replace(CONV, args={**CONV.args, "data_format": "channels_first"}), NORM),
        id="last axis of channels_first",
    ),
    pytest.param(
        checked(IMAGE, CONV, replace(CONV, name="again", shares="conv"), NORM, node("add", "Add", ["norm", "again"])),
        id="a call without one",
    ),
    pytest.param(
        checked(IMAGE, CONV, replace(CONV, name="again", shares="conv"), NORM,
                node("other", "BatchNormalization", "again"), node("add", "Add", ["norm", "other"])),
        id="calls with two",
    ),
])  # fmt: skip
def test_what_would_not_be_exact_stays(graph: CheckedGraph) -> None:
    assert after(graph) == graph


def test_nothing_folds_behind_what_only_keras_knows() -> None:
    with known_by_name({"NewLayer": {"rate": {"required": True}}}):
        behind = replace(CONV, inputs=(Operand("opaque"),))
        graph = checked(IMAGE, node("opaque", "NewLayer", "input", rate=0.5), behind, NORM)
        assert after(graph) == graph


def test_calls_of_one_pair_fold_together() -> None:
    graph = checked(
        node("left", "Input", shape=[4]), node("right", "Input", shape=[4]),
        node("a", "Dense", "left", units=4), node("a.norm", "BatchNormalization", "a"),
        node("b", "Dense", "right", units=4, shares="a"),
        node("b.norm", "BatchNormalization", "b", shares="a.norm"),
        node("both", "Add", ["a.norm", "b.norm"]),
    )  # fmt: skip
    found = after(graph)
    assert names(found) == ["a", "b", "both"]
    assert [checked_node.node.shares for checked_node in found if checked_node.node.op == "Dense"] == [None, "a"]


def test_the_next_call_inherits_the_weights() -> None:
    """The first call of `norm` goes into `one`; the others stay, and with them the statistics."""
    dense: dict[str, Any] = {"units": 4}
    graph = checked(
        node("input", "Input", shape=[4]),
        node("one", "Dense", "input", **dense), node("norm", "BatchNormalization", "one"),
        node("act", "Activation", "norm", activation="tanh"),
        node("norm.2", "BatchNormalization", "act", shares="norm"),
        node("act.2", "Activation", "norm.2", activation="tanh"),
        node("norm.3", "BatchNormalization", "act.2", shares="norm"),
    )  # fmt: skip
    eye, zeros, ones = np.eye(4, dtype="float32"), np.zeros(4, "float32"), np.ones(4, "float32")
    weights = {"one": (eye, zeros), "norm": (3 * ones, zeros, zeros, ones)}
    found, left = run_passes(chosen("fold_batch_norm"), graph, weights)
    assert names(found) == ["one", "act", "norm.2", "act.2", "norm.3"]
    assert [checked_node.node.shares for checked_node in found] == [None, None, None, None, None, "norm.2"]
    assert left is not None and {*left} == {"one", "norm.2"}
    np.testing.assert_allclose(left["one"][0], eye * 3 / np.sqrt(1.001), rtol=1e-6)
    assert left["norm.2"] is weights["norm"]


# --- removal --------------------------------------------------------------------------------------


def test_an_output_keeps_its_key() -> None:
    dense = node("dense", "Dense", "input", units=2)
    drop = node("drop", "Dropout", "dense", rate=0.5)
    given = node("input", "Input", shape=[3])
    graph = replace(checked(given, dense, drop), outputs=(Output("drop", "label"), Output("dense", "raw")))
    assert after(graph).outputs == (Output("dense", "label"), Output("dense", "raw"))
    half = replace(graph, outputs=(Output("drop"), Output("dense", "raw")))
    assert after(half).outputs == (Output("dense", "drop"), Output("dense", "raw"))
    assert after(checked(given, dense, drop)).outputs == (Output("dense"),)


def test_a_model_keeps_a_layer() -> None:
    given = node("input", "Input", shape=[3])
    graph = checked(given, node("drop", "Dropout", "input", rate=0.5), node("same", "Identity", "drop"))
    assert names(after(graph)) == ["same"]


def test_what_casts_stays() -> None:
    graph = checked(
        node("input", "Input", shape=[3]),
        node("cast", "Activation", "input", activation="linear", dtype="float64"),
        node("dense", "Dense", "cast", units=2),
    )
    assert names(after(graph)) == ["cast", "dense"]


def test_augmentation_stays_where_masks_flow() -> None:
    masked = [
        IMAGE,
        node("mask", "Masking", "input"),
        node("flip", "RandomFlip", "mask"),
        node("pool", "Flatten", "flip"),
    ]
    assert names(after(checked(*masked))) == ["mask", "flip", "pool"]
    assert names(after(checked(IMAGE, node("flip", "RandomFlip", "input"), node("pool", "Flatten", "flip")))) == [
        "pool"
    ]


# --- activations ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("op", "given", "fused"), [
    ("Activation", {"activation": "softmax"}, "softmax"), ("ReLU", {}, "relu"), ("ReLU", {"max_value": 6}, "relu6"),
    ("ReLU", {"max_value": 5}, None), ("ReLU", {"negative_slope": 0.1}, None), ("ELU", {}, None),
    ("Activation", {"activation": "relu", "dtype": "float16"}, None),
])  # fmt: skip
def test_activations_that_are_arguments_too(op: str, given: dict[str, Any], fused: str | None) -> None:
    found = after(checked(IMAGE, CONV, node("act", op, "conv", **given)))
    assert names(found) == (["conv"] if fused else ["conv", "act"])
    assert args(found, "conv").get("activation") == fused


# --- the runner -----------------------------------------------------------------------------------


GRAPH = checked(IMAGE, CONV, NORM, RELU, outputs={"map": "act"})
WEIGHTS = {"conv": (np.zeros((3, 3, 3, 4), "float32"), np.zeros(4, "float32")), "norm": (np.ones(4, "float32"),) * 4}


def broken(nodes: list[Node], outputs: tuple[Output, ...] = GRAPH.outputs, weights: Any = WEIGHTS) -> str:
    """What the runner says of a pass that leaves this, after a harmless one."""
    passes = {
        "remove_dropout": PASSES["remove_dropout"],
        "bad": lambda graph, given: (Graph(tuple(nodes), outputs), weights),
    }
    with pytest.raises(BrokenPass) as error:
        run_passes(passes, GRAPH, WEIGHTS)
    text = str(error.value)
    assert text.startswith("pass 'bad', after remove_dropout: ")
    return text.partition(": ")[2]


def test_the_runner_names_what_a_pass_broke() -> None:
    small = replace(IMAGE, args={"shape": [2, 2, 3]})
    stray = node("stray", "Flatten", "act")
    assert broken([small, CONV, NORM, RELU]) == "it changed the inputs"
    assert broken([IMAGE, CONV, CONV, NORM, RELU]) == "it left two nodes 'conv'"
    assert broken([IMAGE, CONV, NORM, RELU, stray]) == "it named a node 'stray', which the graph did not have"
    assert broken([IMAGE, NORM, CONV, RELU]) == "'norm' takes from 'conv', which does not stand before it"
    assert broken([IMAGE, CONV, NORM]) == "an output names 'act'"
    assert broken([IMAGE, CONV, NORM], (Output("conv", "map"),)) == "it left the node 'norm', which leads to no output"
    assert broken([IMAGE, CONV, NORM, RELU], (Output("act"),)) == "it changed the outputs' keys from ['map'] to [0]"
    narrow = replace(CONV, args={**CONV.args, "filters": 2})
    assert broken([IMAGE, narrow, NORM, RELU]) == (
        "it changed the type of output 'map' from float32[6x6x4] to float32[6x6x2]"
    )
    high = replace(CONV, args={**CONV.args, "kernel_size": 9})
    assert "padding 'valid' leaves nothing" in broken([IMAGE, high, NORM, RELU])
    assert broken([IMAGE, CONV, NORM, RELU], weights=None) == "it lost the weights"


def test_the_runner_holds_weights_against_the_graph() -> None:
    nodes = [IMAGE, CONV, NORM, RELU]
    assert broken(nodes, weights={**WEIGHTS, "conv": WEIGHTS["conv"][:1]}) == (
        "the weights of 'conv' are [(3, 3, 3, 4)], not [(3, 3, 3, 4), (4,)]"
    )
    assert broken(nodes, weights={**WEIGHTS, "gone": WEIGHTS["norm"]}) == (
        "it left weights of 'gone', which has none of its own"
    )


def test_the_first_pass_has_none_before_it() -> None:
    with pytest.raises(BrokenPass, match="pass 'bad': it made weights of none"):
        run_passes({"bad": lambda graph, weights: (graph.graph, WEIGHTS)}, GRAPH)


def test_checking_again_changes_nothing() -> None:
    for name in ("xception_lite", "convnext_tiny", "wide_deep"):
        graph, diagnostics = network_graph(name), Diagnostics()
        again = check_again(graph.graph, diagnostics)
        assert again == graph
        assert [found.node.place for found in again] == [found.node.place for found in graph]
        assert not diagnostics.faults


def test_graphs_alone_need_no_numpy() -> None:
    script = "import sys, compiler.passes as p; assert 'numpy' not in sys.modules, 'numpy'"
    subprocess.run([sys.executable, "-c", script], check=True)
