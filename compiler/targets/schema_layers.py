"""The entries of lists of layers as JSON Schema: reserved keys, structural ops, what may enter, layers in layers."""

from __future__ import annotations

from collections.abc import Mapping

from compiler.ops import OPS, NamedOp, Op
from compiler.ops.functions.base import Function, Tensors
from compiler.ops.objects import ACTIVATION_LAYERS
from compiler.spec.layers import STRUCTURAL
from compiler.spec.model import RESERVED
from compiler.targets.schema_ops import (
    EXPRESSION,
    RESERVED_KEYS,
    Definitions,
    Schema,
    closed,
    enum_of,
    listed,
    mapped,
    names_by_class,
    not_reserved,
    op_is,
    op_names,
    ops,
    or_null,
    ref,
    required,
)

_TEXTS = {
    "residual": "What its layers make of their input, added to the input, or to what `shortcut` makes of it.",
    "branches": "Several paths that take the same input, and the merge of their ends.",
    "sequence": "A list of layers under one name: for a `repeat`, `each` or `when` over all of them.",
}
_UNKNOWN = "no such layer; blocks begin with a small letter, and a layer of another file with model/"
_BARE = "no such layer, or one that needs arguments: {op: NAME, ...}"

_NAME: Schema = ref("reference")
_SEVERAL: Schema = ref("several-references")


def entries(definitions: Definitions) -> dict[str, Schema]:
    """Definitions of lists of layers and all that stands in them."""
    layers = {name: cls for name, cls in ops().items() if name != "Input" and cls.arity != "cell"}
    cells = {name: cls for name, cls in OPS.items() if cls.arity == "cell"}
    bare = {name: cls for name, cls in layers.items() if not required(cls) and _may_lack_from(cls)}
    nested = {name: cls for name, cls in layers.items() if name in OPS and not issubclass(cls, Function)}
    merges = {name: cls for name, cls in OPS.items() if cls.arity == "many"}
    other = {"type": "string", "pattern": r"^(?!ops\.)[^A-Z]", "errorMessage": _UNKNOWN}
    known = enum_of(layers, _UNKNOWN)
    known["enum"] += STRUCTURAL
    known["enumDescriptions"] += _TEXTS.values()
    return {
        "layers": listed(ref("layer")),
        "layer": {
            "if": {"type": "object"},
            "then": ref("entry"),
            "else": {"anyOf": [ref("bare"), {**other, "not": {"enum": list(STRUCTURAL)}}]},
            "anyOf": [ref("bare"), {}],  # always true: it is there to be completed
        },
        "bare": enum_of(bare, _BARE),
        "entry": {
            "type": "object",
            "properties": {"op": ref("op"), **_reserved()},
            "dependencies": {
                "repeat": {"properties": {"each": False}},
                "share": closed({key: True for key in RESERVED if key != "op"}),
            },
            "if": {"required": ["share"]},
            "else": {
                "required": ["op"],
                "allOf": [ref("arguments"), ref("wiring"), *({"if": op_is(op), "then": ref(op)} for op in STRUCTURAL)],
            },
        },
        "op": {"anyOf": [known, other]},
        "arguments": {"allOf": definitions.records(layers)},
        "wiring": {"allOf": _wiring(layers)},
        "from": {"anyOf": [ref("references"), mapped(_NAME, minProperties=1)]},
        "nested": _inside(nested, ref("arguments")),
        "merge": _inside(merges, ref("arguments")),
        "cell": _inside(cells, {"allOf": definitions.records(cells)}),
        "activation-layer": _inside({name: OPS[name] for name in ACTIVATION_LAYERS}, ref("arguments")),
        **_structural(),
    }


def _inside(known: Mapping[str, type[Op]], arguments: Schema) -> Schema:
    """A layer inside of an argument: by its name, or as a mapping with its arguments and without reserved keys."""
    bare = {name: cls for name, cls in known.items() if not required(cls)}
    mapping = {
        "type": "object",
        "required": ["op"],
        "properties": {"op": op_names(known, "no such layer here"), **not_reserved()},
        "allOf": [arguments],
    }
    return {"anyOf": [enum_of(bare, _BARE), mapping, EXPRESSION]}


