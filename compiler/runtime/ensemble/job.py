"""One ensemble: from a plan to a complete run directory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from compiler.errors import Diagnostics, render
from compiler.runtime.ensemble.agreement import check_members
from compiler.runtime.ensemble.aim import check_aim
from compiler.runtime.ensemble.anatomy import anatomy
from compiler.runtime.ensemble.board import board
from compiler.runtime.ensemble.comparison import compare_test, compare_val
from compiler.runtime.ensemble.lock import LOCK, WEIGHTS, Locked, lock_text, locked_run
from compiler.runtime.ensemble.members import SPLITS, Member, open_members, read_pool
from compiler.runtime.ensemble.objectives import Objective
from compiler.runtime.ensemble.plan import EnsemblePlan
from compiler.runtime.ensemble.pool import Pool
from compiler.runtime.ensemble.report import PAGE, facts_of
from compiler.runtime.ensemble.weighting import Weighed, cross_validated, weigh
from compiler.runtime.estimators.measures import measure
from compiler.runtime.fitting.clock import Clock
from compiler.runtime.memory import enough_memory
from compiler.runtime.run import RunWriter, environment
from compiler.runtime.signals import NOTHING, Signals
from compiler.runtime.training.metrics import USUAL
from compiler.spec.located import at, plain

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True, slots=True)
class Ensembled:
    """What an ensemble came to.

    Attributes:
        metrics: by split: `val` by cross-validated weights, `val_in_sample`, and `test` where it was scored.
        headline: the objective's name in `metrics["val"]`.
    """

    metrics: Mapping[str, Mapping[str, float]]
    headline: str

    @property
    def score(self) -> float:
        """What a sweep optimises."""
        return self.metrics["val"][self.headline]


def run_ensemble(job: EnsemblePlan, folder: Path, console: Console, overrides: Sequence[str] = ()) -> Ensembled:
    """Open the members, weigh them, and leave a complete run of kind `ensemble` in `folder`. TensorFlow is not needed.

    Args:
        overrides: the command line, for the record.

    Raises:
        ConfigError: a member cannot be used (E803), members do not fit together (E851), or
            what is asked for cannot be had with them (E852), a folder cannot be used
            (E803, E806), memory or disk run out (E804, E805), a signal (E807).
    """
    clock, settings = Clock(), job.settings
    with Signals() as signals, enough_memory():
        signals.kept = NOTHING
        diagnostics = Diagnostics()
        found = gather(job, folder, diagnostics)
        members, pool, tested = found.members, found.val, found.test
        if diagnostics.faults:
            console.print(render(diagnostics.faults), markup=False, highlight=False, soft_wrap=True)
        objective = settings.objective_of(pool.task)
        clock.lap("read")
        with RunWriter(folder, {**_facts(job, members, pool), "overrides": list(overrides)}) as writer:
            writer.save_text(LOCK, lock_text([_locked(member, folder) for member in members]))
            clock.lap("save")
            weighed = weigh(pool, settings)
            crossed = cross_validated(pool, settings)
            clock.lap("fit")
            blend = weighed.solution.blend
            metrics = {
                "val": measures(crossed.said, pool.labels, pool.task),
                "val_in_sample": measures(pool.blended(blend), pool.labels, pool.task),
            }
            compared = {"val": compare_val(pool, settings, crossed)}
            clock.lap("evaluate")
            writer.save_json(WEIGHTS, blend.as_json())
            writer.save_predictions("val", crossed.said, pool.rows, pool.labels)
            clock.lap("save")
            if tested is not None:
                said = tested.blended(blend)
                metrics["test"] = measures(said, tested.labels, tested.task)
                compared["test"] = compare_test(pool, tested, settings, weighed)
                clock.lap("evaluate")
                writer.save_predictions("test", said, tested.rows, tested.labels)
            made = anatomy(pool, settings, weighed, crossed)
            clock.lap("look")
            if settings.report:
                from compiler.runtime.ensemble.report.page import page

                facts = facts_of(pool, settings, weighed)
                writer.save_text(PAGE, page(settings.name, facts, metrics, compared, made))
            looked = {"compared": {k: each.as_json() for k, each in compared.items()}, "diversity": made.as_json()}
            record = {"metrics": metrics, "ensemble": {**_said(weighed, pool, objective), **looked}}
            clock.lap("save")
            writer.complete({**record, "timings": clock.rounded()})
    solution = weighed.solution
    text = board(
        pool.names,
        solution.weights,
        made.singles,
        objective,
        settings.name,
        metrics["val_in_sample"][objective.key],
        compared,
        solution.gap,
        weighed.pooling == "logit" or settings.diversity > 0,
        weighed.notes,
        folder,
    )
    console.print(text, markup=False, highlight=False, soft_wrap=True)
    return Ensembled(metrics, objective.key)


@dataclass(frozen=True, eq=False)
class Gathered:
    """Members that fit together.

    Attributes:
        val, test: what they say; no `test` where it is not to be scored, or a member has not predicted it.
    """

    members: tuple[Member, ...]
    val: Pool
    test: Pool | None


def gather(job: EnsemblePlan, folder: Path, diagnostics: Diagnostics) -> Gathered:
    """Open the members of the ensemble that is to be made in `folder`, with all that can be said against them.

    Raises:
        ConfigError: with every fault of the first stage that has any: the selectors and runs, their records, their
            predictions, the method. Warnings stay in `diagnostics`.
    """
    settings, place = job.settings, job.section.entries["members"].place
    members = open_members(job.section.entries["members"], diagnostics)
    diagnostics.raise_errors()
    check_members(members, folder, settings.method.learns, place, diagnostics)
    if members:
        check_aim(settings, members[0].task, job.section, diagnostics)
    diagnostics.raise_errors()
    val = read_pool(members, "val", diagnostics)
    without = [member.name for member in members if not member.has("test")]
    if without and settings.test:
        hint = "train it with train.test=predict or score"
        message = f"'test' is not scored: {', '.join(map(repr, without[:5]))} did not predict it"
        diagnostics.report("W607", message, place, hint=hint)
    test = read_pool(members, "test", diagnostics) if settings.test and not without else None
    diagnostics.raise_errors()
    assert val is not None, "what is missing has faults"
    _check_method(job, val, diagnostics)
    diagnostics.raise_errors()
    return Gathered(members, val, test)


def _check_method(job: EnsemblePlan, pool: Pool, diagnostics: Diagnostics) -> None:
    """Report what the members show about the method's own settings."""
    for problem in job.settings.method.unsuitable(pool):
        place = at(job.section, ("method", *problem.path), key=problem.at_key)[0]
        diagnostics.report(problem.code, problem.message, place, hint=problem.hint)


