"""The commands for a saved run: `export`."""

from __future__ import annotations

import argparse
import os
from dataclasses import asdict
from pathlib import Path

from compiler.commands.plugins import add_config, plugins_of
from compiler.commands.text import Commands, Report, add_passes, as_json, pairs, whole


def add(commands: Commands) -> None:
    """Register the commands of this file."""
    export = commands.add_parser("export", help="a saved run's model as a file to deploy")
    export.set_defaults(run=_export)
    export.add_argument(
        "settings", nargs="*", metavar="KEY=VALUE", help="run=DIR to=keras|saved_model|onnx|tflite [rows=256]"
    )
    export.add_argument("-o", dest="path", type=Path, metavar="PATH", help="what to write (default: the run's name)")
    add_passes(export, "inference")
    for command in (export,):
        add_config(command)
        command.add_argument("--json", action="store_true", help="for programs: results and faults as JSON")


def _export(args: argparse.Namespace, report: Report) -> str:
    from compiler.runtime.quiet import quiet
    from compiler.runtime.run import read_run
    from compiler.runtime.serving.forms import form_of, target
    from compiler.runtime.serving.frozen import frozen_graph

    given = pairs(args.settings, "export", {"run": "DIR", "to": "keras"}, {"rows": "256"})
    rows = whole(given, "rows")
    form = form_of(given["to"])
    plugins_of(args)
    run = read_run(Path(given["run"]), verify=False)
    path = target(form, str(run.record.get("name") or "model"), args.path)
    graph = frozen_graph(run)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet():
        from compiler.runtime.serving.export import export

        done = export(run, graph, args.passes, given["to"], path, *([rows] if rows else []))
    if args.json:
        return as_json({**asdict(done), "path": str(path)})
    return (
        f"{done.layers[0]} layers became {done.layers[1]}; outputs differ by {done.difference:.1e} at most "
        f"on {done.rows} (the largest is {done.largest:.2g})\n{path}\n"
    )
