"""The command `import`."""

from __future__ import annotations

import argparse
from pathlib import Path

from compiler.commands.text import Commands, Report


def add(commands: Commands) -> None:
    """Register the command of this file."""
    imports = commands.add_parser("import", help="a model file from a Keras model")
    imports.set_defaults(run=_import, json=False)
    imports.add_argument("source", help="a .keras file, a JSON config of Keras's, or keras.applications:NAME")
    imports.add_argument("-o", "--output", type=Path, help="write to a file, and print the model's totals")
    imports.add_argument("-w", "--weights", type=Path, help="write the weights too, to a .weights.h5 file")


def _import(args: argparse.Namespace, report: Report) -> str:
    from compiler.importer.command import import_model
    from compiler.runtime.quiet import quiet

    with quiet():
        model = import_model(args.source, args.weights)
    if args.output:
        from compiler.targets.table import totals_line

        print(totals_line(model.graph, args.output.stem))
    return model.text
