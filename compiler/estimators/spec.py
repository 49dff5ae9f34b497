"""From the located tree of a model file with `estimator:` to a typed spec."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from omegaconf import OmegaConf

from compiler.errors import Diagnostics, Place, did_you_mean, shown
from compiler.estimators.base import Kind, Params
from compiler.estimators.registry import KINDS, SYNONYMS
from compiler.settings import InvalidSettings, non_defaults, validate
from compiler.spec.form import known_keys, mapping
from compiler.spec.located import Leaf, Map, plain, validated
from compiler.spec.model import empty_map

KEY = "estimator"
"""The key that tells a model file of an estimator from one of a network."""

SECTIONS = (KEY, "params")


@dataclass(frozen=True, slots=True)
class EstimatorSpec:
    """An estimator with all its parameters.

    Attributes:
        name: what `estimator:` says.
        params: typed, for the task.
        place: where `estimator:` says it.
        section: `params`, for the places of faults that the data show.
    """

    name: str
    params: Params
    place: Place
    section: Map

    @property
    def kind(self) -> Kind:
        return KINDS[self.name]

    def __str__(self) -> str:
        """What it is, in a line, and which parameters are not the library's defaults."""
        changed = ", ".join(f"{name} {value}" for name, value in non_defaults(self.params).items())
        return f"{self.kind.summary}, {changed or 'all parameters as the library has them'}"

    def canonical(self) -> dict[str, object]:
        """The model file that says all: defaults written out."""
        return {KEY: self.name, "params": self.params.arguments()}

    def yaml(self) -> str:
        """The canonical model file: it says the same alone."""
        return OmegaConf.to_yaml(OmegaConf.create(self.canonical()))

    @property
    def hash(self) -> str:
        """Sha256 of the canonical spec."""
        return hashlib.sha256(json.dumps(self.canonical(), sort_keys=True).encode()).hexdigest()


def is_estimator(tree: Map) -> bool:
    """Whether a model file is of an estimator rather than of a network."""
    return KEY in tree.entries


def parse_estimator(tree: Map, task: str | None, diagnostics: Diagnostics) -> EstimatorSpec | None:
    """The spec that `tree` describes; None, with the faults in `diagnostics`, where it describes none.

    Args:
        task: what the data are for; None where there are none, and the parameters may be those of any task.
    """
    known_keys(tree, SECTIONS, "a model file with 'estimator'", diagnostics)
    named = tree.entries[KEY]
    name = named.value if isinstance(named, Leaf) else None
    names = ", ".join(KINDS)
    if not isinstance(name, str):
        diagnostics.report("E106", f"{KEY!r} must be one of {names} (got {shown(plain(named))})", named.place)
        return None
    if name not in KINDS:
        diagnostics.report(
            "E117", f"unknown estimator {name!r}", named.place, hint=did_you_mean(name, KINDS) or f"one of {names}"
        )
        return None
    section = mapping(tree.get("params"), "params", diagnostics) or empty_map(tree.key_place("params"))
    cls = KINDS[name].params(task) if task else _best(KINDS[name], section)
    _elsewhere(name, cls, section, task, diagnostics)
    params = validated(cls, section, diagnostics, subject=name)
    return params and EstimatorSpec(name, params, named.place, section)


def _best(kind: Kind, section: Map) -> type[Params]:
    """The parameters of the task that `section` has the fewest problems with."""

    def problems(cls: type[Params]) -> int:
        try:
            validate(cls, {key: plain(value) for key, value in section.entries.items()})
        except InvalidSettings as error:
            return len(error.problems)
        return 0

    return min((kind.classifier, kind.regressor), key=problems)


def _elsewhere(name: str, cls: type[Params], section: Map, task: str | None, diagnostics: Diagnostics) -> None:
    """Report parameters that are unknown here with what stands in their place; others are left to validation."""
    for key in section.entries:
        if key in cls.model_fields:
            continue
        others = [other for other in (KINDS[name].classifier, KINDS[name].regressor) if key in other.model_fields]
        hint = None
        if key in cls.left_out:
            hint = f"in its place: {cls.left_out[key]}"
        elif others:
            hint = f"it is for {'classes' if task == 'regression' else 'values (task: regression)'} alone"
        elif synonyms := _synonyms(key, cls.model_fields):
            hint = f"{name} calls it {' or '.join(repr(synonym) for synonym in synonyms)}"
        if hint:
            message = f"{name!r} has no parameter {key!r}"
            diagnostics.report("E104", message, section.key_place(key), hint=hint)


def _synonyms(key: str, fields: Iterable[str]) -> list[str]:
    return [field for field in fields for words in SYNONYMS if key in words and field in words]
