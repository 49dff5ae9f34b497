"""Estimators: their declarations against the installed libraries, their predictions against those used by hand."""

from __future__ import annotations

import importlib
import inspect

import pytest

from compiler.estimators import KINDS, Params
from compiler.estimators.base import COMMON

CLASSES = {cls.__name__: cls for kind in KINDS.values() for cls in (kind.classifier, kind.regressor)}


@pytest.mark.parametrize("cls", CLASSES.values(), ids=CLASSES)
def test_a_declaration_is_the_signature_of_its_class(cls: type[Params]) -> None:
    module, _, name = cls.of.partition(":")
    signature = inspect.signature(getattr(importlib.import_module(module), name).__init__)
    theirs = {p.name: p.default for p in signature.parameters.values() if p.name not in ("self", "kwargs")}
    ours = {name: field.default for name, field in cls.model_fields.items() if name not in cls.extra}
    assert set(theirs) == set(ours) | (set(cls.left_out) - (set(COMMON) - set(theirs)))
    assert not set(ours) & set(cls.left_out)
    assert ours == {name: theirs[name] for name in ours}
