"""A layer of a Keras config as an op of ours with its canonical arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from compiler.errors import did_you_mean
from compiler.importer.keras_values import Inexpressible, arguments
from compiler.ops import OPS, REFUSED, Op
from compiler.ops.catalogue import names as catalogue_names
from compiler.ops.functions.base import Function
from compiler.ops.functions.operations import function_of
from compiler.settings import InvalidSettings, non_defaults, validate
from compiler.spec.layers import find_op

Entry = Mapping[str, Any]
"""One layer as Keras's JSON has it: `module`, `class_name`, `config`, `registered_name`, `inbound_nodes`."""


class Refused(Exception):
    """A layer that cannot be brought over: (code, message, hint) for each reason."""

    def __init__(self, *reasons: tuple[str, str, str | None]) -> None:
        self.reasons = reasons
        super().__init__("; ".join(message for _, message, _ in reasons))


_FOLLOWS: Mapping[str, frozenset[str]] = {
    "IntegerLookup": frozenset(["vocabulary_size"]),
    "LayerScale": frozenset(["projection_dim"]),  # keras.applications' own; the number of channels tells it
    "StringLookup": frozenset(["vocabulary_size", "oov_method"]),  # the method is one for integers
    "TextVectorization": frozenset(["vocabulary_size"]),
}
"""What layers' configs have besides our arguments, and what follows from those or says nothing."""


def op_of(entry: Entry) -> type[Op]:
    """The op that a layer's class is.

    Raises:
        Refused: it is refused (E103) or not known (E102).
    """
    name = str(entry.get("class_name"))
    if name in REFUSED:
        raise Refused(("E103", f"{name!r} is refused: {REFUSED[name]}", None))
    module = str(entry.get("module"))
    if module.startswith(_OPERATIONS):
        found = function_of(module, name)
        if found is None:
            raise Refused(("E905", f"the operation {name!r} has no form here", "a layer of your own can do the same"))
        return found
    registered = str(entry.get("registered_name") or "")
    keras_own = module in ("keras.layers", "None") or module.startswith(
        ("keras.src.layers.", "keras.src.applications.")
    )
    found = find_op(name)
    if found is None or name == "Input" or not (keras_own or registered in (name, f"lamina>{name}", f"Custom>{name}")):
        hint = did_you_mean(name, (*OPS, *catalogue_names())) if found is None else None
        message = f"unknown layer {registered or name!r} of the module {module!r}"
        raise Refused(("E102", message, hint or "declare it as an op of your own, and name its module under 'plugins'"))
    return found


_KERAS = ("keras.src.layers.", "keras.src.applications.")
"""Where Keras's own layers are, the public ones and those of its networks."""

TRAINING = (
    *("AugMix", "AutoContrast", "CenterCrop", "ContrastLimited", "CutMix", "Equalization", "MaxNumBoundingBoxes"),
    *("MixUp", "Pipeline", "RandAugment", "Random", "Resizing", "Solarization"),
)
"""How the layers are called whose call takes `training=True` by default, which Keras then writes down."""

_OPERATIONS = "keras.src.ops."
"""Where the operations are that functions of `keras.ops` leave in a model."""


def canonical_arguments(
    cls: type[Op], entry: Entry, call: Mapping[str, object], precision: str = "float32"
) -> dict[str, object]:
    """A layer's arguments, defaults left out, in declared order.

    Args:
        call: arguments of its call that are no tensors.
        precision: the model's dtype policy, which layers do not repeat.

    Raises:
        Refused: with a reason for every argument that does not fit.
    """
    config: Mapping[str, Any] = entry.get("config") or {}
    try:
        found = arguments(config)
    except Inexpressible as reason:
        raise Refused(("E905", f"it holds what no model file can: {reason}", None)) from None
    return validated(cls, {**_as_declared(cls, found, precision), **call})


def validated(cls: type[Op], given: Mapping[str, object]) -> dict[str, object]:
    """Arguments without defaults, in declared order.

    Raises:
        Refused: with a reason for every argument that does not fit.
    """
    try:
        return non_defaults(validate(cls, given))
    except InvalidSettings as error:
        raise Refused(*((problem.code, problem.message, problem.hint) for problem in error.problems)) from None


def _as_declared(cls: type[Op], found: Mapping[str, object], precision: str) -> dict[str, object]:
    """Arguments without what Keras has filled in for the defaults of its own constructors."""
    kept: dict[str, object] = {}
    for name, value in found.items():
        field = cls.model_fields.get(name)
        if field is None and (value is None or value is False or name in _FOLLOWS.get(cls.__name__, ())):
            continue  # an argument that we do not know, and that is off
        default = field.default if field else None
        if name == "axis" and value == []:
            kept[name] = None
        elif name == "axis" and cls.__name__ not in _AXES:
            kept[name] = value
        elif name == "dtype" and value == precision and not issubclass(cls, Function):
            continue
        elif issubclass(cls, Function) or not _filled_in(name, value, default, found):
            kept[name] = _inner(value, precision)
    return kept


_AXES = ("LayerNormalization", "Normalization", "RMSNormalization")
"""Layers that make a list of one axis."""

_TAKEN_FROM = {"strides": "pool_size", "value_dim": "key_dim", "lora_alpha": "lora_rank"}
"""Arguments that are another one's value where nothing is said."""


def _filled_in(name: str, value: object, default: object, found: Mapping[str, object]) -> bool:
    """Whether Keras writes a value where its constructor was given the default."""
    if default is not None:
        several = cast(list[object], value) if name == "axis" and isinstance(value, list) else []
        return several == [default]
    match name:
        case "activation" | "recurrent_activation":
            return value == "linear"
        case "data_format":
            return value == "channels_last"
        case "backward_layer":
            return _turned(value) == found.get("layer")
        case _:
            return name in _TAKEN_FROM and value == found.get(_TAKEN_FROM[name])


def _turned(layer: object) -> object:
    """A recurrent layer's config as that of the layer for the other direction."""
    if not isinstance(layer, Mapping):
        return layer
    config = cast(Mapping[str, object], layer)
    return {**config, "go_backwards": not config.get("go_backwards", False)}


def _inner(value: object, precision: str) -> object:
    """Layers inside an argument, as declared too."""
    if isinstance(value, list):
        return [_inner(item, precision) for item in cast(list[object], value)]
    nested = dict(cast(Mapping[str, object], value)) if isinstance(value, Mapping) else {}
    if nested.get("zero_output_for_mask") == nested.get("return_sequences"):
        nested.pop("zero_output_for_mask", None)  # as Bidirectional sets it; without a mask it says nothing
    op = str(nested.pop("op", ""))
    cls = OPS.get(op) or find_op(op)  # a cell is no layer by itself, but stands inside one
    return cast(object, value) if cls is None else {"op": cls.__name__, **_as_declared(cls, nested, precision)}
