"""One trial: its point is checked, trained, and what came of it is told, whatever happens on the way."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Any, Protocol

from omegaconf import OmegaConf

from compiler.errors import ConfigError, Fault
from compiler.runtime.fitting.clock import Clock
from compiler.runtime.fitting.progress import Pruned
from compiler.runtime.job import run, summary
from compiler.runtime.memory import enough_memory
from compiler.runtime.plan import Plan
from compiler.runtime.resume import differences
from compiler.runtime.run import read_record
from compiler.runtime.run.files import RECORD, make_folder, place
from compiler.runtime.signals import Interrupted, Signals
from compiler.runtime.sweep.claims import Claim, Taken
from compiler.runtime.sweep.folds import Facts, facts_of_folds
from compiler.runtime.sweep.reporter import Reporter
from compiler.runtime.sweep.same import key_of
from compiler.runtime.warm import OtherProcess, Warm
from compiler.spec.located import plain

if TYPE_CHECKING:
    from rich.console import Console

    from compiler.runtime.sweep.study import Study

UNSCORED = "train.test=predict"
"""What every trial has besides: `test` is predicted, for ensembles, and nothing can select on it."""

IN_USE_SECONDS = 5.0
"""Before a trial is given back whose folder another process still writes ..."""

IN_USE_ATTEMPTS = 20
"""... so many times."""

Ending = Callable[[Claim], None]
"""Tells how a trial ended."""


class Composer(Protocol):
    """What makes plans of overrides; `compiler.runtime.sweep.composer.Composer` is one."""

    def plan(self, overrides: Sequence[str]) -> Plan: ...


class OutOfRoom(Exception):
    """The disk is full: no further trial would fare better."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What a process has for all of its trials.

    Attributes:
        study: that they are told to.
        composer: checks their points.
        console: where their output goes.
        warm: what one trial leaves for the next.
        signals: what asks to stop; held by whoever calls.
    """

    study: Study
    composer: Composer
    console: Console
    warm: Warm
    signals: Signals


def carry_out(claim: Claim, bench: Bench) -> bool:
    """Check, train and tell one trial.

    Nothing that a trial does but what ends the process leaves this function: what it raises is told as its reason.

    Returns:
        Whether the process is fit for another trial: not after an error that nobody foresaw.

    Raises:
        Interrupted: E807, a signal came; the trial is given back with its checkpoint.
        OutOfRoom: the disk is full; the trial is given back.
    """
    again: Exception | None = None
    fit = True
    try:
        with bench.signals.heard(), enough_memory():
            ending = _carried_out(claim, bench)
    except Taken as taken:
        bench.console.print(f"{taken}: it is dropped", markup=False)
        return True
    except Pruned:
        ending = _pruned
    except Interrupted as stop:
        again, ending = stop, _given_back(stop.faults[0])
    except ConfigError as error:
        fault = error.faults[0]
        fit = fault.code != "E804"
        if fault.code == "E805":
            again, ending = OutOfRoom(fault.message), _given_back(fault)
        elif fault.code == "E806" and claim.attempts < IN_USE_ATTEMPTS:
            time.sleep(IN_USE_SECONDS)  # its worker counted as dead, and is not yet
            ending = _given_back(fault)
        else:
            ending = _failed(fault.code, fault.message)
    except OtherProcess as other:
        fit, ending = False, _given_back(Fault("E807", str(other)))
    except SystemExit as stop:
        fit, ending = False, _failed("exit", f"sys.exit({'' if stop.code is None else repr(stop.code)}) was called")
    except Exception as error:  # whatever a trial raises is the trial's own
        traceback.print_exc()
        said = str(error).strip().splitlines()
        reason = f"{type(error).__name__}: {said[0][:300]}" if said else type(error).__name__
        fit, ending = False, _failed("exception", reason)
    _tell(claim, ending, bench.console)
    if again is not None:
        raise again
    return fit


def _carried_out(claim: Claim, bench: Bench) -> Ending:
    """Check the trial, and train it unless an equal one is finished."""
    search, clock = bench.study.definition.search, Clock()
    try:
        plans = [bench.composer.plan(overrides) for overrides in _overrides(claim, bench.study, search.folds)]
    except ConfigError as error:
        faults = error.faults
        return lambda claim: claim.infeasible(faults)
    key = key_of(plans[0], search.folds)
    equal = bench.study.finished_equal(key) if search.reuse else None
    if equal is not None and equal.values is not None:
        values, facts = equal.values, {"reused_from": equal.number, **equal.facts}
        return lambda claim: claim.complete(values, facts)
    facts = _folds(claim, plans, bench) if search.folds else _run(claim, claim.folder, plans[0], bench, clock)
    return _completed({**facts, "key": key}, bench.study)


def _overrides(claim: Claim, study: Study, folds: int | None) -> list[list[str]]:
    """The overrides of a trial besides those that all have, one list a run."""
    said = [*study.definition.fixed, *claim.overrides]
    unscored = [] if any(text.lstrip("+").startswith("train.test=") for text in said) else [UNSCORED]
    own = [*claim.overrides, *unscored]
    return [[*own, f"data.folds={folds}", f"data.fold={i}"] for i in range(folds)] if folds else [own]


def _run(claim: Claim, folder: Path, plan: Plan, bench: Bench, clock: Clock, observed: bool = True) -> Facts:
    """Train one run of the trial, or go on with it; what it came to."""
    clock.lap("plan")
    status = _status(folder, plan)
    if status == "pruned":  # its worker died before it had told so
        raise Pruned
    if status != "complete":
        overrides = [*bench.study.definition.fixed, *claim.overrides]
        record_overrides(folder, overrides, plan)
        clock.lap("save")
        reporter = Reporter(claim, bench.study.objectives[0].name) if observed else None
        outcome = run(
            plan, folder, bench.console, overrides, observer=reporter, warm=bench.warm, signals=bench.signals,
            clock=clock,
        )  # fmt: skip
        bench.console.print(summary(outcome, folder), markup=False, highlight=False, soft_wrap=True)
    return facts_of(folder)


def _folds(claim: Claim, plans: Sequence[Plan], bench: Bench) -> Facts:
    """Train a run a fold. After each the mean so far is reported; to a pruner that compares folds, the fold's value."""
    objective = bench.study.objectives[0]
    by_fold = bench.study.definition.search.pruner.by_fold
    done: list[Facts] = []
    for i, plan in enumerate(plans):
        done.append(_run(claim, bench.study.folder.fold(claim.number, i), plan, bench, Clock(), observed=False))
        value = objective.of(done[-1] if by_fold else facts_of_folds(done))
        if i + 1 not in claim.steps and claim.report(i + 1, value) and i + 1 < len(plans):
            raise Pruned
    return facts_of_folds(done)


