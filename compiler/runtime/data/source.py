"""A data source: its typed keys, how it reads its rows, and how its faults find their place.

    class Digits(DataSettings, source="digits"):
        size: MaybeSize = (32, 32)

        def read(self, blame: Blame) -> Rows | None:
            ...

Being defined with `source=` registers it under that name.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, cast

from compiler.errors import Diagnostics, Place, did_you_mean, shown
from compiler.settings import (
    Annotation,
    InvalidSettings,
    MaybePositiveInt,
    MaybePositiveNumber,
    PositiveInt,
    Problem,
    Settings,
    Str,
    choice,
    field_error,
    is_int,
    is_list_of,
    is_number,
    nested_error,
    rule,
    validate,
)
from compiler.spec.located import Leaf, Map, at, plain, validated

if TYPE_CHECKING:
    from pathlib import Path

    from compiler.runtime.data.dataset import Array, Inputs
    from compiler.runtime.data.new_rows import NewRows

Task = Literal["multiclass", "binary", "multilabel", "regression"]

CACHE = "outputs/cache"
"""Where sources keep what took long to read."""

SOURCES: dict[str, type[DataSettings]] = {}
"""Every source by the name that `data.source` gives."""


class Unreadable(Exception):
    """A file is not what its format asks for; the text says how, after the file's name.

    Attributes:
        code: E720 where the file is damaged (it was such a file, and bytes of it are lost), else E702.
    """

    def __init__(self, message: str, hint: str | None = None, *, damaged: bool = False) -> None:
        super().__init__(message)
        self.hint, self.code = hint, "E720" if damaged else "E702"


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Rows as a source has them.

    Attributes:
        x: inputs by name, each (N, ...), in memory or mapped from a file; a single input has the name "".
        y: labels or targets, (N,) or (N, K).
        suffix: what is added to `x` and `y` in messages, e.g. `_train`.
        groups: of the rows, int64 (N,), where some belong together and must come into one split.
        digests: sha256 of what each row was read from, uint8 (N, 32), where `x` has been resized since: fingerprints
            are made of these instead.
        names: what the rows are called, such as paths; None where they have no names.
        ids: of the rows, int64 (N,), unique over all parts; None where their place in the source names them.
    """

    x: Mapping[str, Array]
    y: Array
    suffix: str = ""
    groups: Array | None = None
    digests: Array | None = None
    names: tuple[str, ...] | None = None
    ids: Array | None = None

    def fingerprint(self, ids: Array, rows: Array) -> str:
        """Sha256 of `ids`, int64 (N,), and of the inputs of `rows` as the source has them."""
        from compiler.runtime.data.dataset import rows_fingerprint  # imports NumPy

        return rows_fingerprint(ids, self, rows)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """All that a source has.

    Attributes:
        class_names: in the order of the class numbers; None where the source has none.
        parts: `{"all": ...}`, or `train` with `val`, `test` or both.
        fitted: what `new_rows` has to know of these rows, in JSON's values.
    """

    class_names: tuple[str, ...] | None
    parts: Mapping[str, Part]
    fitted: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, eq=False)
class Blame:
    """Reports faults at the value of the configuration that is to blame."""

    section: Map
    diagnostics: Diagnostics

    def __call__(self, code: str, message: str, *path: str, hint: str | None = None) -> None:
        self.diagnostics.report(code, message, self.place(*path), hint=hint)

    def place(self, *path: str) -> Place:
        """Where the value at `path` was written."""
        return at(self.section, path)[0]


_SHAPE = {"type": "array", "items": {"type": "integer", "minimum": 1}}


Shape = tuple[int, ...]
_is_shape = is_list_of(is_int)


def _are_shapes(value: object) -> bool:
    shapes = cast("Mapping[str, object]", value) if isinstance(value, Mapping) else {"": value}
    return len(shapes) > 0 and all(_is_shape(shape) for shape in shapes.values())


def _all_positive(value: Sequence[int] | Mapping[str, Sequence[int]]) -> bool:
    shapes = value.values() if isinstance(value, Mapping) else [value]
    return all(len(shape) > 0 and min(shape) > 0 for shape in shapes)


def _tuples(value: Sequence[int] | Mapping[str, Sequence[int]]) -> Shape | dict[str, Shape]:
    return {name: tuple(shape) for name, shape in value.items()} if isinstance(value, Mapping) else tuple(value)