def _reserved() -> dict[str, Schema]:
    """The reserved keys besides `op`."""
    when = {"anyOf": [{"type": ["boolean", "number"]}, EXPRESSION]}
    times = {"anyOf": [{"type": "integer", "minimum": 0}, EXPRESSION]}
    columns = {"anyOf": [{"type": "array"}, EXPRESSION]}
    return {
        "share": ref("reference", "In the place of `op`: calls an earlier layer or block again, with its weights."),
        "name": ref("name", "What others call it; its op where nothing is said."),
        "from": ref("from", "What enters: a name, a list, or names by argument; `prev` where nothing is said."),
        "when": {"description": "Left out unless this is true.", **when},
        "repeat": {"description": "Copies one after another; `$i` counts them from 0.", **times},
        "each": {
            "description": "Lists that run side by side: a copy for each position, with these variables.",
            **mapped(columns, minProperties=1, propertyNames=ref("identifier")),
        },
    }


def _structural() -> dict[str, Schema]:
    """`residual`, `branches` and `sequence`."""
    layers = or_null(ref("layers"))
    paths = [listed(layers), mapped(layers, propertyNames={"pattern": "^(?!merge$)[A-Za-z0-9_-]{1,100}$"})]
    keys: dict[str, Schema] = {
        "layers": {"description": "One after another.", **layers},
        "shortcut": {"description": "What the input goes through before it is added; nothing by default.", **layers},
        "paths": {"description": "Lists of layers, by name or not; an empty one passes its input on.", "anyOf": paths},
        "merge": ref("merge", "How the ends are joined: Add in a residual, Concatenate in branches, or another merge."),
    }
    return {
        op: closed(
            {"op": {"description": _TEXTS[op]}, **{key: keys[key] for key in arguments}},
            title=op,
            description=_TEXTS[op],
            required=[arguments[0]],
            patternProperties=RESERVED_KEYS,
        )
        for op, arguments in STRUCTURAL.items()
    }


# --- what enters ---


def _wiring(layers: Mapping[str, type[Op]]) -> list[Schema]:
    """What `from` may be, by the number of tensors that an op takes and whether it names them."""
    one, many = list(STRUCTURAL), dict[int, list[str]]()
    rules: list[Schema] = []
    for cls, names in names_by_class(layers).values():
        if issubclass(cls, Tensors):
            rules.append(_enters_or_numbers(cls, names))
        elif issubclass(cls, NamedOp):
            rules.append(_enters(names, [_operands(cls), *_at_least(cls.required)], needed=cls.required > 1))
        else:
            op = layers[names[0]]
            (many.setdefault(op.least, []) if op.arity == "many" else one).extend(names)
    single = [_NAME, listed(ref("references"), minItems=1, maxItems=1)]
    lists = [_enters(several, _at_least(least), needed=least > 1) for least, several in many.items()]
    return [_enters(one, single, needed=False), *lists, *rules]


def _enters(names: list[str], forms: list[Schema], *, needed: bool) -> Schema:
    then: Schema = {"properties": {"from": {"anyOf": forms}}}
    return {"if": op_is(*names), "then": {**then, "required": ["from"]} if needed else then}


def _enters_or_numbers(cls: type[Tensors], names: list[str]) -> Schema:
    """What may enter a function: a tensor for each operand that no number stands for."""
    numbers = [name for name in cls.operands if name in cls.model_fields]
    forms = [_operands(cls), *_at_least(1 if numbers else len(cls.operands))]
    given = {"anyOf": [{"required": [name]} for name in ("from", *numbers)]}
    return {"if": op_is(*names), "then": {"properties": {"from": {"anyOf": forms}}, **given}}


def _may_lack_from(cls: type[Op]) -> bool:
    if issubclass(cls, Tensors):
        return False
    return cls.required < 2 if issubclass(cls, NamedOp) else cls.arity == "one" or cls.least < 2


def _operands(cls: type[NamedOp]) -> Schema:
    """Names by the call's arguments."""
    return closed(dict.fromkeys(cls.operands, _NAME), required=list(cls.operands[: cls.required]))


def _at_least(least: int) -> list[Schema]:
    """Forms of `from` that name `least` tensors: a list, or a glob or an expression, which may mean several."""
    names = listed(ref("references"), minItems=1)
    if least < 2:
        return [_NAME, names]
    return [_SEVERAL, {**names, "anyOf": [{"minItems": least}, {"contains": {"anyOf": [_SEVERAL, {"type": "array"}]}}]}]
