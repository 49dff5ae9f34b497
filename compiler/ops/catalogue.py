"""Keras's layers without a declaration: their arguments are known, what they do to shapes is not.

`catalogue.json` is generated from the installed Keras by `python -m compiler.targets.keras_catalogue`; a test holds the
two together. A layer leaves the catalogue by being declared.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, cast

from pydantic import create_model

from compiler.ir import TensorType
from compiler.ops.base import Arity, Op, Signature

FILE = Path(__file__).with_name("catalogue.json")

LEFT_OUT = {
    "InputLayer": "inputs are declared under 'input' or 'inputs'",
    "InputSpec": "it is no layer, but what layers say of their inputs",
    "Layer": "it is abstract: a layer of your own is a plugin",
    "Wrapper": "it is abstract: Bidirectional, TimeDistributed and SpectralNormalization are wrappers",
}
"""Public classes of `keras.layers` that are neither declared nor in the catalogue, with the reason."""


class Opaque(Op, abstract=True):
    """Abstract: a Keras layer that only Keras can say the output of; one tensor in."""

    arity: ClassVar[Arity] = "one"

    def signature(self, inputs: Mapping[str, TensorType], precision: str) -> Signature:
        return Signature(output=None, weights=(), flops=None)


@cache
def _layers() -> Mapping[str, Mapping[str, Any]]:
    return json.loads(FILE.read_text(encoding="utf-8"))["layers"]


def names() -> tuple[str, ...]:
    """The layers of the catalogue, sorted."""
    return tuple(_layers())


@cache
def opaque(name: str) -> type[Op] | None:
    """The catalogue's layer `name` as an op, whose arguments take any value; None where it has no such layer.

    It is not registered in `OPS`.
    """
    entry = _layers().get(name)
    if entry is None:
        return None
    fields: dict[str, Any] = {
        argument: (Any, ... if facts.get("required") else facts["default"])
        for argument, facts in cast(Mapping[str, Mapping[str, object]], entry["arguments"]).items()
    }
    # Without `abstract` it would register itself.
    cls: type[Op] = create_model(
        name, __base__=Opaque, __module__=__name__, __cls_kwargs__={"abstract": True}, **fields
    )
    cls.keras = f"keras.layers.{name}"
    cls.__doc__ = f"Keras's {name}; its output is known at build."
    return cls
