"""What every exported form is made of: a model's outputs as a function of its inputs, all by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from compiler.ir import CheckedGraph

Ask = Callable[[Sequence[NDArray[Any]]], list[NDArray[Any]]]
"""An exported model, loaded: from the inputs, (N, ...) each and in order, to the outputs in order."""


@dataclass(frozen=True, slots=True)
class Signature:
    """The names that a graph's inputs and outputs have in every form, in order."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def signature_of(graph: CheckedGraph) -> Signature:
    """An output is called by its key, or by its layer."""
    return Signature(
        tuple(node.name for node in graph.inputs), tuple(output.key or output.node for output in graph.outputs)
    )


def specs(model: Any) -> list[tf.TensorSpec]:
    """What enters: shape with an open batch (or the one that the model fixes), dtype and name of each input."""
    return [tf.TensorSpec(tensor.shape, tensor.dtype, name=tensor.name) for tensor in model.inputs]


def called(model: Any, xs: Sequence[Any]) -> list[Any]:
    """All outputs for inputs in order, as they are for use: what acts in training only does not."""
    return keras.tree.flatten(model(list(xs) if len(xs) > 1 else xs[0], training=False))


def function(model: Any, signature: Signature) -> Any:
    """The model as a TensorFlow function from its inputs to a mapping of its outputs."""

    @tf.function(input_signature=specs(model), autograph=False)
    def serve(*xs: Any) -> dict[str, Any]:
        return dict(zip(signature.outputs, called(model, xs), strict=True))

    return serve


def asking(model: Any, signature: Signature) -> Ask:
    """A Keras model to be asked as an exported one is: traced once for batches of every size."""
    serve = function(model, signature)

    def ask(xs: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        found = serve(*map(tf.convert_to_tensor, xs))
        return [np.asarray(found[name]) for name in signature.outputs]

    return ask
