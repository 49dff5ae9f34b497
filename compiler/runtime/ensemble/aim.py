"""What weights are to be found for: whether objective, pooling, method and task go together."""

from __future__ import annotations

from compiler.errors import Diagnostics
from compiler.runtime.ensemble.objectives import Objective
from compiler.runtime.ensemble.settings import EnsembleSettings
from compiler.runtime.training.losses import Task
from compiler.spec.located import Map, at


def check_aim(settings: EnsembleSettings, task: Task, section: Map, diagnostics: Diagnostics) -> None:
    """Report E852 for what cannot be had with members of a task.

    Args:
        section: where the settings stand.
    """
    objective = settings.objective_of(task)
    if task not in objective.tasks:
        suited = ", ".join(cls().key for cls in Objective.choices() if task in cls.tasks)
        message = f"{objective.key!r} is no objective of members of the task {task!r}"
        diagnostics.report("E852", message, at(section, ("objective",))[0], hint=f"one of {suited}")
    elif task == "regression" and settings.pooling == "logit":
        message = "values have no logits that could be pooled"
        diagnostics.report("E852", message, at(section, ("pooling",))[0], hint="ensemble.pooling=probability")
    else:
        pooling = "probability" if settings.pooling == "auto" else settings.pooling
        why = settings.method.refusal(task, objective, pooling)
        if why is not None:
            key = "pooling" if settings.method.refusal(task, objective, "probability") is None else "objective"
            diagnostics.report("E852", why, at(section, (key,))[0], hint=settings.method.instead)
