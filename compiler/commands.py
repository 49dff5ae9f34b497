"""The commands: `python -m compiler check|show|emit|schema|import|export ...`, and `lamina` where it is installed.

None of them imports TensorFlow or Keras, but for `export`, `train`, and `import` of keras.applications or weights.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from compiler.errors import ConfigError, Diagnostics, Fault, did_you_mean
from compiler.ir import CheckedGraph, graph_text
from compiler.runtime.cli import reporting_faults
from compiler.runtime.job import Plan, plan
from compiler.spec.compose import CONFIG_NAME, compose, load_plugins
from compiler.spec.overrides import for_hydra

if TYPE_CHECKING:
    from compiler.passes import Pass

Report = Callable[[Iterable[Fault]], None]
"""Prints warnings."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command; the exit status is 2 for a user's mistake."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["train"]:
        _train(arguments[1:])
        return
    parser = _parser()
    args, more = parser.parse_known_args(arguments)
    strange = [text for text in more if text.startswith("-")]
    if strange:
        parser.error(f"unknown option {strange[0]}")
    listed = next((name for name in ("overrides", "settings") if name in args), None)
    if more and listed is None:
        parser.error(f"this command takes no overrides (got {more[0]})")
    if listed:
        getattr(args, listed).extend(more)  # those behind an option
    with reporting_faults(as_data=args.json) as report:
        text = args.run(args, report)
        _write(text, None if args.run is _export else args.output)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lamina", description="Check, show, emit and export models; train them.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
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
    imports = commands.add_parser("import", help="a model file from a Keras model")
    imports.set_defaults(run=_import, json=False)
    imports.add_argument("source", help="a .keras file, a JSON config of Keras's, or keras.applications:NAME")
    imports.add_argument("-o", "--output", type=Path, help="write to a file, and print the model's totals")
    imports.add_argument("-w", "--weights", type=Path, help="write the weights too, to a .weights.h5 file")
    export = commands.add_parser("export", help="a saved run's model as a file to deploy")
    export.set_defaults(run=_export)
    export.add_argument("settings", nargs="*", metavar="KEY=VALUE", help="run=DIR to=keras|saved_model")
    export.add_argument("--config-name", help="your own top config, whose plugins the model needs")
    commands.add_parser("train", help="train.py", add_help=False)
    for command in (check, show, emit):
        command.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="Hydra overrides, e.g. model=mlp")
        command.add_argument("--config-name", default=CONFIG_NAME, help="the top config (default: config)")
    for command in (check, show, emit, export):
        default = "inference" if command is export else None
        passes = f"passes to run, with commas between; 'inference' is all (default: {default or 'none'})"
        command.add_argument("--passes", type=_passes, default=default, metavar="NAMES", help=passes)
        command.add_argument("--json", action="store_true", help="for programs: results and faults as JSON")
    for command in (check, show, emit, schema, export):
        command.add_argument("--config-dir", type=Path, help="a folder of your own configuration")
        command.add_argument("-o", "--output", type=Path, help="write to a file (export: the run's name by default)")
    return parser


def _passes(text: str) -> Mapping[str, Pass]:
    from compiler.passes import chosen

    try:
        return chosen(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _planned(args: argparse.Namespace, report: Report, *, together: bool = False) -> Plan:
    """The configuration of a command line, without a fault; its warnings are printed where text is."""
    job = plan(compose(for_hydra(args.overrides), args.config_dir, args.config_name), together=together)
    if not args.json:
        report(job.warnings)
    if not args.passes:
        return job
    from compiler.passes import run_passes

    return replace(job, graph=run_passes(args.passes, job.graph)[0])


def _check(args: argparse.Namespace, report: Report) -> str:
    job = _planned(args, report, together=True)
    if args.json:
        return _json({"name": job.name, **_totals(job.graph), "faults": _warnings(job)})
    from compiler.targets.table import totals_line

    return totals_line(job.graph, job.name) + "\n" + (f"{job.initial}\n" if job.initial else "")


def _emit(args: argparse.Namespace, report: Report) -> str:
    return FORMS[args.form](_planned(args, report))


def _show(args: argparse.Namespace, report: Report) -> str:
    job = _planned(args, report)
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
    return graph_text(job.graph)


def _as_json(job: Plan) -> str:
    from compiler.targets.json import to_json

    return _json(to_json(job.graph))


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

    _load_plugins(args)
    return schema_text()


def _load_plugins(args: argparse.Namespace) -> None:
    """Import the plugins of the user's own configuration, if the command line names one."""
    if args.config_dir or args.config_name:
        diagnostics = Diagnostics()
        load_plugins(compose((), args.config_dir, args.config_name or CONFIG_NAME), diagnostics)
        diagnostics.raise_errors()


def _export(args: argparse.Namespace, report: Report) -> str:
    from compiler.runtime.quiet import quiet
    from compiler.runtime.run import read_run
    from compiler.runtime.serving.forms import target
    from compiler.runtime.serving.frozen import frozen_graph

    given = _pairs(args.settings, "export", {"run": "DIR", "to": "keras"})
    _load_plugins(args)
    run = read_run(Path(given["run"]), verify=False)
    path = target(given["to"], str(run.record.get("name") or "model"), args.output)
    graph = frozen_graph(run)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet():
        from compiler.runtime.serving.export import export

        done = export(run, graph, args.passes, given["to"], path)
    if args.json:
        return _json({**asdict(done), "path": str(path)})
    return (
        f"{done.layers[0]} layers became {done.layers[1]}; outputs differ by {done.difference:.1e} at most "
        f"on {done.rows} (the largest is {done.largest:.2g})\n{path}\n"
    )


def _pairs(words: Iterable[str], command: str, keys: Mapping[str, str]) -> dict[str, str]:
    """The settings KEY=VALUE of a command; `keys` has an example of each, and all are needed."""
    usage = " ".join(f"{key}={value}" for key, value in keys.items())
    given: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or key not in keys:
            raise ConfigError([Fault("E007", f"{command} takes {usage} (got {word!r})", hint=did_you_mean(key, keys))])
        given[key] = value
    missing = [key for key in keys if not given.get(key)]
    if missing:
        message = f"{command} needs {missing[0]}={keys[missing[0]]}"
        raise ConfigError([Fault("E007", message, hint=f"{command} {usage}")])
    return given


def _import(args: argparse.Namespace, report: Report) -> str:
    from compiler.importer.command import import_model
    from compiler.runtime.quiet import quiet

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet():
        model = import_model(args.source, args.weights)
    if args.output:
        from compiler.targets.table import totals_line

        print(totals_line(model.graph, args.output.stem))
    return model.text


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
    from compiler.errors import as_json

    return [as_json(fault) for fault in job.warnings]


def _json(value: object) -> str:
    return json.dumps(value, indent=2) + "\n"


def _write(text: str, output: Path | None) -> None:
    if output is None:
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError([Fault("E006", f"cannot write '{output}': {error.strerror or error}")]) from None


def _train(arguments: Sequence[str]) -> None:
    import train

    sys.argv = ["train.py", *arguments]
    train.main()
