"""Ops and the objects in their arguments as JSON Schema: one definition for each, read off its fields."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterable, Mapping
from itertools import count
from typing import Any

from pydantic.fields import FieldInfo

from compiler.ops import OPS, Op
from compiler.ops.base import FLOATS
from compiler.ops.catalogue import names as catalogue_names
from compiler.ops.catalogue import opaque
from compiler.ops.objects import ACTIVATIONS, OBJECTS, KerasObject, Kind
from compiler.settings import Annotation, Settings, plain
from compiler.spec.model import RESERVED

Schema = dict[str, Any]


def ref(name: str, description: str | None = None) -> Schema:
    """What is defined as `name`, with a text of its own here."""
    return {"$ref": f"#/definitions/{name}", **({"description": description} if description else {})}


def closed(properties: Mapping[str, object], **more: object) -> Schema:
    """A mapping with these keys alone."""
    return {"type": "object", "properties": dict(properties), "additionalProperties": False, **more}


def mapped(value: Schema, **more: object) -> Schema:
    """A mapping of any keys to such values."""
    return {"type": "object", "additionalProperties": value, **more}


def listed(items: Schema, **more: object) -> Schema:
    return {"type": "array", "items": items, **more}


def or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


EXPRESSION = ref("expression")
RESERVED_KEYS: Schema = {f"^({'|'.join(key for key in RESERVED if key != 'share')})$": True}
"""For `patternProperties` of an op's arguments: what the keys may be is said where they can stand."""

_INSIDE = {"#/$defs/layer": "nested", "#/$defs/cell": "cell", "#/$defs/activation": "activation-layer"}
"""What a field's rule calls an op inside of an argument, and what its definition is called here."""

_NAMES = 8  # an enum of more values is not told in words: editors list it anyway
_LONG = {repr(ACTIVATIONS[0]): "the name of an activation", repr(FLOATS[0]): "the name of a dtype"}

_MEANINGS = {
    "trainable": "whether training changes its weights",
    "dtype": "what it computes in, where that is not the model's",
    "activity_regularizer": "a penalty on its output",
    "activation": "what its output goes through at last",
    "use_bias": "whether a learned vector is added",
    "data_format": "where the channels stand; null is channels_last",
    "seed": "of its random numbers; null is Keras's global seed",
    "filters": "output channels",
    "kernel_size": "the extent of the kernel along each axis",
    "pool_size": "the extent of a window along each axis",
    "strides": "how far the window moves",
    "dilation_rate": "the distance between the inputs of a kernel",
    "padding": "`valid` is none, `same` keeps the size where strides are 1",
    "groups": "into how many groups of channels it is divided",
    "depth_multiplier": "output channels for each input channel",
    "keepdims": "whether the axes that it works over stay, with size 1",
    "epsilon": "added to the variance, against division by zero",
    "momentum": "of the moving averages: how much of the old value stays",
    "rate": "the share that is dropped",
    "recurrent_dropout": "the share of the state that is dropped",
    "lora_rank": "learns only a change of the kernel of this rank",
    "lora_alpha": "the scale of that change",
    "value_range": "the smallest and the largest value of a pixel",
    "return_sequences": "whether it gives the output of all steps, and not of the last alone",
    "go_backwards": "whether it runs from the last step to the first",
    "use_causal_mask": "whether a step sees only those before it",
    "broadcast": "whether inputs of different shapes may be merged",
}
"""What arguments mean that many layers have in common."""

_WEIGHT = re.compile(r"(?P<weight>\w+)_(?P<what>initializer|regularizer|constraint)")
_OF_WEIGHT = {
    "initializer": "how `{}` begins",
    "regularizer": "a penalty on `{}`",
    "constraint": "what `{}` must keep to",
}


def described(cls: type[object]) -> str:
    """A class's docstring, with the lines of a paragraph joined."""
    return re.sub(r"(?<!\n)\n(?!\n)", " ", inspect.cleandoc(cls.__doc__ or ""))


def ops() -> dict[str, type[Op]]:
    """Every op that a model file can name, by all its names: the declared ones, then those of the catalogue."""
    rest = {name: cls for name in catalogue_names() if name not in OPS and (cls := opaque(name)) is not None}
    return {**OPS, **rest}


