"""The commands that look at a configuration: `check`, `show`, `emit`; and `schema`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from compiler.commands.plugins import plugins_of
from compiler.commands.text import Commands, Report, add_passes, as_json

if TYPE_CHECKING:
    from compiler.ir import CheckedGraph
    from compiler.runtime.plan import Plan


def add(commands: Commands) -> None:
    """Register the commands of this file."""
    check = commands.add_parser("check", help="faults, or one line of totals")
    check.set_defaults(run=_check)
    show = commands.add_parser("show", help="the layer table: name, op, output shape, params, FLOPs")
    show.set_defaults(run=_show)
    emit = commands.add_parser("emit", help="the model in another form")
    emit.add_argument("form", choices=sorted(FORMS), help="the IR, JSON, a diagram, or Keras source")
    emit.set_defaults(run=_emit)
    schema = commands.add_parser("schema", help="the JSON Schema of model files, for completion in editors")
    schema.set_defaults(run=_schema, json=False)
    schema.add_argument("--config-name", help="your own top config: the layers of its plugins are in the schema too")
    for command in (check, show, emit):
        command.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="Hydra overrides, e.g. model=mlp")
        command.add_argument("--config-name", help="the top config (default: config)")
        add_passes(command, None)
        command.add_argument("--json", action="store_true", help="for programs: results and faults as JSON")
    for command in (check, show, emit, schema):
        command.add_argument("--config-dir", type=Path, help="a folder of your own configuration")
        command.add_argument("-o", "--output", type=Path, help="write to a file")


def _planned(args: argparse.Namespace, report: Report, *, together: bool = False) -> Plan:
    """The configuration of a command line, without a fault; its warnings are printed where text is."""
    from compiler.runtime.plan import plan
    from compiler.spec.compose import CONFIG_NAME, compose
    from compiler.spec.overrides import for_hydra

    name = args.config_name or CONFIG_NAME
    job = plan(compose(for_hydra(args.overrides), args.config_dir, name), together=together)
    if not args.json:
        report(job.warnings)
    if not args.passes:
        return job
    from compiler.passes import run_passes

    return job.with_graph(run_passes(args.passes, job.graph)[0])


def _check(args: argparse.Namespace, report: Report) -> str:
    from compiler.estimators import EstimatorSpec

    job = _planned(args, report, together=True)
    if isinstance(job.model, EstimatorSpec):
        about = {"name": job.name, **job.model.canonical(), "hash": job.model.hash, "faults": _warnings(job)}
        return as_json(about) if args.json else f"{job.name}: {job.model}\n"
    if args.json:
        return as_json({"name": job.name, **_totals(job.graph), "faults": _warnings(job)})
    from compiler.targets.table import totals_line

    return totals_line(job.graph, job.name) + "\n" + (f"{job.initial}\n" if job.initial else "")


def _emit(args: argparse.Namespace, report: Report) -> str:
    return FORMS[args.form](_planned(args, report))


def _show(args: argparse.Namespace, report: Report) -> str:
    from compiler.estimators import EstimatorSpec

    job = _planned(args, report)
    if isinstance(job.model, EstimatorSpec):
        return as_json({"name": job.name, **job.model.canonical()}) if args.json else job.model_yaml
    if args.json:
        return FORMS["json"](job)
    from io import StringIO

    from rich.console import Console

    from compiler.targets.table import show

    if args.output is None and sys.stdout.isatty():
        show(job.graph, Console())
        return ""
    text = StringIO()
    show(job.graph, Console(file=text))
    return text.getvalue()


def _ir(job: Plan) -> str:
    from compiler.ir import graph_text

    return graph_text(job.graph)


def _as_json(job: Plan) -> str:
    from compiler.targets.json import to_json

    return as_json(to_json(job.graph))


def _mermaid(job: Plan) -> str:
    from compiler.targets.mermaid import to_mermaid

    return to_mermaid(job.graph)


def _python(job: Plan) -> str:
    from compiler.targets.python import to_python

    return to_python(job.graph, job.name)


def _svg(job: Plan) -> str:
    from compiler.targets.svg import to_svg

    return to_svg(job.graph)


FORMS: dict[str, Callable[[Plan], str]] = {
    "ir": _ir,
    "json": _as_json,
    "mermaid": _mermaid,
    "python": _python,
    "svg": _svg,
}
"""What `emit` can write. Each imports its target when it is asked for."""


def _schema(args: argparse.Namespace, report: Report) -> str:
    from compiler.targets.schema import schema_text

    plugins_of(args)
    return schema_text()


def _totals(graph: CheckedGraph) -> dict[str, object]:
    return {
        "layers": graph.layers,
        "params": graph.params,
        "trainable_params": graph.trainable_params,
        "flops": graph.flops,
        "activation_bytes": graph.activation_bytes,
        "hash": graph.hash,
    }


def _warnings(job: Plan) -> list[dict[str, object]]:
    from compiler.errors import as_json as fault_as_json

    return [fault_as_json(fault) for fault in job.warnings]
