"""Train a model: `python train.py model=NAME data=NAME train.epochs=5 ...`, with any Hydra override; `-m` sweeps.

`ensemble=NAME 'ensemble.members=[...]'` makes an ensemble of saved runs instead.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from compiler.runtime.cli import TRIAL, multirun, plain_run, reporting_faults
from compiler.runtime.experiment.job import carry_out
from compiler.runtime.experiment.settings import is_experiment
from compiler.runtime.job import as_typed
from compiler.runtime.kinds import Job, carried_out, planned
from compiler.runtime.resume import asked, plan_again
from compiler.spec.compose import CONFIG_NAME, VERSION_BASE, compose, config_folder, current
from compiler.spec.overrides import for_hydra

_planned: list[Job] = []  # a single run is checked before Hydra makes its folder


@hydra.main(version_base=VERSION_BASE, config_path=str(config_folder()), config_name=CONFIG_NAME)
def train(cfg: DictConfig) -> float | None:
    """Make what `cfg` describes; the value of the monitored metric is what a sweep optimises."""
    with reporting_faults():
        if (trial := os.environ.get(TRIAL)) is not None:
            from compiler.runtime.sweep.jobs import work_as_job

            return work_as_job(trial)
        job = _planned.pop() if _planned else planned(current(cfg))
        settings = HydraConfig.get()
        return carried_out(job, as_typed(Path(settings.runtime.output_dir)), list(settings.overrides.task))


def main() -> None:
    """Check the configuration, then hand over to Hydra; an unfinished run needs neither."""
    sys.argv[1:] = for_hydra(sys.argv[1:])
    arguments = plain_run(sys.argv[1:])
    if arguments is not None:
        with reporting_faults() as report:
            unfinished = asked(arguments.overrides)
            if unfinished is not None:
                job = plan_again(unfinished, arguments.overrides)
                report(job.warnings)
                carried_out(job, unfinished, arguments.overrides)
                return
            composed = compose(arguments.overrides, arguments.config_dir, arguments.config_name)
            if is_experiment(composed):
                sys.exit(carry_out(arguments))
            _planned.append(planned(composed))
            report(_planned[0].warnings)
    swept = multirun(sys.argv[1:])
    if swept is not None:  # Hydra's own complaints have no places
        from compiler.runtime.sweep.begin import apart, wanted

        with reporting_faults():
            wanted(*apart(swept.overrides), swept.config_dir, swept.config_name)
    train()


if __name__ == "__main__":
    atexit.register(gc.freeze)  # a last search for garbage takes a second where TensorFlow is imported
    main()
