"""The JSON Schema of model files, for completion and checking in editors.

Draft 07: the YAML language server (VS Code's YAML extension, and what most other editors use) knows it in every
version, and nothing newer before 1.20. The form follows what that server does well:

- An op's arguments hang on a condition (`if` op is Conv2D, `then` ...), not on a `oneOf`. So what is wrong is told of
  the op that is meant, and the arguments of that op are completed.
- A value is `anyOf` what its rule says and an expression: completion looks into `anyOf`, and not into conditions.
- Texts stand beside `$ref`, where validators pass over them. `errorMessage` and `enumDescriptions` are its own words.

A schema cannot look from a call to the block of that name. So an `op` that begins with a capital letter is a layer, and
unknown where it is none; anything else may be a block. Blocks with capital letters compile, but editors underline them.
"""

from __future__ import annotations

import json

from compiler.ops import OPS
from compiler.spec.layers import STRUCTURAL
from compiler.spec.model import PARAM_TYPES, RESERVED
from compiler.targets.schema_estimators import estimator_dependencies, estimator_params, estimator_sections
from compiler.targets.schema_layers import entries
from compiler.targets.schema_ops import EXPRESSION, Definitions, Schema, closed, listed, mapped, or_null, ref

_IDENTIFIER = r"^[A-Za-z_\u0080-\uffff][0-9A-Za-z_\u0080-\uffff]*$"
_NAME = "[A-Za-z_][A-Za-z0-9_-]{0,99}$"
_NAMED = "a name is a letter, then letters, digits, '_' or '-', and not 'prev' or 'input'"
_BLOCK = "a block begins with a small letter, so that a misspelt layer can be told from it"

_WIDTH = 200  # of a line of the file


def model_schema() -> Schema:
    """The schema of a model file, with all ops that are registered: the user's own too, once they are imported."""
    definitions = Definitions()
    fixed = _values() | entries(definitions) | _sections(definitions)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "description": "A network as a list of layers, or an estimator with its parameters.",
        **_file(definitions),
        "definitions": dict(sorted((definitions.found | fixed).items())),
    }


def schema_text() -> str:
    """The schema as its file has it."""
    return _lines(model_schema(), "") + "\n"


def _lines(value: object, indent: str) -> str:
    """JSON with one line for whatever fits it."""
    line = json.dumps(value, allow_nan=False)
    if len(indent) + len(line) <= _WIDTH or not isinstance(value, (dict, list)):
        return line
    inner = indent + " "
    if isinstance(value, list):
        return "[\n" + ",\n".join(inner + _lines(item, inner) for item in value) + f"\n{indent}]"
    pairs = (f"{inner}{json.dumps(key)}: {_lines(item, inner)}" for key, item in value.items())
    return "{\n" + ",\n".join(pairs) + f"\n{indent}}}"


def _values() -> dict[str, Schema]:
    """Expressions, names and references."""
    return {
        "expression": {
            "description": "Computed: `$` and an expression over variables, or OmegaConf's `${...}`.",
            "type": "string",
            "pattern": r"^\$(?!\$)|\$\{",
            "errorMessage": "neither such a value nor an expression ($...)",
        },
        "identifier": {
            "pattern": _IDENTIFIER,
            "errorMessage": "a variable's name is a letter, then letters, digits or '_'",
        },
        "name": {
            "anyOf": [
                {"type": "string", "pattern": f"^(?!(prev|input)$){_NAME}", "errorMessage": _NAMED},
                EXPRESSION,
            ]
        },
        "reference": {
            "description": "A layer that stands earlier, by name; `prev` is the layer before, `input` what enters.",
            "type": "string",
            "minLength": 1,
            "errorMessage": "references go by name",
        },
        "references": {"anyOf": [ref("reference"), listed(ref("references"), minItems=1)]},
        "several-references": {
            "description": "A glob or an expression, which may mean several layers.",
            "type": "string",
            "pattern": r"\*|\$",
            "errorMessage": "several enter here: a list of names",
        },
    }


