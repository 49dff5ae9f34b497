"""TFLite, for phones and small machines; read by LiteRT, its interpreter's name today."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf

from compiler.runtime.serving.signature import Ask, Signature, function


def write(model: Any, signature: Signature, path: Path) -> None:
    """Only TFLite's own operators are used, so that every interpreter can run it.

    Recurrent layers are unrolled: a loop over a list of tensors has no form there while the batch is open.
    """
    for layer in model._flatten_layers():
        if hasattr(layer, "unroll"):
            layer.unroll = True
    holder: Any = tf.Module()
    holder.variables_of_the_model = [variable.value for variable in model.variables]  # else they are not converted
    concrete = function(model, signature).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], holder)
    path.write_bytes(converter.convert())


def read(path: Path, signature: Signature) -> Ask:
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(str(path)).get_signature_runner()
    names = list(signature.inputs)

    def ask(xs: Any) -> list[Any]:
        found = runner(**dict(zip(names, xs, strict=True)))
        return [found[name] for name in signature.outputs]

    return ask
