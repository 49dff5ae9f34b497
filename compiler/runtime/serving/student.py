"""A student: one network that is trained to say what an ensemble says. It becomes a run like any other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compiler.errors import ConfigError, Fault, Place
from compiler.runtime.ensemble.lock import run_id
from compiler.runtime.plan import Plan, plan
from compiler.runtime.run import Run
from compiler.runtime.serving.ensemble import opened
from compiler.runtime.training.teacher import Teacher
from compiler.spec.compose import CONFIG_NAME, compose, with_values
from compiler.spec.overrides import for_hydra

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from compiler.runtime.data import Dataset

TEMPERATURE, HARD = 2.0, 0.1
"""By what logits are divided, and the share of the labels in the loss, where nothing else is asked for."""


@dataclass(frozen=True, slots=True)
class Lessons:
    """How a student is taught; `Teacher` says what it means."""

    temperature: float = TEMPERATURE
    hard: float = HARD


def student_plan(
    run: Run,
    words: Sequence[str],
    lessons: Lessons,
    place: Place,
    config_dir: Path | None = None,
    config_name: str | None = None,
) -> Plan:
    """What is to be trained: the model and training of the overrides `words`, on the ensemble's own data.

    The data are those of its first member, prepared as that one prepared them, unless the overrides speak of data.

    Args:
        run: of the kind `ensemble`.
        place: where the user named it.

    Raises:
        ConfigError: faults of the configuration; E609, the model is no network; E803, a member is gone or changed.
    """
    from compiler.runtime.serving.shared import SharedPreprocessing

    part = opened(run)
    kept = SharedPreprocessing(part)
    composed = compose(for_hydra([*words, "train.checkpoint=null"]), config_dir, config_name or CONFIG_NAME)
    if not any(word.lstrip("+~").startswith("data") for word in words):
        composed = with_values(composed, {"data": dict(kept.kept[0].section)})
    job = plan(composed)
    _ = job.network  # raises E609
    if job.data is not None and (job.data.task, job.data.classes) != (kept.task, kept.kept[0].settings.classes):
        message = f"the data are {job.data.task} of {job.data.classes}, and the ensemble's {kept.task} of"
        hint = "without data=..., the ensemble's own are taken"
        raise ConfigError(
            [Fault("E803", f"{message} {kept.kept[0].settings.classes}", job.data_section.place, hint=hint)]
        )

    def says(data: Dataset) -> NDArray[np.float32]:
        from compiler.runtime.serving.predictor import predictor

        rows = kept.rows_like(data.train, place)
        return predictor(run)(rows.x)

    about: Mapping[str, Any] = {
        "run": run_id(run.root),
        "path": run.root.as_posix(),
        "temperature": lessons.temperature,
        "hard": lessons.hard,
    }
    return replace(job, teacher=Teacher(says, lessons.temperature, lessons.hard, about))
