"""The objects inside arguments against the installed Keras: names, aliases, arguments and defaults."""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import Any

import pytest
from pydantic import TypeAdapter

from compiler.ops.objects import (
    ACTIVATIONS,
    OBJECTS,
    Initializer,
    KerasObject,
    Kind,
    MaybeConstraint,
    MaybeRegularizer,
)
from compiler.settings import plain
from tests.ops.as_keras import keras_value

MISSING: dict[Kind, dict[str, str]] = {
    "initializer": {
        "Initializer": "the abstract base",
    },
    "regularizer": {"Regularizer": "the abstract base"},
    "constraint": {"Constraint": "the abstract base"},
}
"""Keras's names that are not ours, with the reason."""

UNKNOWN_ACTIVATIONS = {
    "glu": "halves the last axis, which a layer's shape rule in Keras does not know",
    "get": "a function about activations",
    "serialize": "a function about activations",
    "deserialize": "a function about activations",
}

FIELDS: dict[Kind, Any] = {"initializer": Initializer, "regularizer": MaybeRegularizer, "constraint": MaybeConstraint}

every_name = pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, names in OBJECTS.items() for name in names]
)
every_class = pytest.mark.parametrize("cls", sorted({c for names in OBJECTS.values() for c in names.values()}, key=str))


def module_of(kind: Kind) -> ModuleType:
    import keras

    return {"initializer": keras.initializers, "regularizer": keras.regularizers, "constraint": keras.constraints}[kind]


@pytest.mark.parametrize("kind", list(OBJECTS))
def test_all_of_keras_classes_are_declared(kind: Kind) -> None:
    module = module_of(kind)
    theirs = {name for name in dir(module) if inspect.isclass(getattr(module, name))}
    assert theirs - {*OBJECTS[kind]} == {*MISSING[kind]}
    assert all(known_to_keras(kind, name) for name in OBJECTS[kind])


def known_to_keras(kind: Kind, name: str) -> bool:
    """Whether Keras looks `name` up to the same class as we do."""
    module = module_of(kind)
    found = getattr(module, name, None)
    if found is None:
        try:
            found = type(module.get(name))
        except ValueError:
            return False
    return found.__name__ == OBJECTS[kind][name].__name__


@every_class
def test_arguments_and_defaults_are_keras_own(cls: type[KerasObject]) -> None:
    parameters = inspect.signature(getattr(module_of(cls.kind), cls.__name__)).parameters
    theirs = {name: parameter.default for name, parameter in parameters.items()}
    assert {name: field.default for name, field in cls.model_fields.items()} == theirs


@every_name
def test_what_a_name_becomes_is_what_keras_has(kind: Kind, name: str) -> None:
    value = plain(TypeAdapter(FIELDS[kind]).validate_python(name))
    assert type(module_of(kind).get(keras_value(kind, value))).__name__ == OBJECTS[kind][name].__name__


@pytest.mark.parametrize("kind", list(OBJECTS))
def test_names_for_one_object_are_one_value(kind: Kind) -> None:
    field = TypeAdapter(FIELDS[kind])
    values: dict[type[KerasObject], list[object]] = {}
    for name, cls in OBJECTS[kind].items():
        values.setdefault(cls, []).extend(plain(field.validate_python(form)) for form in (name, {"op": name}))
    for cls, forms in values.items():
        assert all(form == forms[0] for form in forms), cls


def test_activations_are_keras_own() -> None:
    import keras

    assert {name for name in dir(keras.activations) if not name.startswith("_")} ^ {*ACTIVATIONS} == {
        *UNKNOWN_ACTIVATIONS
    }
    for name in ACTIVATIONS:
        assert keras.activations.get(name) is not None