def _status(folder: Path, plan: Plan) -> str | None:
    """What is in a trial's folder already: the status of a run of the same plan.

    Raises:
        ConfigError: E810, it is another run that is finished.
    """
    if not (folder / RECORD).exists():
        return None
    record = read_record(folder)
    if record["status"] in ("complete", "pruned") and (unlike := differences(record, plan)):
        raise ConfigError(unlike)
    return record["status"]


def facts_of(folder: Path) -> Facts:
    """What the study is to know of the run in `folder`. Its test scores, if it has any, stay out of it."""
    record = read_record(folder)
    metrics: Mapping[str, Any] = record.get("metrics", {})
    kept = ("kind", "name", "spec_hash", "model", "timings", "best_epoch", "epochs_run", "stopped")
    known = {key: record[key] for key in kept if key in record}
    return {**{split: metrics[split] for split in metrics if split != "test"}, **known}


def record_overrides(folder: Path, overrides: Sequence[str], plan: Plan) -> None:
    """Leave `.hydra/overrides.yaml` and `.hydra/config.yaml`, as Hydra does for its own jobs."""
    sections = {"train": plain(plan.train_section), "data": plain(plan.data_section), **plan.others}
    config = f"model:\n{indent(plan.model_yaml, '  ')}{OmegaConf.to_yaml(OmegaConf.create(sections))}"
    make_folder(folder / ".hydra")
    place(folder, ".hydra/overrides.yaml", lambda path: path.write_text(OmegaConf.to_yaml(list(overrides)), "utf-8"))
    place(folder, ".hydra/config.yaml", lambda path: path.write_text(config, "utf-8"))


def _completed(facts: Facts, study: Study) -> Ending:
    try:
        values = [objective.of(facts) for objective in study.objectives]
    except (KeyError, TypeError):  # a metric that this model does not have, or one that is no number
        wanted = ", ".join(objective.name for objective in study.objectives)
        return _failed("E601", f"the run has not all of search.objectives: {wanted}", facts)
    return lambda claim: claim.complete(values, facts)


def _pruned(claim: Claim) -> None:
    claim.pruned(facts_of(claim.folder) if (claim.folder / RECORD).exists() else None)


def _failed(code: str, reason: str, facts: Facts | None = None) -> Ending:
    return lambda claim: claim.failed(code, reason, facts)


def _given_back(fault: Fault) -> Ending:
    return lambda claim: claim.give_back(fault.message, fault.code)


def _tell(claim: Claim, ending: Ending, console: Console) -> None:
    try:
        ending(claim)
    except Taken as taken:
        console.print(f"{taken}: what came of it is dropped", markup=False)