def names_by_class(known: Mapping[str, type[Settings]]) -> dict[str, tuple[type[Settings], list[str]]]:
    """Each class of `known` with all its names, by its own."""
    classes = {cls.__name__: cls for cls in known.values()}
    return {own: (cls, [name for name, other in known.items() if other is cls]) for own, cls in classes.items()}


def required(cls: type[Settings]) -> list[str]:
    """The fields without a default."""
    return [name for name, field in cls.model_fields.items() if field.is_required()]


class Definitions:
    """Collects definitions; equal ones are one."""

    def __init__(self) -> None:
        self.found: dict[str, Schema] = {}
        self._names: dict[str, str] = {}  # by content

    def add(self, name: str, schema: Schema) -> Schema:
        """The reference to `schema`, which is kept unless it is there: as `name`, with a number where that is taken."""
        content = json.dumps(schema)
        if content not in self._names:
            taken = (f"{name}-{number}" if number > 1 else name for number in count(1))
            self._names[content] = next(key for key in taken if key not in self.found)
            self.found[self._names[content]] = schema
        return ref(self._names[content])

    # --- records ---

    def records(self, known: Mapping[str, type[Settings]]) -> list[Schema]:
        """A condition for each class of `known`: where `op` names it, the arguments are its own."""
        return [{"if": op_is(*names), "then": self.record(cls)} for cls, names in names_by_class(known).values()]

    def record(self, cls: type[Settings]) -> Schema:
        """The arguments of a class: its own, then those that every layer has. Reserved keys pass."""
        fields = sorted(cls.model_fields.items(), key=lambda item: item[0] in Op.model_fields)
        schema: Schema = {
            "title": cls.__name__,
            "description": described(cls),
            "type": "object",
            "properties": {
                "op": {"description": described(cls)},
                **{name: self.argument(cls, name, field) for name, field in fields},
            },
            "patternProperties": RESERVED_KEYS,
            "additionalProperties": False,
        }
        return self.add(_label(cls), {**schema, **({"required": needed} if (needed := required(cls)) else {})})

    def argument(self, cls: type[Settings], name: str, field: FieldInfo) -> Schema:
        rule = next((item for item in field.metadata if isinstance(item, Annotation)), None)
        value = self.value(rule) if rule is not None else {}
        description = _text(cls, name, rule, field)
        default = {} if field.is_required() else {"default": plain(field.default)}
        return self.add(f"{_label(cls)}.{name}", {**value, "description": description, **default})

    # --- values ---

    def value(self, rule: Annotation) -> Schema:
        """What a rule takes, and expressions in its place or inside of it."""
        schema = self.open(dict(rule.schema()))
        if not schema or "$ref" in schema:
            return schema
        label = re.sub(r"[^A-Za-z0-9]+", "-", words(rule).replace(">=", "from").replace(">", "over")).strip("-")
        return self.add(label, schema)

    def open(self, schema: Schema) -> Schema:
        """`schema`, with an expression allowed wherever a value is."""
        if not schema:
            return {}
        alternatives = [self.inside(part) for part in _alternatives(schema)]
        return {"anyOf": [*alternatives, EXPRESSION]}

    def inside(self, schema: Schema) -> Schema:
        """One form of a value: objects and layers have definitions of their own, and the parts of others are opened."""
        if "$ref" in schema:
            return ref(_INSIDE[schema["$ref"]])
        if (kind := kind_of(schema)) is not None:
            return self.object(kind) if "properties" in schema else enum_of(OBJECTS[kind], f"unknown {kind}")
        parts: Schema = {}
        if "items" in schema:
            parts["items"] = self.open(schema["items"])
        if "properties" in schema:
            parts["properties"] = {key: self.open(value) for key, value in schema["properties"].items()}
        return {**schema, **parts}

    def object(self, kind: Kind) -> Schema:
        """`{op: NAME, ...}` for an initializer, a regularizer or a constraint."""
        known = OBJECTS[kind]
        schema: Schema = {
            "type": "object",
            "required": ["op"],
            "properties": {"op": op_names(known, f"unknown {kind}"), **not_reserved()},
            "allOf": self.records(known),
        }
        return self.add(kind, schema)


