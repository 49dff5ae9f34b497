"""The command for a sweep: `report`."""

from __future__ import annotations

import argparse
from pathlib import Path

from compiler.commands.text import Commands, Report, as_json, pairs


def add(commands: Commands) -> None:
    """Register the command of this file."""
    report = commands.add_parser("report", help="a sweep's results and its page, made again from its study")
    report.set_defaults(run=_report)
    usage = "sweep=DIR: the folder that train.py -m printed; a sweep that is at work may be looked at too"
    report.add_argument("settings", nargs="*", metavar="KEY=VALUE", help=usage)
    report.add_argument("--json", action="store_true", help="for programs: sweep.json, or the faults, as JSON")


def _report(args: argparse.Namespace, report: Report) -> str:
    given = pairs(args.settings, "report", {"sweep": "DIR"})
    from compiler.runtime.job import as_typed
    from compiler.runtime.sweep.closing import summary
    from compiler.runtime.sweep.folder import SweepFolder
    from compiler.runtime.sweep.report import write_report
    from compiler.runtime.sweep.results import write_results
    from compiler.runtime.sweep.study import Study

    folder = Path(given["sweep"])
    study = Study.open(SweepFolder(folder))
    record = write_results(study)
    write_report(study)
    return as_json(record) if args.json else summary(record, str(as_typed(folder))) + "\n"