InputShape = Annotated[
    Shape | dict[str, Shape],
    rule(
        "a list of positive integers, or one by name for several inputs",
        _are_shapes,
        _all_positive,
        {"anyOf": [_SHAPE, {"type": "object", "additionalProperties": _SHAPE}]},
        convert=_tuples,
    ),
]
MaybeSize = Annotated[
    tuple[int, int] | None,
    rule(
        "[height, width], two positive integers,",
        is_list_of(is_int, 2),
        _all_positive,
        _SHAPE,
        none=True,
        convert=tuple,
    ),
]
Share = Annotated[
    float,
    rule(
        "a fraction in [0, 1) or a whole number of rows",
        is_number,
        lambda value: 0 <= value < 1 or (is_int(value) and value > 0),
        {"type": "number", "minimum": 0},
    ),
]
Seed = Annotated[
    int,
    rule("an integer from 0 to 2**32 - 1", is_int, lambda value: 0 <= value < 2**32, {"type": "integer", "minimum": 0}),
]


def record(cls: type[Settings]) -> Annotation:
    """Annotation for a field that is a nested record of type `cls`."""

    def check(value: object, name: str) -> object:
        if isinstance(value, cls):
            return value
        if not isinstance(value, Mapping):
            keys = ", ".join(cls.model_fields)
            raise field_error("E106", f"{name!r} must be a mapping of {keys} (got {shown(value)})")
        try:
            return validate(cls, cast("Mapping[str, object]", value), subject=name)
        except InvalidSettings as error:
            raise nested_error(error.problems) from None

    return Annotation(check, lambda: {"type": "object"})


class ValSplit(Settings):
    """How much of the training rows becomes `val`, for sources that have a test split of their own."""

    val: Share = 0.1
    seed: Seed = 0

    @property
    def shares(self) -> dict[str, float]:
        return {"val": self.val}


class ValTestSplit(ValSplit):
    """How much of all rows becomes `val` and `test`."""

    val: Share = 0.15
    test: Share = 0.15

    @property
    def shares(self) -> dict[str, float]:
        return {"val": self.val, "test": self.test}


_FOLDS: Mapping[str, object] = {"type": "integer", "minimum": 2}
_FOLD: Mapping[str, object] = {"type": "integer", "minimum": 0}


