"""What the commands share: passes by name, the settings KEY=VALUE of a saved run's commands, where text goes."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compiler.errors import ConfigError, Fault, Place, Source, did_you_mean

if TYPE_CHECKING:
    from compiler.passes import Pass

Report = Callable[[Iterable[Fault]], None]
"""Prints warnings."""

Commands = Any
"""What argparse keeps its subcommands in; its type has no public name."""


def add_passes(command: argparse.ArgumentParser, default: str | None) -> None:
    """Give a command the option `--passes`."""
    text = f"passes to run, with commas between; 'inference' is all (default: {default or 'none'})"
    command.add_argument("--passes", type=_passes, default=default, metavar="NAMES", help=text)


def _passes(text: str) -> Mapping[str, Pass]:
    from compiler.passes import chosen

    try:
        return chosen(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def pairs(
    words: Iterable[str], command: str, needed: Mapping[str, str], optional: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The settings KEY=VALUE of a command.

    Args:
        needed, optional: an example of each key's value.

    Raises:
        ConfigError: E007, a word is no setting of the command, or one that it needs is missing.
    """
    keys = {**needed, **(optional or {})}
    shown = [f"{key}={value}" for key, value in needed.items()]
    usage = " ".join([*shown, *(f"[{key}={value}]" for key, value in (optional or {}).items())])
    given: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or key not in keys:
            raise ConfigError([Fault("E007", f"{command} takes {usage} (got {word!r})", hint=did_you_mean(key, keys))])
        given[key] = value
    missing = [key for key in needed if not given.get(key)]
    if missing:
        message = f"{command} needs {missing[0]}={needed[missing[0]]}"
        raise ConfigError([Fault("E007", message, hint=f"{command} {usage}")])
    return {key: value for key, value in given.items() if value}


def whole(given: Mapping[str, str], key: str) -> int | None:
    """A setting that is a positive whole number; None where it is not given.

    Raises:
        ConfigError: E107, it is something else.
    """
    text = given.get(key)
    if text is None:
        return None
    if not text.isdecimal() or int(text) == 0:
        raise ConfigError([Fault("E107", f"{key!r} must be a positive integer (got {text!r})")])
    return int(text)


def number(given: Mapping[str, str], key: str, rule: str, holds: Callable[[float], bool]) -> float | None:
    """A setting that is a number; None where it is not given.

    Args:
        rule, holds: what it must be, in words and as a test.

    Raises:
        ConfigError: E107, it is something else.
    """
    text = given.get(key)
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not (isfinite(value) and holds(value)):
        raise ConfigError([Fault("E107", f"{key!r} must be {rule} (got {text!r})")])
    return value


def place_of(key: str, given: Mapping[str, str]) -> Place:
    """Where the value of a setting stands: in its word of the command line."""
    word = f"{key}={given[key]}"
    return Place(Source(word, word, "override"), 1, len(key) + 2, max(len(given[key]), 1))


def as_json(value: object) -> str:
    return json.dumps(value, indent=2) + "\n"


def write(text: str, output: Path | None) -> None:
    """Write `text` to a file, or to standard output.

    Raises:
        ConfigError: E006, the file cannot be written.
    """
    if output is None:
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError([Fault("E006", f"cannot write '{output}': {error.strerror or error}")]) from None
