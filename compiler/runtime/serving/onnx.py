"""ONNX, for onnxruntime and whatever else reads it; TensorFlow's graph is converted by tf2onnx."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf

from compiler.runtime.serving.signature import Ask, Signature, function, specs

OPSET = 18
"""The newest set of operators that tf2onnx 1.17 writes."""


def write(model: Any, signature: Signature, path: Path) -> None:
    import tf2onnx

    serve = function(model, signature)
    proto, _ = tf2onnx.convert.from_function(serve, specs(model), opset=OPSET)
    _put_in_constants(proto.graph, serve)
    for value in (*proto.graph.input, *proto.graph.output):
        batch = value.type.tensor_type.shape.dim[0]
        if not batch.HasField("dim_value"):  # else they would be called unk__20 and unk__21
            batch.dim_param = "batch"
    path.write_bytes(proto.SerializeToString())


def _put_in_constants(graph: Any, serve: Any) -> None:
    """tf2onnx takes a tensor that a layer holds, such as the mean of a Normalization, for one more input."""
    from onnx import numpy_helper

    held = {
        inside.name: outside.numpy()
        for outside, inside in serve.get_concrete_function().graph.captures
        if outside.dtype != tf.resource
    }
    for entering in [value for value in graph.input if value.name in held]:
        graph.input.remove(entering)
        graph.initializer.append(numpy_helper.from_array(held[entering.name], entering.name))


def read(path: Path, signature: Signature) -> Ask:
    import onnxruntime

    session: Any = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [entering.name for entering in session.get_inputs()]
    return lambda xs: session.run(list(signature.outputs), dict(zip(names, xs, strict=True)))
