"""The kinds of jobs that a configuration can describe: a training, an ensemble of saved runs, a soup of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from compiler.errors import ConfigError, Fault
from compiler.runtime.ensemble.plan import EnsemblePlan, SoupPlan, plan_ensemble
from compiler.runtime.experiment.settings import is_experiment
from compiler.runtime.job import run, summary
from compiler.runtime.plan import Plan, plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from compiler.spec.compose import Composed

Job = Plan | EnsemblePlan | SoupPlan


def planned(composed: Composed) -> Job:
    """The job that a configuration describes. No data and no runs are read.

    Raises:
        ConfigError: with all faults at once.
    """
    if is_experiment(composed):  # train.py goes through its steps, unless another sweeper of Hydra's is at work
        tree = composed.section("experiment")
        raise ConfigError(
            [Fault("E858", "an experiment with steps is no job of a sweep", tree.place, hint="without -m")]
        )
    return plan_ensemble(composed) or plan(composed)


def carried_out(job: Job, folder: Path, overrides: Sequence[str]) -> float:
    """Run the job in `folder`, and say what came of it; gives its score on the validation rows.

    Raises:
        ConfigError: as `run`, `run_ensemble` and `run_soup` do.
    """
    from rich.console import Console

    console = Console()
    if isinstance(job, EnsemblePlan):
        from compiler.runtime.ensemble.job import run_ensemble

        return run_ensemble(job, folder, console, overrides).score
    if isinstance(job, SoupPlan):
        from compiler.runtime.ensemble.soup.job import run_soup

        return run_soup(job, folder, console, overrides).score
    outcome = run(job, folder, console, overrides)
    console.print(summary(outcome, folder), markup=False, highlight=False, soft_wrap=True)
    split, _, metric = job.train.best.monitor.partition(".")
    return outcome.metrics[split][metric]
