"""What the commands share: faults on standard error with their exit status, and Hydra's command line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from compiler.errors import ConfigError, Fault, as_json, render
from compiler.runtime.memory import enough_memory
from compiler.runtime.signals import Interrupted

USER_ERROR = 2
"""Exit status of a user's mistake, and of every fault that `STATUSES` does not name."""

STATUSES = {
    "E802": 3,  # the training diverged
    "E804": 4,  # out of memory
    "E805": 5,  # disk full
    "E806": 6,  # another process writes the run
    "E720": 7,  # a data file is damaged
    "E807": 75,  # stopped by a signal after a checkpoint; 75 is EX_TEMPFAIL of sysexits.h: try again
}
"""Exit status by the code of the fault, for scripts that act on it. `docs/watching.md` has the same table."""

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it: 128 + SIGINT."""

TRIAL = "LAMINA_TRIAL"
"""Environment variable of a Hydra job that is a sweep's trial: its number, a colon, the sweep's folder."""


@contextmanager
def reporting_faults(*, as_data: bool = False) -> Iterator[Callable[[Iterable[Fault]], None]]:
    """Print the faults of a `ConfigError` and exit with their status; gives a function that prints warnings.

    Args:
        as_data: print JSON on standard output instead of text on standard error.
    """

    def report(faults: Iterable[Fault]) -> None:
        found = list(faults)
        if as_data:
            print(json.dumps({"faults": [as_json(fault) for fault in found]}, indent=2))
        elif found:
            print(render(found), file=sys.stderr)

    try:
        with enough_memory():
            yield report
    except ConfigError as error:
        report(error.faults)
        by_user = isinstance(error, Interrupted) and error.by_user
        sys.exit(INTERRUPTED if by_user else status_of(error.faults))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)


def status_of(faults: Iterable[Fault]) -> int:
    """The exit status for `faults`: the one that all errors among them have, else that of a user's mistake.

    >>> status_of([Fault("W607", "no effect"), Fault("E805", "disk full")]), status_of([Fault("E104", "unknown")])
    (5, 2)
    """
    found = {STATUSES.get(fault.code, USER_ERROR) for fault in faults if fault.is_error}
    return found.pop() if len(found) == 1 else USER_ERROR


@dataclass(frozen=True, slots=True)
class Arguments:
    """What composition needs of a command line."""

    overrides: list[str]
    config_dir: Path | None
    config_name: str


def plain_run(argv: Sequence[str]) -> Arguments | None:
    """The arguments of a single run; None where Hydra is asked for something else (a sweep, help, its config)."""
    arguments, mode = _read(argv)
    return arguments if mode == "run" else None


def multirun(argv: Sequence[str]) -> Arguments | None:
    """The arguments of a sweep of ours; None where Hydra is asked for something else."""
    arguments, mode = _read(argv)
    return arguments if mode == "multirun" else None


def _read(argv: Sequence[str]) -> tuple[Arguments, Literal["run", "multirun", "other"]]:
    from hydra._internal.utils import get_args_parser  # Hydra's command line has no public parser

    from compiler.spec.compose import CONFIG_NAME

    args = get_args_parser().parse_args(list(argv))
    folder = Path(args.config_dir) if args.config_dir else None
    found = Arguments(list(args.overrides), folder, args.config_name or CONFIG_NAME)
    others = args.help, args.hydra_help, args.cfg, args.info, args.shell_completion, args.config_path
    modes = [text for text in args.overrides if text.startswith("hydra.mode=")]
    sweepers = [text for text in args.overrides if text.startswith("hydra/sweeper=")]
    if any(others) or args.experimental_rerun or modes or any(not text.endswith("=lamina") for text in sweepers):
        return found, "other"
    return found, "multirun" if args.multirun else "run"
