"""The commands: `python -m compiler check|show|emit|schema|import|export|runs|report ...`; `lamina` where installed.

A command is a function of its arguments that gives the text to print, in a file here whose `add` registers it. None of
them imports TensorFlow or Keras, but for `export`, `train`, and `import` of keras.applications or weights.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from compiler.commands import imports, looks, runs, saved, sweeps
from compiler.commands.text import write
from compiler.runtime.cli import reporting_faults

__all__ = ["main"]


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
        write(args.run(args, report), getattr(args, "output", None))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lamina", description="Check, show, emit and export models; train them.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    looks.add(commands)
    imports.add(commands)
    saved.add(commands)
    runs.add(commands)
    sweeps.add(commands)
    commands.add_parser("train", help="train.py", add_help=False)
    return parser


def _train(arguments: Sequence[str]) -> None:
    import train

    sys.argv = ["train.py", *arguments]
    train.main()
