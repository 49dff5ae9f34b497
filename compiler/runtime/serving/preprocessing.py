"""How a saved run prepared its rows, read again: new rows become what its model takes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from compiler.errors import Diagnostics, Fault, Place, Source
from compiler.runtime.data.paths import user_path
from compiler.runtime.data.source import Blame, DataSettings, Task, read_data
from compiler.runtime.run import Run
from compiler.runtime.run.files import refused, reported
from compiler.spec.located import Map, located

if TYPE_CHECKING:
    from compiler.runtime.data.dataset import Dataset
    from compiler.runtime.data.new_rows import NewRows
    from compiler.runtime.serving.shared import SharedPreprocessing

ARTEFACT = "preprocessing.json"
"""`compiler.runtime.data.new_rows.preprocessing` makes it."""

Report = Callable[[Iterable[Fault]], None]


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """What a run keeps of its data.

    Attributes:
        settings, section: the resolved `data` section of its configuration.
        class_names: in the order of the predictions' columns; empty for regression.
        fitted: what was learnt from the training rows.
    """

    settings: DataSettings
    section: Mapping[str, Any]
    task: Task
    class_names: tuple[str, ...]
    fitted: Mapping[str, Any]

    @property
    def names(self) -> tuple[str, ...]:
        """What the columns of the predictions are called: classes, labels, or targets where these have names."""
        return self.settings.target_names if self.task == "regression" else self.class_names

    def new_rows(self, path: str, place: Place, report: Report, *, labels: bool) -> NewRows:
        """The rows of a file or folder, prepared as in the training.

        Args:
            place: where the user wrote `path`, for faults.
            report: prints warnings.
            labels: whether labels or targets are wanted too.

        Raises:
            ConfigError: E7xx, the input is not such as the model takes.
        """
        diagnostics = Diagnostics()
        blame = Blame(cast(Map, located(self.section, place)), diagnostics)
        rows = self.settings.new_rows(user_path(path), self.fitted, blame, labels=labels)
        diagnostics.raise_errors()
        report(diagnostics.faults)
        assert rows is not None, "a source that reads nothing says why"
        return rows

    def own_data(self, place: Place) -> Dataset:
        """The data set of the training itself; faults are placed where the user named the run."""
        from compiler.runtime.data.load import load

        return load(self.settings, cast(Map, located(self.section, place)))

    def own_rows(self, split: str, place: Place) -> NewRows:
        """The rows of one split of it. Raises as `own_data` does."""
        from compiler.runtime.data.new_rows import NewRows

        rows = getattr(self.own_data(place), split)
        return NewRows(rows.x, rows.y, rows.ids)


def prepared_by(run: Run) -> Preprocessing | SharedPreprocessing:
    """What prepares rows for `run`, of whatever kind.

    Raises:
        ConfigError: as `preprocessing_of` does; E803, a member of an ensemble is gone or changed.
    """
    if run.record.get("kind") != "ensemble":
        return preprocessing_of(run)
    from compiler.runtime.serving.ensemble import opened
    from compiler.runtime.serving.shared import SharedPreprocessing

    return SharedPreprocessing(opened(run))


def preprocessing_of(run: Run) -> Preprocessing:
    """What `run` keeps of its data.

    Raises:
        ConfigError: E803, it keeps nothing, or not what it saved; faults of the section, such as a source that is gone.
    """
    path = run.file(ARTEFACT)
    with reported(f"read '{path}'"):
        text = path.read_text("utf-8")
    try:
        kept: dict[str, Any] = json.loads(text)
        section, fitted, names = dict(kept["data"]), dict(kept["fitted"]), tuple(kept["class_names"])
        task = cast(Task, kept["task"])
    except (ValueError, KeyError, TypeError) as error:
        raise refused(f"'{path}' is not what a run keeps of its data: {error}") from None
    diagnostics = Diagnostics()
    tree = located(section, Place(Source(str(path), ""), 1, 1))
    settings = read_data(cast(Map, tree), diagnostics)
    diagnostics.raise_errors()
    assert settings is not None, "settings that are missing have faults"
    return Preprocessing(settings, section, task, names, fitted)
