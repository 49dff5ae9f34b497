"""An estimator's parameters: a typed class for each class of a library, with the library's own names and defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from compiler.settings import Settings, is_int, is_number, rule

Library = Literal["scikit-learn", "lightgbm", "xgboost"]

COMMON: dict[str, str] = {
    "random_state": "train.seed",
    "n_jobs": "all processors that this process may use",
    "class_weight": "train.class_weight",
    "verbose": "the run's own output",
    "verbosity": "the run's own output",
    "warm_start": "each run stands alone",
}
"""What libraries take as parameters and is said elsewhere here."""


class Params(Settings):
    """Abstract: the parameters of one class of a library.

    Class attributes:
        of: the class, as `module:name`.
        left_out: parameters of it that are not here, each with what stands in its place.
        extra: fields that are no parameters of the constructor but pass through it, as LightGBM takes them.
    """

    noun: ClassVar[str] = "parameter"
    of: ClassVar[str]
    left_out: ClassVar[Mapping[str, str]] = COMMON
    extra: ClassVar[tuple[str, ...]] = ()

    def arguments(self) -> dict[str, Any]:
        """What the constructor takes."""
        return {name: getattr(self, name) for name in type(self).model_fields}


@dataclass(frozen=True, slots=True)
class Kind:
    """One value of `estimator:` in a model file.

    Attributes:
        kind: what `run.json` says; three libraries boost trees.
        library: whose it is.
        classifier, regressor: the parameters for classes and for values.
        iterates: whether it learns in steps that have a loss each, so that `train.early_stopping` can end it.
        takes_missing: whether inputs may have NaN.
        summary: in a line, for editors and `check`.
    """

    kind: str
    library: Library
    classifier: type[Params]
    regressor: type[Params]
    iterates: bool
    takes_missing: bool
    summary: str

    def params(self, task: str) -> type[Params]:
        """The parameters for a task."""
        return self.regressor if task == "regression" else self.classifier


# --- rules that several parameters share ---------------------------------------------------------------------------

_INT: dict[str, object] = {"type": "integer"}
_NUM: dict[str, object] = {"type": "number"}


def at_least(least: int, *, none: bool = False) -> Any:
    """Annotation for an integer >= `least`, or null where `none`."""
    return rule(f"an integer >= {least}", is_int, lambda v: v >= least, {**_INT, "minimum": least}, none=none)


def int_within(least: int, most: int, *, none: bool = False) -> Any:
    """Annotation for an integer from `least` to `most`, or null where `none`."""
    schema = {**_INT, "minimum": least, "maximum": most}
    return rule(f"an integer from {least} to {most}", is_int, lambda v: least <= v <= most, schema, none=none)


def share(*, none: bool = False) -> Any:
    """Annotation for a number in (0, 1], or null where `none`."""
    schema = {**_NUM, "exclusiveMinimum": 0, "maximum": 1}
    return rule("a number in (0, 1]", is_number, lambda v: 0 < v <= 1, schema, none=none, convert=float)


def number_from(least: float, *, none: bool = False) -> Any:
    """Annotation for a finite number >= `least`, or null where `none`."""
    schema = {**_NUM, "minimum": least}
    words = f"a finite number >= {least:g}"
    return rule(words, is_number, lambda v: least <= v < float("inf"), schema, none=none)


def count_or_share(least: int, *, none: bool = False, one: bool = True) -> Any:
    """Annotation for a number of rows >= `least`, or a fraction of them in (0, 1]; without 1.0 unless `one`."""

    def right(value: float) -> bool:
        return value >= least if is_int(value) else 0 < value < 1 or (one and value == 1)

    closed = "]" if one else ")"
    words = f"an integer >= {least} or a fraction in (0, 1{closed}"
    schema = {"anyOf": [{**_INT, "minimum": least}, {**_NUM, "exclusiveMinimum": 0, "maximum": 1}]}
    return rule(words, is_number, right, schema, none=none)


MaxDepth = Annotated[int | None, at_least(1, none=True)]
MaxLeaves = Annotated[int | None, at_least(2, none=True)]
Share = Annotated[float, share()]
MaybeShare = Annotated[float | None, share(none=True)]
