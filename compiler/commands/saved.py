"""The commands for a saved run: `predict`, `evaluate`, `export`."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from compiler.commands.plugins import add_config, plugins_of
from compiler.commands.text import Commands, Report, add_passes, as_json, number, pairs, place_of, whole
from compiler.errors import ConfigError, Fault, did_you_mean
from compiler.errors import as_json as fault_as_json

if TYPE_CHECKING:
    from compiler.runtime.run import Run

_SPLITS = ("test", "val", "train")


def add(commands: Commands) -> None:
    """Register the commands of this file."""
    predict = commands.add_parser("predict", help="what a saved run says about new rows")
    predict.set_defaults(run=_predict)
    usage = "run=DIR input=FILE output=FILE.csv|.npz|.parquet [batch_size=64]"
    predict.add_argument("settings", nargs="*", metavar="KEY=VALUE", help=usage)
    evaluate = commands.add_parser("evaluate", help="a saved run against rows with labels: metrics and a report")
    evaluate.set_defaults(run=_evaluate)
    usage = "run=DIR [input=FILE], or [split=test] of the run's own data; [batch_size=64]"
    evaluate.add_argument("settings", nargs="*", metavar="KEY=VALUE", help=usage)
    evaluate.add_argument("-o", "--output", type=Path, help="write to a file")
    export = commands.add_parser("export", help="a saved run's model as a file to deploy")
    export.set_defaults(run=_export)
    usage = "run=DIR to=keras|saved_model|onnx|tflite|bundle [rows=256]; to=student model=NAME [train.epochs=20]"
    export.add_argument("settings", nargs="*", metavar="KEY=VALUE", help=usage)
    export.add_argument("-o", dest="path", type=Path, metavar="PATH", help="what to write (default: the run's name)")
    add_passes(export, "inference")
    for command in (predict, evaluate, export):
        add_config(command)
        command.add_argument("--json", action="store_true", help="for programs: results and faults as JSON")


def _predict(args: argparse.Namespace, report: Report) -> str:
    from compiler.runtime.run import read_run
    from compiler.runtime.serving.output import not_of_the_run, output_file

    example = {"run": "DIR", "input": "FILE", "output": "FILE.csv"}
    given = pairs(args.settings, "predict", example, {"batch_size": "64"})
    batch_size, place = whole(given, "batch_size"), place_of("output", given)
    path = output_file(given["output"], given["input"], place)
    plugins_of(args)
    run = read_run(Path(given["run"]))
    not_of_the_run(path, run, place)
    warnings: list[Fault] = []
    warn: Report = warnings.extend if args.json else report
    from compiler.runtime.serving.predict import predict

    rows = predict(run, given["input"], place_of("input", given), path, warn, batch_size)
    if args.json:
        return as_json({"rows": rows, "path": str(path), "faults": [fault_as_json(fault) for fault in warnings]})
    return f"{rows:,} rows\n{path}\n"


def _evaluate(args: argparse.Namespace, report: Report) -> str:
    from compiler.runtime.run import read_run

    optional = {"input": "FILE", "split": "test", "batch_size": "64"}
    given = pairs(args.settings, "evaluate", {"run": "DIR"}, optional)
    batch_size, split = whole(given, "batch_size"), given.get("split", "test")
    if split not in _SPLITS:
        hint = did_you_mean(split, _SPLITS) or f"one of {', '.join(_SPLITS)}"
        raise ConfigError([Fault("E117", f"unknown split {split!r}", place_of("split", given), hint=hint)])
    if "split" in given and "input" in given:
        message = "evaluate takes an input or a split of the run's own data, not both"
        raise ConfigError([Fault("E007", message, place_of("split", given))])
    plugins_of(args)
    run = read_run(Path(given["run"]))
    from compiler.runtime.serving.evaluate import evaluate, require_classes
    from compiler.runtime.serving.preprocessing import prepared_by
    from compiler.runtime.serving.report import as_data
    from compiler.runtime.serving.report import report as report_of

    kept, warnings = prepared_by(run), list[Fault]()
    warn: Report = warnings.extend if args.json else report
    if "input" in given:
        place = place_of("input", given)
        rows = kept.new_rows(given["input"], place, warn, labels=True)
        require_classes(rows.class_names, kept, place)
        x, y, origin = rows.x, rows.y, f"{len(rows):,} rows of {given['input']}"
    else:
        part = kept.own_rows(split, place_of("run", given))
        x, y, origin = part.x, part.y, f"{len(part):,} rows, the run's split '{split}'"
    assert y is not None, "labels were asked for"
    found = evaluate(run, kept, x, y, origin, batch_size)
    if args.json:
        return as_json({**as_data(found), "faults": [fault_as_json(fault) for fault in warnings]})
    return report_of(found)


def _export(args: argparse.Namespace, report: Report) -> str:
    from compiler.runtime.quiet import quiet
    from compiler.runtime.run import read_run
    from compiler.runtime.serving.forms import form_of, target
    from compiler.runtime.serving.frozen import frozen_graph

    if "to=student" in args.settings:
        return _student(args, report)
    given = pairs(args.settings, "export", {"run": "DIR", "to": "keras"}, {"rows": "256"})
    rows = whole(given, "rows")
    form = form_of(given["to"])
    plugins_of(args)
    run = read_run(Path(given["run"]), verify=False)
    path = target(form, str(run.record.get("name") or "model"), args.path)
    ensemble = run.record.get("kind") == "ensemble"
    if given["to"] == "bundle":
        _require_ensemble(run, "bundle")
        from compiler.runtime.serving.bundle import bundle

        made = bundle(run, path)
        if args.json:
            return as_json({**asdict(made), "path": str(path)})
        without = f", {made.left_out} without weight left out" if made.left_out else ""
        return f"{made.runs} runs{without}; {made.bytes / 1e6:.1f} MB\n{path}\n"
    graph = None if ensemble else frozen_graph(run)
    with quiet():
        from compiler.runtime.serving.export import export, export_fused

        if graph is None:
            done = export_fused(run, args.passes, given["to"], path, rows)
        else:
            done = export(run, graph, args.passes, given["to"], path, rows)
    if args.json:
        return as_json({**asdict(done), "path": str(path)})
    return (
        f"{done.layers[0]} layers became {done.layers[1]}; outputs differ by {done.difference:.1e} at most "
        f"on {done.rows} (the largest is {done.largest:.2g})\n{path}\n"
    )


def _student(args: argparse.Namespace, report: Report) -> str:
    """Train a network to say what an ensemble says; words that are no settings of the command are overrides."""
    from rich.console import Console

    from compiler.runtime.run import read_run
    from compiler.runtime.serving.forms import form_of, target
    from compiler.runtime.serving.student import HARD, TEMPERATURE, Lessons, student_plan

    own = [word for word in args.settings if word.partition("=")[0] in ("run", "to", "temperature", "hard")]
    words = [word for word in args.settings if word not in own]
    optional = {"temperature": f"{TEMPERATURE:g}", "hard": f"{HARD:g}"}
    given = pairs(own, "export", {"run": "DIR", "to": "student"}, optional)
    if not any(word.startswith(("model=", "model_file=")) for word in words):
        raise ConfigError([Fault("E007", "to=student needs model=NAME", hint="a small network: model=mlp")])
    temperature = number(given, "temperature", "a positive number", lambda value: value > 0)
    hard = number(given, "hard", "a number from 0 to 1", lambda value: 0 <= value <= 1)
    lessons = Lessons(TEMPERATURE if temperature is None else temperature, HARD if hard is None else hard)
    run = read_run(Path(given["run"]))
    _require_ensemble(run, "student")
    path = target(form_of("student"), f"{run.record.get('name') or 'ensemble'}-student", args.path)
    job = student_plan(run, words, lessons, place_of("run", given), args.config_dir, args.config_name)
    if not args.json:
        report(job.warnings)
    from compiler.runtime.job import run as train
    from compiler.runtime.job import summary

    outcome = train(job, path, Console(quiet=args.json), args.settings)
    if args.json:
        return as_json({"path": str(path), "metrics": outcome.metrics, "ensemble": run.metrics})
    return f"{summary(outcome, path)}\n"


def _require_ensemble(run: Run, form: str) -> None:
    if run.record.get("kind") != "ensemble":
        message = f"the run '{run.root}' is of no ensemble: its kind is {run.record.get('kind')!r}"
        raise ConfigError([Fault("E803", message, hint=f"to={form} is for ensembles")])