def _label(cls: type[Settings]) -> str:
    """What a class's definition is called: an initializer Identity is not the layer."""
    return f"{cls.kind}.{cls.__name__}" if issubclass(cls, KerasObject) else cls.__name__


def op_names(known: Mapping[str, type[Settings]], message: str) -> Schema:
    """An `op` that is one of the names of `known`, or an expression."""
    return {"anyOf": [enum_of(known, message), EXPRESSION]}


def enum_of(known: Mapping[str, type[Settings]], message: str) -> Schema:
    """The names of `known`; editors show what each is, and `message` for any other."""
    names = sorted(known)
    texts = [described(known[name]).split("\n\n")[0] for name in names]
    return {"enum": names, "enumDescriptions": texts, "errorMessage": message}


def not_reserved() -> dict[str, bool]:
    """Reserved keys, refused: what stands inside of an argument has arguments only."""
    return {key: False for key in RESERVED if key != "op"}


def words(rule: Annotation) -> str:
    """What a rule expects, in words."""
    if rule.words:
        return rule.words
    alternatives = [dict(part) for part in _alternatives(dict(rule.schema()))]
    kind = next((kind for part in alternatives if (kind := kind_of(part))), None)
    layer = any("$ref" in part for part in alternatives)
    if kind is None and not layer:
        return " or ".join(_worded(part) for part in alternatives)
    what = f"{'an' if kind == 'initializer' else 'a'} {kind}" if kind else "a layer"
    null = " or null" if {"type": "null"} in alternatives else ""
    return f"{what}, by its name or as {{op: NAME, ...}}{null}"


def _worded(schema: Schema) -> str:
    values = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if values is not None:
        said = [repr(value) if isinstance(value, str) else _as_yaml(value) for value in values if value is not None]
        some = ", ".join(said) if len(said) <= _NAMES else _LONG.get(said[0], "a name")
        return f"{some} or null" if None in values else some
    return {"object": "a mapping", "array": "a list"}.get(schema["type"], str(schema["type"]))


def kind_of(schema: Schema) -> Kind | None:
    """The kind of object that `schema` is of, by its names: the enum itself, or that of its `op`."""
    names: object = schema.get("properties", {}).get("op", schema).get("enum")
    return next((kind for kind, known in OBJECTS.items() if names == sorted(known)), None)


def _alternatives(schema: Schema) -> Iterable[Schema]:
    """The parts of nested `anyOf`s, one after another."""
    if set(schema) != {"anyOf"}:
        return (schema,)
    return tuple(inner for part in schema["anyOf"] for inner in _alternatives(part))


def op_is(*names: str) -> Schema:
    """The condition that `op` is one of `names`: by a pattern, since editors take a part of a name for an enum."""
    pattern = f"^({'|'.join(map(re.escape, names))})$"
    return {"properties": {"op": {"type": "string", "pattern": pattern}}, "required": ["op"]}


def _text(cls: type[Settings], name: str, rule: Annotation | None, field: FieldInfo) -> str:
    """What an argument takes and means: its rule in words, and what its class's docstring says of it."""
    sentences = [words(rule) if rule is not None else "what Keras takes"]
    weight = _WEIGHT.fullmatch(name)
    if weight is not None:
        sentences.append(_OF_WEIGHT[weight["what"]].format(weight["weight"]))
    elif name in _MEANINGS:
        sentences.append(_MEANINGS[name])
    paragraphs = described(cls).split("\n\n")
    said = [part for paragraph in paragraphs for part in re.split(r"(?<=[^.\d]\.) (?=[A-Z`])", paragraph)]
    sentences += [part.rstrip(".") for part in said if f"`{name}`" in part or f"`{name}:" in part]
    sentences.append("required" if field.is_required() else f"default: {_as_yaml(plain(field.default))}")
    return " ".join(f"{sentence[:1].upper()}{sentence[1:]}." for sentence in sentences)


def _as_yaml(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_as_yaml(item)}" for key, item in value.items()) + "}"
    return "[" + ", ".join(map(_as_yaml, value)) + "]" if isinstance(value, list) else str(value)
