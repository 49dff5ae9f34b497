"""The cost of compiling beside Keras's own: one network of 100 layers, by hand and from a checked graph.

    python benchmarks/keras_target.py [--repeats N] [--limit RATIO]

Both ways build in one process and in turn, each order as often, after a warm-up that also holds the two models
against each other. Prints the medians, and the median of the ratios of neighbouring builds, which other work on the
machine moves least; ends with status 1 where that is above the limit.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import sys
import time
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

from compiler.ir import CheckedGraph, CheckedNode, Node, Operand, Output, TensorType
from compiler.ops import OPS
from compiler.settings import non_defaults, validate
from compiler.targets.keras import build

BLOCKS = 16
LAYERS = 2 + 6 * BLOCKS + 2


def by_hand() -> keras.Model:
    """The network as one writes it in Keras: a stem, 16 residual blocks of six layers, a head."""
    layers = keras.layers
    inputs = x = keras.Input((32, 32, 3), name="input")
    x = layers.Conv2D(16, 3, padding="same", use_bias=False, name="stem.conv")(x)
    x = layers.BatchNormalization(name="stem.norm")(x)
    for i in range(BLOCKS):
        skip = x
        for j in range(2):
            x = layers.Conv2D(16, 3, padding="same", use_bias=False, name=f"block.{i}.conv.{j}")(x)
            x = layers.BatchNormalization(name=f"block.{i}.norm.{j}")(x)
            if j == 0:
                x = layers.Activation("relu", name=f"block.{i}.relu")(x)
        x = layers.Add(name=f"block.{i}.add")([x, skip])
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(inputs, layers.Dense(10, activation="softmax", name="head")(x), name="model")


def graph() -> CheckedGraph:
    """The same network as the front end leaves it."""
    conv = {"filters": 16, "kernel_size": 3, "padding": "same", "use_bias": False}
    nodes = [Node("input", "Input", {"shape": [32, 32, 3]}, ())]

    def add(name: str, op: str, *inputs: str, **args: object) -> None:
        operands = tuple(Operand(other) for other in (inputs or (nodes[-1].name,)))
        nodes.append(Node(name, op, args, operands))

    add("stem.conv", "Conv2D", **conv)
    add("stem.norm", "BatchNormalization")
    for i in range(BLOCKS):
        skip = nodes[-1].name
        for j in range(2):
            add(f"block.{i}.conv.{j}", "Conv2D", **conv)
            add(f"block.{i}.norm.{j}", "BatchNormalization")
            if j == 0:
                add(f"block.{i}.relu", "Activation", activation="relu")
        add(f"block.{i}.add", "Add", nodes[-1].name, skip)
    add("pool", "GlobalAveragePooling2D")
    add("head", "Dense", units=10, activation="softmax")
    return CheckedGraph(tuple(checked(nodes)), (Output("head"),))


def checked(nodes: list[Node]) -> list[CheckedNode]:
    types: dict[str, TensorType] = {}
    done: list[CheckedNode] = []
    for node in nodes:
        op = validate(OPS[node.op], node.args)
        signature = op.signature({str(i): types[operand.node] for i, operand in enumerate(node.inputs)}, "float32")
        assert signature.output is not None, "every layer here is declared"
        types[node.name] = signature.output
        canonical = Node(node.name, node.op, non_defaults(op), node.inputs)
        done.append(CheckedNode(canonical, signature.output, signature.weights, signature.flops))
    return done


def seconds(make: Callable[[], keras.Model]) -> float:
    keras.utils.clear_session()
    gc.collect()
    gc.disable()  # a collection amid a build costs as much as ten layers, and falls where it likes
    try:
        start = time.perf_counter()
        make()
        return time.perf_counter() - start
    finally:
        gc.enable()


def main() -> int:
    parser = argparse.ArgumentParser(description="The Keras target against hand-written Keras.")
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--limit", type=float, default=1.10)
    options = parser.parse_args()
    ready = graph()
    same = by_hand().get_config() == build(ready).get_config()  # warms both up, too
    assert same, "the two ways build different models"
    ours: list[float] = []
    theirs: list[float] = []
    for i in range(options.repeats):
        for turn in (0, 1):
            if (i + turn) % 2:
                ours.append(seconds(lambda: build(ready)))
            else:
                theirs.append(seconds(by_hand))
    hand, target = statistics.median(theirs), statistics.median(ours)
    ratio = statistics.median(our / their for our, their in zip(ours, theirs, strict=True))
    print(f"{LAYERS} layers, medians of {options.repeats} builds in turn")
    print(f"  hand-written Keras   {hand * 1000:7.1f} ms")
    print(f"  from a checked graph {target * 1000:7.1f} ms")
    print(f"  ratio {ratio:.3f} (limit {options.limit:.2f})")
    return 0 if ratio <= options.limit else 1


if __name__ == "__main__":
    sys.exit(main())
