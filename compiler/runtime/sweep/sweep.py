"""A sweep from its command line to its results: what `hydra/sweeper=lamina` does.

wanted -> find what is unfinished, or freeze -> study with its slots -> launcher -> results
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from compiler.runtime.cli import USER_ERROR, reporting_faults
from compiler.runtime.job import as_typed
from compiler.runtime.sweep.begin import begun, found, wanted
from compiler.runtime.sweep.board import Board
from compiler.runtime.sweep.closing import conclude
from compiler.runtime.sweep.controller import controlling
from compiler.runtime.sweep.folder import SweepFolder
from compiler.runtime.sweep.jobs import Jobs
from compiler.runtime.sweep.results import recorded
from compiler.runtime.sweep.study import Study

if TYPE_CHECKING:
    from rich.console import Console

NONE_COMPLETE = 1
"""Exit status of a sweep all of whose trials are finished, and none of them complete."""


@dataclass(frozen=True)
class Sweep:
    """A sweep that is carried out.

    Attributes:
        folder, study: all that its workers need.
        console, board: where the user sees how it goes on.
    """

    folder: SweepFolder
    study: Study
    console: Console
    board: Board


def run_sweep(arguments: Sequence[str], config: DictConfig, launcher: Any) -> float | None:
    """Carry out the sweep that the command line asks for, or what is left of it, and write its results.

    Args:
        arguments: its overrides without Hydra's own.
        config: as Hydra composed it for the sweep.
        launcher: one of ours has `carry`; any other launcher of Hydra's gets single jobs.

    Returns:
        The best value; None where there is none, or several objectives.
    """
    from rich.console import Console

    with reporting_faults() as report:
        settings = config.hydra
        own = tuple(text for text in settings.overrides.hydra if not text.startswith("hydra.mode="))
        want = wanted(tuple(arguments), own, _config_dir(config), settings.job.config_name)
        report(want.warnings)
        explicit = any(text.lstrip("+").startswith("hydra.sweep.dir=") for text in settings.overrides.hydra)
        folder = found(want, Path(settings.sweep.dir), explicit)
        console = Console()
        with controlling(folder):
            goes_on = folder.definition.exists()
            study = begun(want, folder)
            if goes_on:
                console.print(f"goes on with {as_typed(folder.root)}", markup=False, highlight=False, soft_wrap=True)
            OmegaConf.save(config, folder.root / "multirun.yaml")
            board = Board(console, study)
            try:
                carrier = launcher if hasattr(launcher, "carry") else Jobs(launcher)
                carrier.carry(Sweep(folder, study, console, board))
            finally:
                board.close()
                summary = conclude(study)
                console.print(summary, markup=False, highlight=False, soft_wrap=True)
        if (reason := study.ended()) is not None:
            print(f"the sweep has ended before all trials were begun: {reason}", file=sys.stderr)
            sys.exit(USER_ERROR)
        record = recorded(folder.root)
        best = record["best"]
        if best is None and record["status"] == "complete":
            sys.exit(NONE_COMPLETE)
        return best["values"][study.objectives[0].name] if best and study.single else None


def _config_dir(config: DictConfig) -> Path | None:
    """The folder of `--config-dir`."""
    sources = [source for source in config.hydra.runtime.config_sources if source.provider == "command-line"]
    return Path(str(sources[0].path)) if sources else None
