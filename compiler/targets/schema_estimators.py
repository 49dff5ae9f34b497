"""Estimators as JSON Schema: what a model file with `estimator` holds, read off the typed parameters."""

from __future__ import annotations

from compiler.estimators import KEY, KINDS, Kind
from compiler.spec.model import SECTIONS
from compiler.targets.schema_ops import Definitions, Schema, closed, or_null


def estimator_sections() -> dict[str, Schema]:
    """The keys of such a file; what `params` holds hangs on `estimator`."""
    names = {"enum": list(KINDS), "enumDescriptions": [kind.summary for kind in KINDS.values()]}
    return {
        KEY: {"description": "In the place of layers: a model that is no network.", **names},
        "params": {"description": "Its parameters, by the names of its library.", "type": ["object", "null"]},
    }


def estimator_dependencies() -> dict[str, object]:
    """An estimator has no layers, and only it has parameters."""
    return {KEY: {"properties": dict.fromkeys(SECTIONS, False)}, "params": [KEY]}


def estimator_params(definitions: Definitions) -> list[Schema]:
    """A condition for each estimator: its parameters are its own."""
    return [
        {
            "if": {"properties": {KEY: {"const": name}}, "required": [KEY]},
            "then": {"properties": {"params": or_null(_params(name, kind, definitions))}},
        }
        for name, kind in KINDS.items()
    ]


def _params(name: str, kind: Kind, definitions: Definitions) -> Schema:
    """The parameters for classes and those for values."""
    found: dict[str, list[Schema]] = {}
    for cls in (kind.classifier, kind.regressor):
        for field, info in cls.model_fields.items():
            schema = definitions.argument(cls, field, info)
            found.setdefault(field, [])
            if schema not in found[field]:
                found[field].append(schema)
    properties = {field: ways[0] if len(ways) == 1 else {"anyOf": ways} for field, ways in found.items()}
    return definitions.add(f"params-{name}", closed(properties))
