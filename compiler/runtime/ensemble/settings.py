"""The `ensemble` section of the configuration, typed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from compiler.errors import Diagnostics, shown
from compiler.runtime.ensemble.methods import Uniform, Weighting
from compiler.runtime.ensemble.objectives import USUAL, Objective
from compiler.runtime.training.losses import Task
from compiler.runtime.training.named import chosen, named
from compiler.settings import (
    Annotation,
    Bool,
    InvalidSettings,
    MaybePositiveInt,
    NonNegativeInt,
    NonNegativeNumber,
    Settings,
    choice,
    field_error,
    is_int,
    is_number,
    is_str,
    nested_error,
    rule,
)
from compiler.spec.located import Map, validated


def _check_objective(value: object, name: str) -> object:
    if value is None or value == "auto":
        return None
    try:
        return chosen(Objective, value, name)
    except InvalidSettings as error:
        raise nested_error(error.problems) from None


def _objective_schema() -> Mapping[str, object]:
    return {"anyOf": [{"enum": ["auto", *Objective.known]}, {"type": "null"}]}


def _check_members(value: object, name: str) -> object:
    if isinstance(value, (str, Mapping)):
        value = [value]
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, (str, Mapping)) for item in value):
        raise field_error("E106", f"{name!r} must be a list of folders and selectors (got {shown(value)})")
    return tuple(value)


Alike = Annotated[
    float | None,
    rule("a number in (0, 1]", is_number, lambda v: 0 < v <= 1, {"type": "number", "maximum": 1}, none=True),
]
Name = Annotated[str, rule("a name without '/'", is_str, lambda v: "/" not in v and v.strip(" .") == v != "")]
Folds = Annotated[int, rule("an integer >= 2", is_int, lambda v: v >= 2, {"type": "integer", "minimum": 2})]


class EnsembleSettings(Settings):
    """How saved runs become an ensemble.

    Fields:
        name: what the run is called, in its record and at the end of its folder.
        members: which runs: folders, globs and selectors, as `selectors.py` has them.
        method: how the weights are found.
        objective: what they are fitted to; None: the task's usual one.
        pooling: the space in which predictions are pooled; `auto`: the one whose cross-validated weights are better.
        folds: of the cross-validation of the weights.
        bags: the weights are the mean of those of so many bootstrap draws of the rows; None: of the rows themselves.
        max_members: how many may have a weight; None: any number.
        near_duplicates: of members whose predictions correlate by more than this, the best one stays; None: all stay.
        temperature: whether the blend's temperature is fitted after the weights.
        diversity: weight of the mean ambiguity, which is taken off the objective.
        draws: of rows, for the paired bootstrap intervals.
        seed: of folds, bags, draws and methods that draw.
        test: whether the test split is scored.
        report: whether `report.html` is written.
    """

    name: Name = "ensemble"
    members: Annotated[tuple[str | Mapping[str, Any], ...], Annotation(_check_members, lambda: {"type": "array"})] = ()
    method: Annotated[Weighting, named(Weighting)] = Uniform()
    objective: Annotated[Objective | None, Annotation(_check_objective, _objective_schema)] = None
    pooling: Annotated[Literal["probability", "logit", "auto"], choice("probability", "logit", "auto")] = "probability"
    folds: Folds = 5
    bags: MaybePositiveInt = None
    max_members: MaybePositiveInt = None
    near_duplicates: Alike = None
    temperature: Bool = False
    diversity: NonNegativeNumber = 0.0
    draws: NonNegativeInt = 2000
    seed: NonNegativeInt = 0
    test: Bool = True
    report: Bool = True

    def objective_of(self, task: Task) -> Objective:
        """What weights are fitted to for a task."""
        return self.objective or USUAL[task]


def read_ensemble(section: Map, diagnostics: Diagnostics) -> EnsembleSettings | None:
    """The settings that the `ensemble` section describes; None, with the faults in `diagnostics`, if it is wrong."""
    return validated(EnsembleSettings, section, diagnostics, subject="ensemble")