def _sections(definitions: Definitions) -> dict[str, Schema]:
    """Inputs, blocks and patches."""
    input_op = OPS["Input"]
    shape = definitions.argument(input_op, "shape", input_op.model_fields["shape"])
    params = mapped(ref("param"), propertyNames={"not": {"enum": list(RESERVED)}})
    block = closed(
        {
            "params": {**or_null(params), "description": "A type, and callers must give it; or a default."},
            "inputs": {
                "description": "Names of what enters, where that is more than one.",
                **listed({"type": "string"}, minItems=1, uniqueItems=True),
            },
            "blocks": ref("blocks", "Blocks of its own."),
            "layers": {"description": "One after another.", **or_null(ref("layers"))},
            "output": ref("reference", "What it gives, where that is not its last layer."),
        },
        required=["layers"],
    )
    names = {"pattern": "^[^A-Z]", "not": {"enum": list(STRUCTURAL)}, "errorMessage": _BLOCK}
    inserted = {"description": "A layer or a list of layers.", "anyOf": [ref("layer"), ref("layers")]}
    patch = {
        "type": "object",  # with the arguments to set, which are those of the layers that match
        "properties": {
            "insert_before": inserted,
            "insert_after": inserted,
            "replace": {**inserted, "description": "A layer or a list of layers; the last keeps the name."},
            "remove": {"description": "Takes it away.", "const": True},
        },
        "dependencies": {"remove": {"properties": {"replace": False}}},
    }
    return {
        "input": {"anyOf": [shape, definitions.record(input_op)]},
        "param": {"anyOf": [{"enum": list(PARAM_TYPES)}, {}]},
        "blocks": or_null(mapped(block, propertyNames=names)),
        "patch": {"anyOf": [{"enum": ["remove", None]}, patch]},
    }


def _globs() -> Schema:
    """A list of globs, of which the first takes nothing out."""
    glob = {"anyOf": [{"type": "string", "minLength": 1}, EXPRESSION]}
    first = {"anyOf": [{"type": "string", "pattern": "^[^!]", "errorMessage": "nothing is frozen before"}, EXPRESSION]}
    return {"type": "array", "items": [first], "additionalItems": glob}


def _file(definitions: Definitions) -> Schema:
    """The sections of a model file."""
    input_names = {"pattern": f"^(?!prev$){_NAME}", "errorMessage": _NAMED}
    outputs = [ref("references"), mapped(ref("reference"), minProperties=1), {"type": "null"}]
    variables = {"type": "object", "propertyNames": ref("identifier")}
    sections: dict[str, Schema] = {
        "input": ref("input", "The shape of one sample, without the batch: [28, 28, 1] or ${data.input_shape}."),
        "inputs": {
            "description": "Several inputs: their shapes by name.",
            **mapped(ref("input"), propertyNames=input_names, minProperties=1),
        },
        "vars": {
            "description": "Values for expressions, and what a sweep turns: model.vars.NAME=VALUE.",
            **or_null(variables),
        },
        "blocks": ref("blocks", "Lists of layers with names and params, called like layers."),
        "layers": ref("layers", "One after another."),
        "outputs": {
            "description": "A layer's name, a list of names, or names by key; the last layer where nothing is said.",
            "anyOf": outputs,
        },
        "patch": {
            "description": "Changes by globs over the names that `show` prints.",
            **or_null(mapped(ref("patch"))),
        },
        "freeze": {
            "description": "Globs over names: layers that training leaves as they are; '!GLOB' takes some out again.",
            "anyOf": [_globs(), EXPRESSION, {"type": "null"}],
        },
        "models": {
            "description": "Other model files that `op: model/NAME` means, put in here.",
            **or_null(mapped({"$ref": "#"})),
        },
        **estimator_sections(),
        "defaults": {
            "description": "Hydra's: files of this group that this one is laid over.",
            "type": "array",
        },
    }
    return {
        **closed(sections),
        "dependencies": {"input": {"properties": {"inputs": False}}, **estimator_dependencies()},
        "allOf": estimator_params(definitions),
        "if": {"anyOf": [{"required": ["defaults"]}, {"required": ["estimator"]}]},
        "else": {"required": ["layers"], "if": {"required": ["inputs"]}, "else": {"required": ["input"]}},
    }