class DataSettings(Settings):
    """Abstract: the keys that every source has.

    Fields:
        source: which one.
        input_shape: of one row after preparation, for `${data.input_shape}` in model files; by name for several inputs.
        classes: how many, for `${data.classes}` in model files; labels for multilabel, targets for regression.
        task: what is learnt; a source that can do more than one has more choices.
        size: height and width that images are resized to.
        divide_by: what inputs are divided by (255 for bytes); null leaves them as they are.
        split: how the rows are shared out.
        folds, fold: for cross-validation, of how many folds which one is `val`; `split.val` then says nothing.
        limit: at most so many training rows.
        memory: whether prepared rows are kept there (`load`) or made batch by batch (`map`); `auto` goes by their size.

    Class attributes:
        auto: keys that may be `auto`, with values for the time until `settled` gives them.
    """

    auto: ClassVar[Mapping[str, object]] = {}

    source: Str
    input_shape: InputShape
    classes: PositiveInt
    task: Annotated[Task, choice("multiclass")] = "multiclass"
    size: MaybeSize = None
    divide_by: MaybePositiveNumber = None
    split: Annotated[ValSplit, record(ValTestSplit)] = ValTestSplit()
    folds: Annotated[int | None, rule("an integer >= 2", is_int, lambda n: n >= 2, _FOLDS, none=True)] = None
    fold: Annotated[int | None, rule("an integer >= 0", is_int, lambda n: n >= 0, _FOLD, none=True)] = None
    limit: MaybePositiveInt = None
    memory: Annotated[str, choice("auto", "load", "map")] = "auto"

    def __init_subclass__(cls, source: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if source is not None:
            SOURCES[source] = cls

    @property
    def shapes(self) -> Mapping[str, Shape]:
        """Declared shapes by input; a single one has the name ""."""
        return self.input_shape if isinstance(self.input_shape, dict) else {"": self.input_shape}

    @property
    def target_names(self) -> tuple[str, ...]:
        """What the targets of a regression are called; empty where they have no names."""
        return ()

    def keeps(self, nbytes: int) -> bool:
        """Whether data of so many bytes are kept in memory: as `memory` says, else by what is available."""
        from compiler.runtime.data.memory import fits  # not for `check`

        return self.memory == "load" or (self.memory == "auto" and fits(nbytes))

    def check(self) -> Iterable[Problem]:
        """Faults that show without the data."""
        shares = self.split.shares
        if all(share < 1 for share in shares.values()) and sum(shares.values()) >= 1 - 1e-9:
            taken = " and ".join(f"{part!r} of {share:g}" for part, share in shares.items())
            message = f"{taken} leave nothing to train on"
            yield Problem(("split", "val"), "E707", message)
        if self.folds is not None and (self.fold is None or self.fold >= self.folds):
            got = "null" if self.fold is None else self.fold
            message = f"with {self.folds} folds 'fold' must be one of 0 to {self.folds - 1} (got {got})"
            every = ",".join(str(number) for number in range(min(self.folds, 10)))
            yield Problem(("fold",), "E107", message, f"data.fold=0; or -m data.fold={every} to run them all")
        if self.fold is not None and self.folds is None:
            yield Problem(("fold",), "E107", "'fold' says nothing without 'folds'", "folds: 5")
        if self.size is not None and isinstance(self.input_shape, dict):
            yield Problem(("size",), "E107", "'size' must be null with several inputs")

    @abstractmethod
    def read(self, blame: Blame) -> Rows | None:
        """All rows of the source, unchanged; None where `blame` was told why not."""

    def settled(self, auto: frozenset[str], blame: Blame) -> dict[str, object] | None:
        """The values of the keys in `auto`, by a look at the data; None where `blame` was told why not."""
        return {}  # without the class attribute `auto` there is nothing to settle

    def fit(self, part: Part, rows: Array, blame: Blame) -> Mapping[str, Any]:
        """What preparing inputs has to know of the training rows, `rows` of `part`: scales, categories. JSON's values.

        It is computed from these rows alone. What is wrong with them, or unlike the declaration, `blame` is told.
        """
        return {}

    def prepared(self, part: Part, rows: Array, fitted: Mapping[str, Any], lazy: bool, blame: Blame) -> Inputs:
        """The inputs of `rows` of `part`; made when they are asked for where `lazy`."""
        from compiler.runtime.data.images import prepared  # imports NumPy

        return prepared(part, rows, lazy, self)

    def new_rows(self, path: Path, fitted: Mapping[str, Any], blame: Blame, *, labels: bool) -> NewRows | None:
        """The rows of a file or folder that came after the training, prepared as in it.

        This one reads arrays (.npz, .npy) as the source has them; a source of another form has its own.

        Args:
            fitted: what the training's `Dataset.fitted` was.
            blame: every path of its section is the place of the input.
            labels: whether labels or targets are wanted too.

        Returns:
            None where `blame` was told why not: E701 to E708.
        """
        from compiler.runtime.data.new_rows import array_rows  # imports NumPy

        return array_rows(self, path, blame, labels=labels)


def class_problems(settings: DataSettings, hint: str | None = None) -> Iterator[Problem]:
    """E107 where a task cannot have so many classes."""
    if settings.task == "binary" and settings.classes != 2:
        yield Problem(("classes",), "E107", f"'classes' must be 2 for a binary task (got {settings.classes})")
    if settings.task == "multiclass" and settings.classes < 2:
        yield Problem(("classes",), "E107", f"'classes' must be at least 2 (got {settings.classes})", hint)


def read_data(section: Map, diagnostics: Diagnostics) -> DataSettings | None:
    """The settings that the `data` section describes; None, with the faults in `diagnostics`, where they are wrong."""
    names = ", ".join(repr(name) for name in sorted(SOURCES))
    source = section.get("source")
    if source is None:
        diagnostics.report("E105", "'data' needs the key 'source'", section.place, hint=f"one of {names}")
        return None
    if not isinstance(source, Leaf) or not isinstance(source.value, str):
        diagnostics.report("E106", f"'source' must be one of {names} (got {shown(plain(source))})", source.place)
        return None
    if source.value not in SOURCES:
        hint = did_you_mean(source.value, SOURCES) or f"one of {names}"
        diagnostics.report("E117", f"unknown data source {source.value!r}", source.place, hint=hint)
        return None
    settings = validated(SOURCES[source.value], section, diagnostics, subject="data")
    problems = tuple(settings.check()) if settings else ()
    for problem in problems:
        diagnostics.report(problem.code, problem.message, at(section, problem.path)[0], hint=problem.hint)
    return None if problems else settings