def measures(said: Any, labels: Any, task: Any) -> dict[str, float]:
    """What a training run would have measured, and every objective that suits the task; by name."""
    found = measure(said, labels, task, USUAL[task])
    for cls in Objective.choices():
        objective: Objective = cls()
        if task in objective.tasks and objective.key not in found:
            value = objective.value(said, labels, task)
            if np.isfinite(value):  # no area under the curve where a class has no rows
                found[objective.key] = value
    return found


def _locked(member: Member, folder: Path) -> Locked:
    """The member as the ensemble in `folder` keeps it."""
    names = {split: f"predictions/{split}.npz" for split in SPLITS}
    used = [
        {split: run.artefacts[name].sha256 for split, name in names.items() if name in run.artefacts}
        for run in member.runs
    ]
    runs = tuple(locked_run(run.root, folder, said) for run, said in zip(member.runs, used, strict=True))
    return Locked(member.name, member.form, str(member.record["kind"]), runs)


def _facts(job: EnsemblePlan, members: Sequence[Member], pool: Pool) -> dict[str, object]:
    """What `run.json` says from the start."""
    first = members[0]
    every = {
        what: {split: value for split in SPLITS if (value := first.fingerprint(what, split)) is not None}
        for what in ("rows", "labels")
    }
    rows = {"val": len(pool)}
    return {
        "kind": "ensemble",
        "name": job.settings.name,
        "task": pool.task,
        "data": {
            "name": first.record["data"]["name"],
            "classes": list(pool.classes),
            "rows": rows,
            "fingerprints": {**every, "classes": {"all": first.fingerprint("classes", "all")}},
        },
        "config": {"ensemble": plain(job.section)},
        "seeds": {"ensemble": job.settings.seed},
        "environment": environment(),
    }


def _said(weighed: Weighed, pool: Pool, objective: Objective) -> dict[str, object]:
    """The section `ensemble` of `run.json`."""
    solution = weighed.solution
    weights = solution.weights
    return {
        "objective": objective.key,
        "pooling": weighed.pooling,
        "weights": None if weights is None else dict(zip(pool.names, weights.tolist(), strict=True)),
        "kept": [pool.names[m] for m in weighed.kept],
        "picked": [pool.names[m] for m in solution.picked],
        "cost": solution.cost,
        "gap": solution.gap,
        "iterations": solution.iterations,
        "notes": list(weighed.notes),
    }
