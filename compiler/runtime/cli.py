"""What the commands share: faults on standard error with exit status 2, and Hydra's command line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from compiler.errors import ConfigError, Fault, as_json, render
from compiler.spec.compose import CONFIG_NAME

USER_ERROR = 2
"""Exit status of a user's mistake."""


@contextmanager
def reporting_faults(*, as_data: bool = False) -> Iterator[Callable[[Iterable[Fault]], None]]:
    """Print the faults of a `ConfigError` and exit with status 2; gives a function that prints warnings.

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
        yield report
    except ConfigError as error:
        report(error.faults)
        sys.exit(USER_ERROR)


@dataclass(frozen=True, slots=True)
class Arguments:
    """What composition needs of a command line."""

    overrides: list[str]
    config_dir: Path | None
    config_name: str


def plain_run(argv: Sequence[str]) -> Arguments | None:
    """The arguments of a single run; None where Hydra is asked for something else (a sweep, help, its config)."""
    from hydra._internal.utils import get_args_parser  # Hydra's command line has no public parser

    args = get_args_parser().parse_args(list(argv))
    others = (
        args.multirun, args.help, args.hydra_help, args.cfg, args.info, args.shell_completion,
        args.experimental_rerun, args.config_path, any(text.startswith("hydra.mode=") for text in args.overrides),
    )  # fmt: skip
    if any(others):
        return None
    folder = Path(args.config_dir) if args.config_dir else None
    return Arguments(list(args.overrides), folder, args.config_name or CONFIG_NAME)
